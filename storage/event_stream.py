"""The stream of a workspace's public events, for whoever reads instead of being told.

Rule: positions of a workspace become visible in the order of their numbers, so a reader who goes on from the
last one it saw misses none and sees none twice. Refs and codes are left out, as they are of every history.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.clock import from_wire, to_wire
from storage.database import Database
from storage.events import NodeEvent
from storage.public_events import public_data
from storage.sealed_text import read_json
from storage.sessions import Session

_UNRECORDED = frozenset({"qr_text", "pairing_code"})
"""Whoever has them can link a device, and a stream is kept."""


@dataclass(frozen=True, kw_only=True)
class StreamedEvent:
    """One public event at its place."""

    position: int
    workspace_id: str
    session_id: str
    event_id: str
    type: str
    occurred_at: datetime
    data: Mapping[str, Any]
    """The `data` of its webhook without picture and code; empty when the session was deleted."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> StreamedEvent:
        values = {name: row[name] for name in cls.__annotations__}
        values["occurred_at"] = from_wire(values["occurred_at"])
        values["data"] = read_json(values["data"])
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class StreamFilter:
    """Which events a reader wants; None is all."""

    types: Collection[str] | None = None
    session_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of the stream, and how far it reaches: everything up to there was looked at."""

    events: list[StreamedEvent]
    position: int
    more: bool
    """Whether the limit ended it, not the stream."""


class EventStream:
    """The streams of all workspaces."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, session: Session, event: NodeEvent) -> None:
        """Add a public event; inside the transaction that applied it."""
        data = {name: value for name, value in public_data(session, event).items() if name not in _UNRECORDED}
        self._database.run("advance_stream", workspace_id=session.workspace_id)
        self._database.run(
            "insert_into_stream",
            workspace_id=session.workspace_id,
            session_id=session.id,
            event_id=event.id,
            type=event.type.value,
            occurred_at=to_wire(event.occurred_at),
            data=json.dumps(data, separators=(",", ":"), ensure_ascii=False),
        )

    def position(self, workspace_id: str) -> int:
        """How far the stream has come; 0 when nothing has happened yet."""
        row = self._database.one("stream_position", workspace_id=workspace_id)
        return 0 if row is None else int(row["stream_position"])

    def after(self, workspace_id: str, position: int, wanted: StreamFilter, limit: int) -> Stretch:
        """What follows a position, oldest first."""
        until = self.position(workspace_id)  # first: everything up to it is visible to the query after it
        if until <= position:
            return Stretch(events=[], position=position, more=False)
        rows = self._database.all(
            "stream_of_workspace",
            workspace_id=workspace_id,
            after=position,
            until=until,
            session_id=wanted.session_id,
            types=None if wanted.types is None else json.dumps(sorted(wanted.types)),
            limit=limit + 1,
        )
        events = [StreamedEvent.from_row(row) for row in rows[:limit]]
        more = len(rows) > limit
        return Stretch(events=events, position=events[-1].position if more else until, more=more)

    def empty(self, session_id: str) -> None:
        """Keep nothing of a deleted session's account; inside the transaction that deletes it."""
        self._database.run("empty_stream_of_session", session_id=session_id)
