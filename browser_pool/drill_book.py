"""When each session's snapshot was last opened for a drill, and what came of it; in `pool.db`.

Rule: a restarted pool goes on where the last one was, so that a daily drill stays daily over deploys.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlite_utils import Database

from storage.clock import Clock, from_wire, to_wire


class DrillBook:
    """One row a session that is here."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def held(self, session_id: str, *, passed: bool) -> None:
        """A drill told something about its snapshot, now."""
        self._db.execute(
            "insert or replace into drills (session_id, held_at, passed) values (?, ?, ?)",
            [session_id, to_wire(self._clock.now()), int(passed)],
        )

    def next_of(self, session_ids: Iterable[str]) -> str:
        """Of these, whose turn it is: one that never had a drill, or whose is the longest ago. Forgets the
        others: they are not here any more."""
        here = set(session_ids)
        held = {row["session_id"]: row["held_at"] for row in self._db.query("select * from drills")}
        for gone in held.keys() - here:
            self._db.execute("delete from drills where session_id = ?", [gone])
        return min(sorted(here), key=lambda session_id: held.get(session_id, ""))

    def last_at(self, *, passed: bool = False) -> datetime | None:
        """When the last drill was held; with `passed`, the last good one."""
        (row,) = self._db.query("select max(held_at) as at from drills where passed >= ?", [int(passed)])
        return None if row["at"] is None else from_wire(row["at"])
