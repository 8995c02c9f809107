"""The registry of sessions: what the backend wants of them. Every change of one goes through here, or through
the parts that this is made of, in one transaction.

Rule: a wish that was met before is no change, and an idempotency key is stored together with what it made.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from storage.audit_deed import concerns
from storage.chats import Chat, ChatTable
from storage.clock import Clock
from storage.database import Database
from storage.deliveries import Deliveries
from storage.duplicates import Duplicates
from storage.errors import Conflict
from storage.event_judge import EventJudge
from storage.event_log import Outcome
from storage.events import EventType, NodeEvent
from storage.hosted_links import HostedLinks
from storage.idempotency import IdempotencyKey, IdempotencyKeys
from storage.lifecycle import (
    after_chats_synced,
    after_delete,
    after_device_removed,
    after_logout_wish,
    after_restart,
)
from storage.models import ENDED, LINKED, SessionStatus, Wanted
from storage.placements import Placements
from storage.session_changes import SessionChanges
from storage.sessions import Session

log = logging.getLogger(__name__)


class Registry:
    """Sessions, and the events that move them."""

    def __init__(self, database: Database, clock: Clock, deliveries: Deliveries) -> None:
        self._database = database
        self._clock = clock
        self._deliveries = deliveries
        self._changes = changes = SessionChanges(database, clock, deliveries)
        self._events = changes.events
        self._keys = IdempotencyKeys(database, clock)
        self.sessions = changes.sessions
        self.stream = changes.stream
        self.chats = ChatTable(database)
        self.links = HostedLinks(changes)
        self.placements = Placements(changes)
        duplicates = Duplicates(database, clock, changes.sessions, changes.events, changes.announce)
        self._judge = EventJudge(changes, duplicates)

    def apply(self, node_id: str, event: NodeEvent) -> Outcome:
        """Apply one event of a node. Raises BadMessage before anything is stored."""
        return self._judge.apply(node_id, event)

    # ── what the backend wants ───────────────────────────────────────────────

    def create(self, session: Session, idempotency: IdempotencyKey | None = None) -> tuple[Session, bool]:
        """Store a new session; give it, or the one that the same key made before, and whether it is new.

        Raises Conflict `idempotency_key_reused` when the key came with another request.
        """
        with self._database.transaction():
            if idempotency is not None:
                self._database.one("hold_workspace", id=session.workspace_id)
                earlier = self._keys.session_of(session.workspace_id, idempotency)
                if earlier is not None:
                    return self.sessions.get(earlier), False
            self.sessions.insert(session)
            concerns(session_id=session.id)
            if idempotency is not None:
                self._keys.remember(session.workspace_id, idempotency, session.id)
            created = self.sessions.get(session.id)
        log.info(
            "session_created",
            extra={
                "session_id": session.id,
                "workspace_id": session.workspace_id,
                "node_id": session.node_id,
            },
        )
        return created, True

    def request_restart(
        self,
        session_id: str,
        node_id: str | None,
        phone_number: str | None = None,
        idempotency: IdempotencyKey | None = None,
    ) -> tuple[Session, bool]:
        """(Re)start on a node, with a pairing code for this number or none; and whether it is a new start.

        It is none when the same key came before. Raises NotFound, Conflict.
        """

        def restart(session: Session) -> Session:
            after = after_restart(session, node_id, self._clock.now())
            if after is None:
                raise Conflict(
                    f"session {session.id} is {session.status}; create a new one", code="session_ended"
                )
            if session.status in ENDED and session.wanted is Wanted.LOGGED_OUT:
                raise Conflict(
                    f"the device of session {session.id} is being removed from its account; try again in a "
                    "moment, or create a new session",
                    code="device_being_removed",
                )
            return replace(after, requested_phone=phone_number)

        with self._database.transaction():
            self.sessions.hold([session_id])
            if idempotency is not None:
                session = self.sessions.get(session_id)
                if self._keys.session_of(session.workspace_id, idempotency) is not None:
                    return session, False
                self._keys.remember(session.workspace_id, idempotency, session_id)
            return self._changes.command(session_id, EventType.RESTART_REQUESTED, restart), True

    def request_delete(self, session_id: str) -> Session:
        """Forget a session; asking again is no change. Raises NotFound."""
        with self._database.transaction():
            self.sessions.hold([session_id])
            self._deliveries.hold(session_id)
            after = self._changes.command(
                session_id,
                EventType.DELETE_REQUESTED,
                lambda session: after_delete(session, self._clock.now()),
            )
            self._events.empty(session_id)
            self.stream.empty(session_id)
            self._deliveries.empty(session_id)
        return after

    def request_logout(self, session_id: str) -> Session:
        """Want the device removed from the account; again is no change. Raises NotFound, Conflict."""

        def log_out(session: Session) -> Session:
            asked = session.linked and session.wanted is Wanted.LOGGED_OUT
            if asked or session.status is SessionStatus.LOGGED_OUT:
                return session
            if not session.linked:
                raise Conflict(
                    f"session {session.id} is {session.status}: there is no login to end", code="not_linked"
                )
            return after_logout_wish(session, self._clock.now())

        return self._changes.change(session_id, log_out, why="logout_requested")

    def remember_phone(self, session_id: str, phone_number: str) -> Session:
        """Later starts ask for a pairing code for this number. Raises NotFound."""
        return self._changes.change(
            session_id, lambda session: replace(session, requested_phone=phone_number), why="phone_requested"
        )

    def make_primary(self, session_id: str) -> Session:
        """The first account of its workspace, instead of whoever was. Raises NotFound, Conflict."""
        with self._database.transaction():
            self.sessions.hold([session_id])
            session = self.sessions.get(session_id)
            if session.status not in LINKED:
                raise Conflict(
                    f"session {session.id} is {session.status}; only a linked one can be primary",
                    code="not_linked",
                )
            before = self._database.one("primary_of_workspace", workspace_id=session.workspace_id)
            if before is not None and before["id"] != session.id:
                self._database.run("set_primary", id=before["id"], is_primary=0)
            self._database.run("set_primary", id=session.id, is_primary=1)
            return self.sessions.get(session_id)

    def mark_erased(self, session_id: str) -> None:
        """No node holds anything of this deleted session any more."""
        now = self._clock.now()
        self._changes.change(
            session_id, lambda session: replace(session, erased_at=session.erased_at or now), why="erased"
        )

    def device_removed(self, session_id: str, *, gave_up: bool = False) -> None:
        """No node holds the login of this ended session any more; or nobody could remove it in time."""
        self._changes.change(
            session_id, lambda session: after_device_removed(session, gave_up=gave_up), why="device_removed"
        )

    def store_chats(self, session_id: str, generation: int, chats: Sequence[Chat]) -> Session:
        """Keep what a sync found, instead of what an earlier one found; announces `chats_synced`.

        Raises NotFound, and Conflict when the session ended or began anew while its node was asked.
        """
        with self._database.transaction():
            self.sessions.hold([session_id])
            session = self.sessions.get(session_id)
            after = after_chats_synced(session, len(chats), self._clock.now())
            if after is None or session.generation != generation:
                raise Conflict(f"session {session_id} is {session.status} now", code="not_connected")
            self.sessions.save(session, after, why=EventType.CHATS_SYNCED.value)
            self.chats.replace(session_id, chats)
            event = self._events.record_own(after, EventType.CHATS_SYNCED, {"chats_count": len(chats)})
            self._changes.announce(after, event)
            return after
