"""How a session changes: held, read, saved and told in one transaction.

Rule: whoever changes a session holds it first, so that no two changes begin from the same state; and what
its workspace hears of leaves with the change, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from storage.clock import Clock
from storage.database import Database
from storage.deliveries import Deliveries
from storage.event_log import EventLog
from storage.event_stream import EventStream
from storage.events import EventType, NodeEvent
from storage.session_table import SessionTable
from storage.sessions import Session

NOTHING: Mapping[str, Any] = {}
"""The data of an event whose type says all."""


class SessionChanges:
    """Shared by what the registry is made of."""

    def __init__(self, database: Database, clock: Clock, deliveries: Deliveries) -> None:
        self.database = database
        self.clock = clock
        self.deliveries = deliveries
        self.sessions = SessionTable(database)
        self.events = EventLog(database, clock)
        self.stream = EventStream(database)

    def change(self, session_id: str, change: Callable[[Session], Session], *, why: str) -> Session:
        """Save what `change` makes of a session; the same session is no change. Raises NotFound."""
        with self.database.transaction():
            self.sessions.hold([session_id])
            session = self.sessions.get(session_id)
            after = change(session)
            if after is session:
                return session
            self.sessions.save(session, after, why=why)
            return self.sessions.get(session_id)

    def command(self, session_id: str, type_: EventType, change: Callable[[Session], Session]) -> Session:
        """Change a session by a backend's call, and record it among its events."""
        with self.database.transaction():
            after = self.change(session_id, change, why=type_.value)
            self.events.record_own(after, type_, NOTHING)
        return after

    def announce(self, session: Session, event: NodeEvent) -> None:
        """Let the workspace hear of it, however it listens."""
        self.stream.append(session, event)
        self.deliveries.owe(session, event)
