"""What follows from a fact: an event to tell, or something to do to the page. Nothing else ever follows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from storage.events import EventType
from storage.models import SessionStatus


class Act(StrEnum):
    """What the tracker wants done to the page."""

    REFRESH_REF = "refresh_ref"
    TAKE_OVER = "take_over"
    SETTLE = "settle"
    """Bring the page's localStorage to disk; what comes after it is not so before that is done."""
    RESTORE = "restore"
    """The login is not in the profile any more, and nobody said that it was revoked."""
    END = "end"
    """The session is over: close the browser."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """An event to write to the outbox."""

    type: EventType
    data: dict[str, Any]
    before: SessionStatus
    after: SessionStatus


Outcome = Report | Act
