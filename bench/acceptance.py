"""`python -m bench.acceptance`: the tests that the product was asked for, with their success criteria.

Without --url it starts everything here, on the stand-in at medium weight and without warm slots: every QR is
a cold start. With --url and --api-key it asks a deployment for QRs, and deletes what it made. Writes
bench/results/acceptance.md and .json; ends with 1 when a test or a criterion was missed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import machine
from bench.acceptance_client import Backend
from bench.acceptance_result import TestResult, markdown, passed, to_json
from bench.acceptance_tests import COUNT, on_deployment, on_own
from tests.system import System

PUBLISHED = machine.ROOT / "bench" / "results"


def run_here(count: int, weight: str) -> list[TestResult]:
    """On a system of our own."""
    with tempfile.TemporaryDirectory(prefix="linkpool-acceptance-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o755)  # Chromium has a uid of its own
        # the first pauses of a failed webhook, short enough to see it arrive
        with System(directory, {"weight": weight}, WEBHOOK_RETRY_SECONDS="1,1,2,4,8,16,32") as system:
            return [_said(result) for result in on_own(system, count)]


def run_there(url: str, api_key: str, count: int) -> list[TestResult]:
    """On somebody's deployment."""
    with Backend(url, api_key) as backend:
        return [_said(result) for result in on_deployment(backend, count)]


def _said(result: TestResult) -> TestResult:
    outcome = "skipped" if result.skipped else "passed" if result.good else "FAILED"
    print(f"{result.task}: {result.name}: {outcome}", file=sys.stderr, flush=True)
    return result


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.acceptance", description=__doc__)
    parser.add_argument("--url", help="a deployment's PUBLIC_URL")
    parser.add_argument("--api-key", default=os.environ.get("LINKPOOL_API_KEY"), help="or LINKPOOL_API_KEY")
    parser.add_argument("--count", type=int, default=COUNT, help="how often, and how many at once")
    parser.add_argument("--weight", default="medium", help="of the stand-in: light or medium")
    parser.add_argument("--into", type=Path, default=PUBLISHED, help="directory of the report")
    given = parser.parse_args(arguments)
    if given.url and not given.api_key:
        parser.error("--url needs --api-key or LINKPOOL_API_KEY")
    if given.count < 1:
        parser.error("--count: 1 or more")
    # so that everything started here is ended here, also when it is told to stop
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if given.url:
        results = run_there(given.url, given.api_key, given.count)
        what = "A deployment"
    else:
        results = run_here(given.count, given.weight)
        what = f"The whole system on the stand-in at {given.weight} weight, every QR a cold start"
    about = {
        "what": what,
        "count": given.count,
        "commit": machine.commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
    }
    given.into.mkdir(parents=True, exist_ok=True)
    report = json.dumps(to_json(results, about), indent=1, ensure_ascii=False)
    (given.into / "acceptance.json").write_text(report + "\n")
    (given.into / "acceptance.md").write_text(markdown(results, about))
    print(markdown(results, about))
    return 0 if passed(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
