"""`python -m bench`: measures our system and whatsapp-web.js in turn, writes table, picture and all samples.

A whole run writes bench/results; a part (`--only`, `--quick`, …) writes data/bench and publishes nothing.
Ends with 1 when a row failed.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import loader, machine, picture, table
from bench.bench import WEIGHT, Bench
from bench.plan import Plan, plan_from
from bench.scenarios.registry import SCENARIOS
from bench.table_of_rows import all_metrics, row_specs
from tests.standin.client import StandIn

PUBLISHED = machine.ROOT / "bench" / "results"
PRIVATE = machine.ROOT / "data" / "bench"
DEFAULT = Plan.default()


def main(arguments: list[str]) -> int:
    plan = plan_from(arguments, all_metrics())
    # so that everything started here is ended here, also when the bench is told to stop
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    browser, note = machine.peer_chromium()
    about = machine.describe(browser)
    about["date"] = datetime.now(UTC).date().isoformat()
    about["loader"] = loader.name()
    with tempfile.TemporaryDirectory(prefix="linkpool-bench-", ignore_cleanup_errors=True) as directory:
        # Chromium runs under a uid of its own and has to reach its profiles in there
        Path(directory).chmod(0o755)
        with StandIn.start(options=WEIGHT, tls=True) as standin:
            bench = Bench(plan, Path(directory), standin, browser)
            if note is not None:
                bench.results.remark(note)
            for name, scenario in SCENARIOS.items():
                if plan.wants(*scenario.metrics):
                    bench.say(f"scenario {name}")
                    scenario.run(bench)
            about["standin"] = standin.options()
            _judge(bench, standin)
    folder = PUBLISHED if plan == DEFAULT else PRIVATE
    _write(folder, bench, about)
    bench.say(f"written to {folder.relative_to(machine.ROOT)}")
    return 1 if bench.results.failures else 0


def _judge(bench: Bench, standin: StandIn) -> None:
    """A figure is worth nothing when two browsers ran one account for it."""
    if double_runs := standin.stats()["double_runs"]:
        bench.results.fail("one browser an account", f"the stand-in saw {double_runs} accounts run twice")


def _write(folder: Path, bench: Bench, about: dict[str, Any]) -> None:
    specs = row_specs(bench.plan.sessions)
    rows = bench.results.rows(specs)
    whole = {"about": about, **bench.results.to_json(specs)}
    text = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
    markdown = table.markdown(rows, about, bench.results.remarks())
    folder.mkdir(parents=True, exist_ok=True)
    # parts are run again and again; a rare failure must not be lost under the next one
    moment = about["date"] if folder == PUBLISHED else f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}"
    for name in (f"{moment}-{about['commit']}.json", "latest.json"):
        (folder / name).write_text(text)
    (folder / "latest.md").write_text(markdown)
    (folder / "latest.svg").write_text(picture.svg(rows, about))
    print(markdown)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
