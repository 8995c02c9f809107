"""`python -m bench.soak --minutes 60`: links, logouts, crashes and restarts at random; does anything grow?

Writes bench/results/soak.json, .md and .svg for ten minutes or more, data/soak for less. Ends with 1 when
something grew, was left over, or did not come back. The same seed makes the same choices, not the same race.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import signal
import sqlite3
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import log_reading, machine, soak_picture
from bench.log_reading import LogReading
from bench.soak_faults import Faults
from bench.soak_report import markdown
from bench.soak_samples import EVERY_SECONDS, Point, Sampler, entries, registry_of, rows_of
from bench.soak_users import USABLE, User
from bench.soak_verdict import KEPT, Finding, findings, to_json
from functions.config import EVENTS_KEEP_DAYS
from storage.clock import ManualClock
from storage.database import open_database
from storage.retention import Retention
from tests import seaweed
from tests.faulty_http import FaultyHttp
from tests.s3_server import SHARED_BUCKET
from tests.system import System
from tests.waiting import eventually

PUBLISHED = machine.ROOT / "bench" / "results"
PRIVATE = machine.ROOT / "data" / "soak"
PUBLISHED_FROM_MINUTES = 10.0
FAULT_EVERY = (3.0, 12.0)
"""Seconds between two faults: some links meet none, some meet two."""
BACK_WITHIN = 120.0
GONE_WITHIN = 90.0
EMPTIED = ("snapshot-staging", "restoring", "profiles-aside", "sandbox-proof")
"""Directories of the pool that hold something only while work is under way."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Made from the command line."""

    minutes: float
    seed: int
    users: int
    accounts: int
    """For each user."""
    fault_every: tuple[float, float]
    sample_every: float
    with_store: bool


@dataclass(kw_only=True)
class Outcome:
    """All that a soak found."""

    about: dict[str, Any]
    problems: list[str] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    journeys: dict[str, int] = field(default_factory=dict)
    gave_up: list[str] = field(default_factory=list)
    link_seconds: list[float] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    after_retention: dict[str, int] = field(default_factory=dict)
    before_retention: dict[str, int] = field(default_factory=dict)
    logs: dict[str, LogReading] = field(default_factory=dict)
    picture: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "about": self.about,
            "good": not self.problems,
            "problems": self.problems,
            "journeys": self.journeys,
            "gave_up": self.gave_up,
            "link_seconds": [round(one, 3) for one in self.link_seconds],
            "faults": self.faults,
            "findings": [to_json(one) for one in self.findings],
            "rows_at_the_end": self.before_retention,
            "rows_after_retention": self.after_retention,
            "logs": {name: reading.to_json() for name, reading in self.logs.items()},
        }


