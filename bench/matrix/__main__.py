"""`python -m bench.matrix [--only case,…]`: breaks one thing after the other under three nodes, and judges.

A whole run writes bench/results/matrix.json and .md, a part data/matrix. Ends with 1 when a judgement fails,
or when a case was asked for that this machine cannot run.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine
from bench.matrix import clocks, network
from bench.matrix.cases import CASES, Case
from bench.matrix.report import markdown
from bench.matrix.run import Stage, run
from bench.matrix.verdict import Measured, problems, to_json
from bench.matrix.world import ANYWHERE, NODES
from tests import postgres, seaweed

PUBLISHED = machine.ROOT / "bench" / "results"
PRIVATE = machine.ROOT / "data" / "matrix"
SESSIONS = 12
DURABLE = {"synchronous_commit": "on"}
"""PostgreSQL is stopped in the middle of its work here; what it acknowledged has to be there again."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.matrix", description=__doc__)
    parser.add_argument("--only", help=f"cases, with commas between: {', '.join(CASES)}")
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument(
        "--lease", type=float, help="seconds; LEASE_TTL_SECONDS as it is by default otherwise"
    )
    parser.add_argument("--keep", type=Path, help="a directory that gets the logs of each case")
    given = parser.parse_args(arguments)
    names = list(CASES) if given.only is None else given.only.split(",")
    if unknown := [name for name in names if name not in CASES]:
        parser.error(f"there is no case {', '.join(unknown)}")
    # so that everything started here is ended here, also when the matrix is told to stop
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen, skipped = possible([CASES[name] for name in names])
    measured = matrix(chosen, given.sessions, given.lease, given.keep)
    whole = given.only is None and given.sessions == SESSIONS and given.lease is None
    result = {
        "about": {
            "commit": machine.commit(),
            "date": datetime.now(UTC).date().isoformat(),
            "cores": len(os.sched_getaffinity(0)),
            "load": os.getloadavg()[2],
            "nodes": NODES,
            "sessions": given.sessions,
            "lease_seconds": measured[0].lease_seconds if measured else 0,
        },
        "good": not skipped and not any(problems(one) for one in measured),
        "skipped": skipped,
        "cases": [to_json(one) for one in measured],
    }
    write(PUBLISHED if whole else PRIVATE, result)
    return 0 if result["good"] else 1


def possible(cases: Iterable[Case]) -> tuple[list[Case], dict[str, str]]:
    """Those that this machine can run, and why it cannot run the others."""
    chosen, skipped = [], {}
    for case in cases:
        why = network.why_not() if case.cuts else clocks.why_not() if case.clock else None
        if why is None:
            chosen.append(case)
        else:
            skipped[case.name] = why
            print(f"SKIPPED {case.name}: {why}", file=sys.stderr, flush=True)
    return chosen, skipped


def matrix(
    cases: Iterable[Case], sessions: int, lease_seconds: float | None, keep: Path | None = None
) -> list[Measured]:
    """One world after the other; nothing runs any more when it returns."""
    cases, began, measured = list(cases), time.monotonic(), []

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", file=sys.stderr, flush=True)

    with ExitStack() as stack:
        server = stack.enter_context(postgres.running(DURABLE))
        bind = ANYWHERE if any(case.cuts for case in cases) else seaweed.LOOPBACK
        store = stack.enter_context(seaweed.running(bind))
        stage = Stage(postgres=server, store=store, sessions=sessions, lease_seconds=lease_seconds, say=say)
        for case in cases:
            with tempfile.TemporaryDirectory(prefix="lpm-", ignore_cleanup_errors=True) as directory:
                Path(directory).chmod(0o755)  # Chromium runs under a uid of its own
                one = run(case, stage, Path(directory))
                if keep is not None:
                    _keep_logs(Path(directory), keep / case.name, one)
            measured.append(one)
            for problem in problems(one):
                say(f"{case.name}: {problem}")
            say(f"{case.name}: {one.seconds} s, {'NOT good' if problems(one) else 'good'}")
    return measured


def _keep_logs(directory: Path, into: Path, measured: Measured) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for log in directory.glob("*.log"):
        (into / log.name).write_bytes(log.read_bytes())
    (into / "measured.json").write_text(json.dumps(to_json(measured), indent=1))


def write(folder: Path, result: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "matrix.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    text = markdown(result)
    (folder / "matrix.md").write_text(text)
    print(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
