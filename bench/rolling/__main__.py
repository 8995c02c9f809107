"""`python -m bench.rolling`: three nodes replaced one after another under traffic; does anybody notice?

Writes bench/results/rolling.json and .md. Ends with 1 when a request failed, a linked session was asked for a
QR, an account ran twice, or something did not come back.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import machine
from bench.rolling.report import markdown, to_json
from bench.rolling.walk import Plan, roll
from tests import postgres

RESULTS = machine.ROOT / "bench" / "results"
LOGS = machine.ROOT / "data" / "rolling"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.rolling", description=__doc__)
    plan = Plan()
    parser.add_argument("--nodes", type=int, default=plan.nodes)
    parser.add_argument("--linked", type=int, default=plan.linked, help="sessions that are there before")
    parser.add_argument("--backends", type=int, default=plan.backends, help="that create at the same time")
    parser.add_argument("--link-every", type=float, default=plan.link_every, help="seconds, of each of them")
    parser.add_argument("--warm-slots", type=int, default=plan.warm_slots)
    parser.add_argument("--dry-run", action="store_true", help="say what is found and write nothing")
    given = parser.parse_args(arguments)
    if given.nodes < 2 or given.linked < 1 or given.backends < 1:
        parser.error("--nodes: 2 or more; --linked and --backends: more than 0")
    plan = Plan(
        nodes=given.nodes,
        linked=given.linked,
        backends=given.backends,
        link_every=given.link_every,
        warm_slots=given.warm_slots,
    )
    # so that everything started here is ended here, also when it is told to stop
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    about = {
        **vars(plan),
        "commit": machine.commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 1),
    }

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", file=sys.stderr, flush=True)

    with (
        postgres.running() as server,
        tempfile.TemporaryDirectory(prefix="linkpool-rolling-", ignore_cleanup_errors=True) as name,
    ):
        directory = Path(name)
        directory.chmod(0o755)  # Chromium has a uid of its own
        try:
            outcome = roll(plan, directory, server.make(), say)
        finally:
            LOGS.mkdir(parents=True, exist_ok=True)
            for log in directory.glob("*.log"):  # to be read, whatever the verdict
                (LOGS / log.name).write_bytes(log.read_bytes())
    found = to_json({**about, "load_after": round(os.getloadavg()[0], 1)}, outcome)
    if not given.dry_run:
        (RESULTS / "rolling.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        (RESULTS / "rolling.md").write_text(markdown(found))
    print(markdown(found))
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
