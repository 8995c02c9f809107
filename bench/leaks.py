"""`python -m bench.leaks --sessions 200`: links and logs out, again and again; what stays of each session?

Writes bench/results/leaks.json and .md. Rule: between two rounds nothing is under way, so what a process
holds then it holds for ever. A beginning bends and ends; a leak goes on with every session.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import machine
from bench.leaks_rounds import run
from bench.leaks_verdict import judge, markdown

RESULTS = machine.ROOT / "bench" / "results"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.leaks", description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--into", type=Path, default=RESULTS)
    given = parser.parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="linkpool-leaks-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o755)
        rounds = run(given.sessions, given.rounds, directory)
    about = {
        "commit": machine.commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    result = judge(rounds, about)
    given.into.mkdir(parents=True, exist_ok=True)
    (given.into / "leaks.json").write_text(json.dumps(result, indent=1) + "\n")
    (given.into / "leaks.md").write_text(markdown(result))
    print(markdown(result))
    return 0 if result["good"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
