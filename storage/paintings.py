"""What the hosted page says that it has painted: the end of the way of a QR, a code, a number.

Rule: a page is believed in nothing but time, and in that only after what it painted was known. It says each
thing once a start: more changes nothing and costs one read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from storage.clock import Clock, from_wire, to_wire
from storage.database import Database
from storage.event_log import EventLog, Outcome
from storage.events import EventType, NodeEvent
from storage.sessions import Session

LONGEST_AGO = timedelta(minutes=2)
"""A hidden page asks every 15 s; one that was away for longer tells of what nobody looks at any more."""
_SAID = re.compile(r"(qr|code|number)\.(\d{1,6})\.(\d{1,9})", re.ASCII)


class Painted(StrEnum):
    """What a person can see. Wire names; never rename."""

    QR = "qr"
    CODE = "code"
    NUMBER = "number"


_KNOWN_BY = {
    Painted.QR: (EventType.QR_CODE_GENERATED, EventType.QR_CODE_GENERATED),
    Painted.CODE: (EventType.PAIRING_CODE_GENERATED, EventType.PAIRING_CODE_GENERATED),
    Painted.NUMBER: (EventType.SESSION_READY, EventType.PHONE_RESOLVED),
}


@dataclass(frozen=True, kw_only=True)
class Painting:
    """What a page says."""

    what: Painted
    ago: timedelta
    """Since it was painted, by the clock of the page."""
    open_for: timedelta
    """How long the page had been open by then."""

    @classmethod
    def read(cls, said: str) -> Painting | None:
        """`qr.12.340`: painted 12 ms ago, 340 ms after the page was opened. None for anything else."""
        match = _SAID.fullmatch(said)
        if match is None:
            return None
        ago, open_for = (timedelta(milliseconds=int(number)) for number in match.groups()[1:])
        return cls(what=Painted(match[1]), ago=ago, open_for=open_for) if ago <= LONGEST_AGO else None


class Paintings:
    """Writes them into the history of their session."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._events = EventLog(database, clock)
        self._clock = clock

    def note(self, session: Session, painting: Painting) -> timedelta | None:
        """How long somebody waited for it: since it was known, or the page was open, whichever came later.
        None when it was said before in this start, or cannot be."""
        event_id = f"{session.id}-{session.start_seq}-{painting.what}"
        if self._events.has(event_id):
            return None
        at = self._clock.now() - painting.ago
        first, second = _KNOWN_BY[painting.what]
        row = self._database.one(
            "event_told_before", session_id=session.id, first=first, second=second, before=to_wire(at)
        )
        if row is None or row["told_at"] is None:
            return None
        waited = max(timedelta(), min(at - from_wire(row["told_at"]), painting.open_for))
        event = NodeEvent(
            id=event_id,
            session_id=session.id,
            generation=session.generation,
            seq=0,
            type=EventType.PAGE_PAINTED,
            occurred_at=at,
            data={"what": painting.what.value, "waited_ms": round(waited / timedelta(milliseconds=1))},
        )
        with self._database.transaction():
            self._events.record(None, event, Outcome.APPLIED)
        return waited
