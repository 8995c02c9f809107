"""What the nodes report, and what becomes of it.

Rule: an event is applied once (its id), in order (`seq`), for the right owner (`generation`), and only if
the table of transitions knows it. State, what belongs to it, the stream and the webhooks owed change
together.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from storage.duplicates import Duplicates, is_arrival
from storage.event_log import Outcome
from storage.events import INTERNAL, EventType, NodeEvent
from storage.facts import facts_of
from storage.lifecycle import after_event, after_wrong_number
from storage.models import ENDED, SessionStatus
from storage.same_account import same_account
from storage.session_changes import NOTHING, SessionChanges
from storage.sessions import Session

log = logging.getLogger(__name__)


class EventJudge:
    """Of one registry."""

    def __init__(self, changes: SessionChanges, duplicates: Duplicates) -> None:
        self._changes = changes
        self._database = changes.database
        self._sessions = changes.sessions
        self._events = changes.events
        self._duplicates = duplicates

    def apply(self, node_id: str, event: NodeEvent) -> Outcome:
        """Apply one event of a node. Raises BadMessage before anything is stored."""
        facts_of(event)
        with self._database.transaction():
            self._sessions.hold([event.session_id])
            if self._events.has(event.id):
                return Outcome.DUPLICATE
            session = self._sessions.find(event.session_id)
            outcome, after = self._judge(node_id, session, event)
            gone = session is not None and session.status is SessionStatus.DELETED
            self._events.record(node_id, replace(event, data=NOTHING) if gone else event, outcome)
            if session is not None and after is not None:
                self._sessions.save(session, after, why=event.type.value)
                if outcome is Outcome.APPLIED:
                    self._tell(session, after, event)
        if outcome is not Outcome.APPLIED:
            log.info(
                "event_not_applied",
                extra={
                    "session_id": event.session_id,
                    "event_type": event.type.value,
                    "outcome": outcome.value,
                },
            )
        return outcome

    def _tell(self, before: Session, after: Session, event: NodeEvent) -> None:
        """Announce an applied event, once it is settled which link of its account stays."""
        if is_arrival(before, after):
            if _is_unexpected(after):
                self._refuse_number(after)
                return
            self._duplicates.settle(after)
            after = self._sessions.get(after.id)
            if after.status in ENDED:
                return  # the workspace hears of the end, and never that this link was ready
        if event.type not in INTERNAL:
            self._changes.announce(after, event)

    def _refuse_number(self, session: Session) -> None:
        """End the link of an account that nobody waits for; its node is told to log the device out."""
        event = self._events.record_own(session, EventType.SESSION_FAILED, NOTHING)
        after = after_wrong_number(session, self._changes.clock.now())
        self._sessions.save(session, after, why="wrong_number")
        self._changes.announce(after, event)

    def _judge(
        self, node_id: str, session: Session | None, event: NodeEvent
    ) -> tuple[Outcome, Session | None]:
        """What comes of an event, and the session to save, if any."""
        if session is None:
            return Outcome.UNKNOWN_SESSION, None
        if (event.generation, node_id) != (session.generation, session.node_id):
            return Outcome.STALE_GENERATION, None
        if event.seq <= session.last_seq:
            return Outcome.STALE, None
        after = after_event(session, event, self._changes.clock.now())
        if after is None:
            return Outcome.DOES_NOT_FIT, replace(session, last_seq=event.seq)
        if event.type is EventType.SESSION_READY and not after.is_primary:
            primary = self._database.one("primary_of_workspace", workspace_id=session.workspace_id)
            after = replace(after, is_primary=primary is None)
        return Outcome.APPLIED, after


def _is_unexpected(session: Session) -> bool:
    expected, phone_number = session.expected_phone, session.phone_number
    return expected is not None and phone_number is not None and not same_account(expected, phone_number)
