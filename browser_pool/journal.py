"""What this node holds, written before it is done: a restarted pool finds its browsers and profiles here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from storage.clock import Clock, from_wire, to_wire
from storage.models import SessionStatus
from storage.node_protocol import SessionSpec


@dataclass(frozen=True, kw_only=True)
class BrowserMark:
    """How to find a living browser again: pid and start time together are never reused."""

    pid: int
    started: int
    port: int


@dataclass(frozen=True, kw_only=True)
class JournalEntry:
    """One session this node holds."""

    spec: SessionSpec
    status: SessionStatus
    phone_number: str | None
    profile: str
    """Name of the profile's directory."""
    ref: str | None
    """The QR last reported."""
    browser: BrowserMark | None
    hibernated_at: datetime | None = None
    """Since when the login lies on disk without a browser."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> JournalEntry:
        mark = None
        if row["pid"] is not None:
            mark = BrowserMark(pid=row["pid"], started=row["pid_started"], port=row["port"])
        return cls(
            spec=SessionSpec.from_wire(json.loads(row["spec"])),
            status=SessionStatus(row["status"]),
            phone_number=row["phone_number"],
            profile=row["profile"],
            ref=row["ref"],
            browser=mark,
            hibernated_at=from_wire(row["hibernated_at"]) if row["hibernated_at"] else None,
        )


class Journal:
    """Rows by session id; a missing row means that this node does not hold the session."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def entries(self) -> list[JournalEntry]:
        """Everything held when the last process wrote last."""
        return [JournalEntry.from_row(row) for row in self._db.query("select * from journal")]

    def save(self, entry: JournalEntry) -> None:
        """Write the whole entry."""
        mark = entry.browser
        self._db.execute(
            "insert or replace into journal (session_id, spec, status, phone_number, profile, ref, pid,"
            " pid_started, port, hibernated_at, updated_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                entry.spec.id,
                json.dumps(entry.spec.to_wire()),
                entry.status.value,
                entry.phone_number,
                entry.profile,
                entry.ref,
                mark.pid if mark else None,
                mark.started if mark else None,
                mark.port if mark else None,
                to_wire(entry.hibernated_at) if entry.hibernated_at else None,
                to_wire(self._clock.now()),
            ],
        )

    def used(self, session_id: str) -> int:
        """The newest generation under which the profile on this disk was used; 0 when that is not known."""
        rows = list(self._db.query("select generation from used where session_id = ?", [session_id]))
        return int(rows[0]["generation"]) if rows else 0

    def use(self, session_id: str, generation: int) -> None:
        """From now on it is used under this one."""
        self._db.execute(
            "insert into used (session_id, generation) values (?, ?)"
            " on conflict (session_id) do update set generation = excluded.generation",
            [session_id, generation],
        )

    def unuse(self, session_id: str) -> None:
        """Its profile is gone."""
        self._db.execute("delete from used where session_id = ?", [session_id])

    def forget(self, session_id: str) -> None:
        """This node no longer holds the session."""
        self._db.execute("delete from journal where session_id = ?", [session_id])