def plan_from(arguments: list[str]) -> Plan:
    """Ends the program with a message when the arguments are wrong."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, default=3, help="backends at work at the same time")
    parser.add_argument("--accounts", type=int, default=4, help="WhatsApp accounts of each")
    parser.add_argument("--fault-every", type=float, nargs=2, default=FAULT_EVERY, metavar=("LEAST", "MOST"))
    parser.add_argument("--no-store", action="store_true", help="without SeaweedFS: snapshots in a directory")
    given = parser.parse_args(arguments)
    if given.minutes <= 0 or given.users < 1 or given.accounts < 1:
        parser.error("--minutes, --users and --accounts: more than 0")
    return Plan(
        minutes=given.minutes,
        seed=given.seed,
        users=given.users,
        accounts=given.accounts,
        fault_every=tuple(given.fault_every),
        sample_every=min(EVERY_SECONDS, given.minutes),
        with_store=not given.no_store,
    )


def soak(plan: Plan, directory: Path) -> Outcome:
    """Run it in this directory; nothing runs any more when it returns."""
    outcome = Outcome(about=_about(plan))
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
        _retention(directory, system, outcome)
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
    ended = time.monotonic() - began
    say("the faults are over")
    outcome.points = sampler.points
    outcome.findings = findings(sampler.points, since=ended / 2)
    outcome.problems += [f"sampler: {one}" for one in sampler.errors]
    outcome.problems += [
        f"{one.series} grew by {one.rise:.1f} in {one.seconds:.0f} s" for one in outcome.findings if one.grew
    ]
    outcome.problems += faults.broken
    outcome.faults = dict(faults.counts)
    for user in users:
        for name, count in user.done.items():
            outcome.journeys[name] = outcome.journeys.get(name, 0) + count
        outcome.gave_up += user.gave_up
        outcome.link_seconds += user.link_seconds
    outcome.problems += [f"gave up: {one}" for one in outcome.gave_up]
    outcome.picture = soak_picture.svg(sampler.points, faults.happened, outcome.about)
    _everything_is_back(system, users, outcome)
    _everything_goes(system, outcome)


def _everything_is_back(system: System, users: list[User], outcome: Outcome) -> None:
    """What was linked is linked, nobody ran an account twice, every event was told once."""
    for user in users:
        for session_id in user.linked:
            try:
                system.until(session_id, lambda one: one["status"] in USABLE, BACK_WITHIN)
            except AssertionError as error:
                outcome.problems.append(f"did not come back: {str(error)[:1500]}")
    if double := system.standin.stats()["double_runs"]:
        outcome.problems.append(f"the stand-in saw {double} accounts run twice")
    ids = {one.id for one in system.receiver.received}
    outcome.about["webhooks"] = {"received": len(system.receiver.received), "distinct": len(ids)}


def _everything_goes(system: System, outcome: Outcome) -> None:
    """Delete every session: what is left then is a leak."""
    seen: list[str] = []
    while page := system.call("GET", "/api/sessions?limit=50").json()["sessions"]:
        fresh = [one["id"] for one in page if one["id"] not in seen]
        if not fresh:
            break
        for session_id in fresh:
            system.call("DELETE", f"/api/sessions/{session_id}")
        seen += fresh

    def left() -> list[str]:
        there = []
        journal = rows_of(system.data_dir / "pool.db")
        warm = len(system.browsers())
        if journal["outbox"] or journal["journal"] > warm:
            there.append(f"outbox {journal['outbox']}, journal {journal['journal']} for {warm} browsers")
        found = entries(system.data_dir)
        there += [f"{found[name]} entries in {name}" for name in EMPTIED if found.get(name)]
        if found.get("profiles", 0) > warm:
            there.append(f"{found['profiles']} profiles for {warm} browsers")
        if found.get("driver", 0) > warm + 1:
            there.append(f"{found['driver']} temporary entries of the driver for {warm} browsers")
        if held := unerased(registry_of(system)):
            there.append(f"{held} deleted sessions that their node did not erase")
        if entries_of_tmp := os.listdir(system.environ["TMPDIR"]):  # noqa: PTH208
            there.append(f"temporary: {entries_of_tmp[:5]}")
        return there

    try:
        eventually(lambda: not left(), "everything is gone", GONE_WITHIN)
    except AssertionError:
        outcome.problems += [f"left when every session was deleted: {one}" for one in left()]


def unerased(registry: Path) -> int:
    """Deleted sessions whose profile is still to be destroyed."""
    with closing(sqlite3.connect(f"file:{registry}?mode=ro", uri=True, timeout=10)) as database:
        sql = "select count(*) from sessions where deleted_at is not null and erased_at is null"
        count: int = database.execute(sql).fetchone()[0]
    return count


def _retention(directory: Path, system: System, outcome: Outcome) -> None:
    """On a copy, years later: nothing may be left of what only retention removes."""
    copy = directory / "years-later.db"
    with closing(sqlite3.connect(registry_of(system))) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    outcome.before_retention = rows_of(copy)
    database = open_database(f"sqlite:///{copy}")
    years_later = ManualClock(datetime(datetime.now(UTC).year + 10, 1, 1, tzinfo=UTC))
    sessions = outcome.before_retention["sessions"] + 1
    retention = Retention(database, years_later, timedelta(days=EVENTS_KEEP_DAYS))
    try:
        # a session that another one replaced is free when that one is gone
        while retention.prune() or rows_of(copy)["sessions"] < sessions:
            sessions = rows_of(copy)["sessions"]
    finally:
        database.close()
    outcome.after_retention = rows_of(copy)
    outcome.problems += [
        f"retention leaves {outcome.after_retention[table]} rows of {table}"
        for table in ("events", "deliveries", "delivery_attempts", "sessions", "audit")
        if outcome.after_retention.get(table)
    ]
    assert set(KEPT) <= set(outcome.before_retention), outcome.before_retention


def _about(plan: Plan) -> dict[str, Any]:
    return {
        "minutes": plan.minutes,
        "seed": plan.seed,
        "users": plan.users,
        "store": "SeaweedFS through a failing proxy" if plan.with_store else "directory",
        "commit": machine.commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 1),
    }


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
    (folder / "soak.json").write_text(json.dumps(outcome.to_json(), indent=1, ensure_ascii=False) + "\n")
    (folder / "soak.svg").write_text(outcome.picture)
    (folder / "soak.md").write_text(markdown(outcome.to_json()))
    print(markdown(outcome.to_json()))
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
