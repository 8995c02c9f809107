"""After the last fault: is everything back, does everything go, can retention empty what is kept?"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.soak_outcome import Outcome
from bench.soak_registry import unerased
from bench.soak_samples import entries, registry_of, rows_of
from bench.soak_users import USABLE, User
from bench.soak_verdict import KEPT
from functions.config import EVENTS_KEEP_DAYS
from storage.clock import ManualClock
from storage.database import open_database
from storage.retention import Retention
from tests.system import System
from tests.waiting import eventually

BACK_WITHIN = 300.0
GONE_WITHIN = 240.0
EMPTIED = ("snapshot-staging", "restoring", "profiles-aside", "sandbox-proof")
"""Directories of the pool that hold something only while work is under way."""


def everything_is_back(system: System, users: list[User], outcome: Outcome) -> None:
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


def everything_goes(system: System, outcome: Outcome) -> None:
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


def everything_can_be_forgotten(directory: Path, system: System, outcome: Outcome) -> None:
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
