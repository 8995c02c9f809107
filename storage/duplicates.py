"""One account linked twice to a workspace: which link stays, and how the others end.

Rule: decided in the transaction that applied the event by which the number became known, so that of two
links that get ready in one moment the second finds the first. Age is when a session was linked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from storage.clock import Clock
from storage.database import Database
from storage.event_log import EventLog
from storage.events import EventType, NodeEvent
from storage.lifecycle import after_refusal, after_replacement
from storage.models import LINKED
from storage.session_table import SessionTable
from storage.sessions import Session

log = logging.getLogger(__name__)


class DuplicatePolicy(StrEnum):
    """What a workspace wants when an account is linked to it again. Wire names; never rename."""

    REPLACE = "replace"
    """The newer link stays; the older one ends, and its device is removed from the account."""
    KEEP_BOTH = "keep_both"
    REFUSE = "refuse"
    """The older link stays; the newer one ends, and its device is removed from the account."""


def is_arrival(before: Session, after: Session) -> bool:
    """The number of a linked account became known just now. Coming back and waking up are no arrival, and
    a link that its backend is about to log out ends no other."""
    if after.phone_number is None or after.status not in LINKED or not after.started:
        return False
    return before.status not in LINKED or before.phone_number != after.phone_number


def losers(
    arrived: Session, others: Iterable[Session], policy: DuplicatePolicy
) -> tuple[Session | None, list[Session]]:
    """The link that stays and those that end; nobody when the policy keeps all.

    A number may become known late, so the one that arrived is not always the newer. Of two links of one
    millisecond it is.
    """
    rivals = list(others)
    older = [one for one in rivals if _linked_at(one) <= _linked_at(arrived)]
    newer = [one for one in rivals if _linked_at(one) > _linked_at(arrived)]
    match policy:
        case DuplicatePolicy.KEEP_BOTH:
            return None, []
        case DuplicatePolicy.REPLACE:
            kept = max(newer, key=_linked_at, default=arrived)
            return kept, [one for one in [*rivals, arrived] if one is not kept]
        case DuplicatePolicy.REFUSE if older:
            return min(older, key=_linked_at), [arrived]
        case DuplicatePolicy.REFUSE:
            return arrived, newer
        case _:
            assert_never(policy)


def _linked_at(session: Session) -> datetime:
    return session.connected_at or session.created_at


class Duplicates:
    """Ends links in the registry; the heartbeat then has their devices removed."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sessions: SessionTable,
        events: EventLog,
        announce: Callable[[Session, NodeEvent], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._sessions = sessions
        self._events = events
        self._announce = announce

    def settle(self, arrived: Session) -> None:
        """Keep what the workspace's policy keeps of this number; inside the transaction of the arrival."""
        assert arrived.phone_number is not None, "whoever arrived has a number"
        others = self._sessions.linked_to(arrived.workspace_id, arrived.phone_number, without=arrived.id)
        if not others:
            return
        row = self._database.one("workspace_by_id", id=arrived.workspace_id)
        assert row is not None
        policy = DuplicatePolicy(row["duplicate_policy"])
        kept, ending = losers(arrived, others, policy)
        for session in ending:
            assert kept is not None
            # read anew: when the primary ended a moment ago, the flag has passed on
            self._end(self._sessions.get(session.id), kept, policy)

    def _end(self, session: Session, kept: Session, policy: DuplicatePolicy) -> None:
        now = self._clock.now()
        if policy is DuplicatePolicy.REFUSE:
            type_, after, named = (
                EventType.SESSION_FAILED,
                after_refusal(session, kept.id, now),
                "duplicate_of",
            )
        else:
            type_, after, named = (
                EventType.SESSION_REPLACED,
                after_replacement(session, kept.id, now),
                "replaced_by",
            )
        event = self._events.record_own(
            session, type_, {named: kept.id, "phone_number": session.phone_number}
        )
        self._sessions.save(session, after, why=type_.value)
        self._announce(after, event)
        log.info(
            "duplicate_ended",
            extra={
                "session_id": session.id,
                "kept_session_id": kept.id,
                "workspace_id": session.workspace_id,
                "policy": policy.value,
            },
        )
