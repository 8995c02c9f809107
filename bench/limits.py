"""`python -m bench.limits`: what wrong keys cost and tell, and more load than can be answered.

Rule: real gunicorn, real sockets, on this machine with its client. A whole run writes bench/results/limits.md
and .json; a part (`--quick`, `--only`) writes data/bench.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import machine
from bench.limits_report import markdown
from bench.many_connections import overload
from bench.tenfold import tenfold
from bench.wrong_keys import costs, timing

WRONG = 10_000
PARTS = ("wrong", "timing", "connections", "tenfold")


def measure(part: str, place: Path, *, quick: bool) -> Any:
    """One part."""
    match part:
        case "wrong":
            return costs(place, 1000 if quick else WRONG)
        case "timing":
            return timing(place, 500 if quick else 4000)
        case "connections" if shutil.which("wrk") is None:
            return None
        case "connections":
            return overload(place, 3 if quick else 8)
        case _:
            return tenfold(place, 3 if quick else 8)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.limits", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    given = parser.parse_args()
    about = {
        "commit": machine.commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 1),
    }
    results: dict[str, Any] = {"about": about}
    with tempfile.TemporaryDirectory(prefix="linkpool-limits-") as name:
        for part in PARTS:
            if given.only in {None, part}:
                place = Path(name) / part
                place.mkdir()
                results[part] = measure(part, place, quick=given.quick)
                print(json.dumps({part: results[part]}, indent=1), flush=True)
    whole = not given.quick and given.only is None
    folder = machine.ROOT / ("bench/results" if whole else "data/bench")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "limits.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / "limits.md").write_text(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
