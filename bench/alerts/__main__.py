"""`python -m bench.alerts [--only Name,…]`: causes the fault of every alert; is somebody called?

A whole run writes bench/results/alerts.json and .md, a part data/alerts. Needs root (it mounts), Prometheus
and Alertmanager. Ends with 1 when an alert stays silent.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import machine
from bench.alerts.drill import chosen, drill
from bench.alerts.report import markdown, to_json
from bench.alerts.rules import ALERTS
from tests.peers.prometheus import PROGRAMS

PUBLISHED = machine.ROOT / "bench" / "results"
PRIVATE = machine.ROOT / "data" / "alerts"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.alerts", description=__doc__)
    parser.add_argument("--only", help="alerts, with commas between; what fires with them is looked at, too")
    given = parser.parse_args(arguments)
    names = list(ALERTS) if given.only is None else given.only.split(",")
    if unknown := set(names) - set(ALERTS):
        parser.error(f"there is no alert {', '.join(sorted(unknown))}")
    if absent := [name for name in PROGRAMS if shutil.which(name) is None]:
        parser.error(f"not on PATH: {', '.join(absent)}; deploy/setup.sh peers brings them")
    if os.geteuid() != 0:
        parser.error("it mounts a file system for a fault: run it as root")
    # so that everything started here is ended here, also when it is told to stop
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began, before = time.monotonic(), round(os.getloadavg()[0], 1)

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="linkpool-alerts-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o755)  # Chromium has a uid of its own
        try:
            verdicts = drill(chosen(names), directory, say)
        finally:
            _keep_logs(directory)
    about = {
        "commit": machine.commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": before,
        "load_after": round(os.getloadavg()[0], 1),
        "seconds": round(time.monotonic() - began, 1),
    }
    found = to_json(about, verdicts)
    results = PUBLISHED if given.only is None else PRIVATE
    results.mkdir(parents=True, exist_ok=True)
    (results / "alerts.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    (results / "alerts.md").write_text(markdown(found))
    print(markdown(found))
    return 0 if found["good"] else 1


def _keep_logs(directory: Path) -> None:
    """To be read, whatever the verdict."""
    for log in directory.glob("*/*.log"):
        place = PRIVATE / log.parent.name
        place.mkdir(parents=True, exist_ok=True)
        (place / log.name).write_bytes(log.read_bytes())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
