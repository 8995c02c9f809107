"""The history of events: each is written down once, with what came of it.

Rule: refs and codes are left out; whoever has them can link a device.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from storage.clock import Clock, to_wire
from storage.database import Database
from storage.events import EventType, NodeEvent
from storage.ids import new_id
from storage.sessions import Session

_UNRECORDED = frozenset({"ref", "code"})
"""Fields of `data` that the history has no need of."""


class Outcome(StrEnum):
    """What came of an event. All of them acknowledge it. Wire names; never rename."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    STALE = "stale"
    """A later event of the same generation was seen before."""
    STALE_GENERATION = "stale_generation"
    """From an owner that is no longer, or a start that was superseded."""
    DOES_NOT_FIT = "does_not_fit"
    UNKNOWN_SESSION = "unknown_session"


class EventLog:
    """The table of events."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def has(self, event_id: str) -> bool:
        """Whether this event was heard before."""
        return self._database.one("event_exists", id=event_id) is not None

    def record(self, node_id: str | None, event: NodeEvent, outcome: Outcome) -> None:
        """Write down an event; without a node it was not a node that said it."""
        data = {name: value for name, value in event.data.items() if name not in _UNRECORDED}
        self._database.run(
            "insert_event",
            id=event.id,
            session_id=event.session_id,
            node_id=node_id,
            generation=event.generation,
            seq=event.seq,
            type=event.type.value,
            occurred_at=to_wire(event.occurred_at),
            received_at=to_wire(self._clock.now()),
            data=json.dumps(data, separators=(",", ":"), ensure_ascii=False),
            outcome=outcome.value,
        )

    def record_own(self, session: Session, type_: EventType, data: Mapping[str, Any]) -> NodeEvent:
        """Write down what no node said: a backend's call, or what follows from another session's event."""
        now = self._clock.now()
        event = NodeEvent(
            id=new_id(now),
            session_id=session.id,
            generation=session.generation,
            seq=0,
            type=type_,
            occurred_at=now,
            data=data,
        )
        self.record(None, event, Outcome.APPLIED)
        return event

    def empty(self, session_id: str) -> None:
        """A deleted session's history keeps its shape and loses its content."""
        self._database.run("empty_events_of_session", session_id=session_id)
