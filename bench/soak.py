"""`python -m bench.soak --minutes 60`: links, logouts, crashes and restarts at random; does anything grow?

Writes bench/results/soak.json, .md and .svg for ten minutes or more, data/soak for less. Ends with 1 when
something grew, was left over, or did not come back. The same seed makes the same choices, not the same race.
"""

from __future__ import annotations

import base64
import json
import secrets
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench import log_reading, machine, soak_end, soak_picture
from bench.soak_faults import Faults
from bench.soak_outcome import Outcome
from bench.soak_plan import Plan, plan_from
from bench.soak_report import markdown
from bench.soak_samples import Sampler
from bench.soak_users import User
from bench.soak_verdict import findings
from tests import seaweed
from tests.faulty_http import FaultyHttp
from tests.s3_server import SHARED_BUCKET
from tests.system import System

PUBLISHED = machine.ROOT / "bench" / "results"
PRIVATE = machine.ROOT / "data" / "soak"
PUBLISHED_FROM_MINUTES = 10.0


def soak(plan: Plan, directory: Path) -> Outcome:
    """Run it in this directory; nothing runs any more when it returns."""
    outcome = Outcome(about=plan.about())
    (directory / "tmp").mkdir()
    (directory / "tmp").chmod(0o1777)  # Chromium has a uid of its own
    with ExitStack() as stack:
        environ = _environ(directory)
        store = None
        if plan.with_store:
            server = stack.enter_context(seaweed.running())
            store = stack.enter_context(FaultyHttp(server.url))
            environ |= {
                "SNAPSHOT_URL": f"s3://{SHARED_BUCKET}/soak",
                "S3_ENDPOINT_URL": store.url,
                **{name: value for name, value in server.environment.items() if value},
            }
        system = stack.enter_context(System(directory, **environ))
        _work(plan, directory, system, store, outcome)
        soak_end.everything_can_be_forgotten(directory, system, outcome)
    for name in ("pool", "functions", "deliverer"):
        with (directory / f"{name}.log").open(errors="replace") as lines:
            outcome.logs[name] = log_reading.read(lines)
    for name, reading in outcome.logs.items():
        if reading.tracebacks or reading.strange:
            outcome.problems += [
                f"{name}.log: {count} x traceback {what}" for what, count in reading.tracebacks.items()
            ]
            outcome.problems += [f"{name}.log: {n} x no JSON: {what}" for what, n in reading.strange.items()]
    return outcome


def _environ(directory: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": f"sqlite:///{directory}/registry.db",
        "TMPDIR": str(directory / "tmp"),
        "SNAPSHOT_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "SNAPSHOT_QUIET_SECONDS": "2",
        "MAX_SLOTS": "6",
        "WARM_SLOTS": "1",
        "GOLDEN_PROFILE": "on",
        "HIBERNATE_AFTER_SECONDS": "20",
        "CANARY_EVERY_SECONDS": "300",
        "HEARTBEAT_SECONDS": "1",
        "RATE_ADDRESS_PER_MINUTE": "100000",
        "WEBHOOK_RETRY_SECONDS": "1,2,4,8,16,30,60,60,60,60",
    }


def _work(plan: Plan, directory: Path, system: System, store: FaultyHttp | None, outcome: Outcome) -> None:
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", file=sys.stderr, flush=True)

    # numbers of the range that Indonesia keeps for nobody
    users = [
        User(
            f"user-{place}",
            plan.seed * 1000 + place,
            system,
            [f"+62811900{place:02}{account:02}" for account in range(plan.accounts)],
            max(1, plan.accounts - 1),
        )
        for place in range(plan.users)
    ]
    faults = Faults(plan.seed, system, store, began, plan.fault_every, say)
    with Sampler(system, directory, began, plan.sample_every) as sampler:
        for user in users:
            user.start()
        try:
            faults.run(plan.minutes * 60, lambda: all(user.link_seconds for user in users))
        finally:
            for user in users:
                user.stop()
            for user in users:
                user.join()
    say("the faults are over")
    outcome.points = sampler.points
    outcome.findings = findings(sampler.points)
    outcome.problems += [f"sampler: {one}" for one in sampler.errors]
    outcome.problems += [
        f"{one.series} grew by {one.rise:.0f} in {one.seconds:.0f} s: {one.per_hour:.0f} an hour, "
        f"where {one.limit_per_hour:.0f} are allowed"
        for one in outcome.findings
        if one.grew
    ]
    outcome.problems += faults.broken
    outcome.faults = dict(faults.counts)
    for user in users:
        for name, count in user.done.items():
            outcome.journeys[name] = outcome.journeys.get(name, 0) + count
        outcome.gave_up += user.gave_up
        outcome.stories |= user.stories
        outcome.link_seconds += user.link_seconds
    outcome.problems += [f"gave up: {one}" for one in outcome.gave_up]
    outcome.picture = soak_picture.svg(sampler.points, faults.happened, outcome.about)
    soak_end.everything_is_back(system, users, outcome)
    soak_end.everything_goes(system, outcome)


def main(arguments: list[str]) -> int:
    plan = plan_from(arguments)
    # so that everything started here is ended here, also when the soak is told to stop
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = PUBLISHED if plan.minutes >= PUBLISHED_FROM_MINUTES else PRIVATE
    folder.mkdir(parents=True, exist_ok=True)
    PRIVATE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="linkpool-soak-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o755)
        try:
            outcome = soak(plan, directory)
        finally:
            for log in directory.glob("*.log"):  # to be read, whatever the verdict
                (PRIVATE / log.name).write_bytes(log.read_bytes())
    (PRIVATE / "stories.txt").write_text(
        "\n\n".join(f"{why}\n{told}" for why, told in outcome.stories.items())
    )
    (folder / "soak.json").write_text(json.dumps(outcome.to_json(), indent=1, ensure_ascii=False) + "\n")
    (folder / "soak.svg").write_text(outcome.picture)
    (folder / "soak.md").write_text(markdown(outcome.to_json()))
    print(markdown(outcome.to_json()))
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
