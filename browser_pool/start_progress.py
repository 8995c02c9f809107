"""What is told of a session's start while it goes on: its place in the queue, then how far its browser is.

Rule: of a linked session a start is progress and moves no status; of any other it is the status.
"""

from __future__ import annotations

from browser_pool.link_state import LinkState
from browser_pool.session_ledger import Ledger
from browser_pool.start_queue import Place
from storage.events import EventType
from storage.models import Phase, ReasonCode, SessionStatus


class StartProgress:
    """Of one session, over all its browsers."""

    def __init__(self, link: LinkState, ledger: Ledger) -> None:
        self._link = link
        self._ledger = ledger
        self.failed_before: ReasonCode | None = None
        """Why the browser before this one could not go on; told with the next start."""

    def say_starting(self, phase: Phase) -> None:
        """Honest progress, once for each phase."""
        if self._ledger.phase is phase and self._link.status is SessionStatus.STARTING:
            return
        if self._link.is_linked:
            self._ledger.write(self._link.report(EventType.SESSION_PROGRESSED, phase=phase))
            return
        reason, self.failed_before = self.failed_before, None
        why = {} if reason is None else {"failed_before": reason}
        self._ledger.write(self._link.report(EventType.SESSION_STARTING, phase=phase, **why))

    def say_place(self, place: Place) -> None:
        """It waits for a browser."""
        if self._link.status in (SessionStatus.CREATED, SessionStatus.QUEUED):
            waits = {"position": place.position, "estimated_wait_ms": place.estimated_wait_ms}
            self._ledger.write(self._link.report(EventType.SESSION_QUEUED, **waits))
