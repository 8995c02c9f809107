"""The registry of sessions. Every change of a session goes through here, in one transaction.

Rule: an event is applied once (its id), in order (`seq`), for the right owner (`generation`), and only if
the table of transitions knows it. State, what belongs to it, the stream and the webhooks owed change
together.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from storage.audit_deed import concerns
from storage.chats import Chat, ChatTable
from storage.clock import Clock
from storage.database import Database
from storage.deliveries import Deliveries
from storage.duplicates import Duplicates, is_arrival
from storage.errors import Conflict
from storage.event_log import EventLog, Outcome
from storage.event_stream import EventStream
from storage.events import INTERNAL, EventType, NodeEvent
from storage.facts import facts_of
from storage.idempotency import IdempotencyKey, IdempotencyKeys
from storage.lifecycle import (
    after_chats_synced,
    after_delete,
    after_device_removed,
    after_event,
    after_link_replaced,
    after_link_revoked,
    after_logout_wish,
    after_node_lost,
    after_placement,
    after_restart,
    after_wrong_number,
)
from storage.models import ENDED, FINAL, LINKED, ReasonCode, SessionStatus, Wanted
from storage.same_account import same_account
from storage.session_table import SessionTable
from storage.sessions import Session

log = logging.getLogger(__name__)


class Registry:
    """Sessions, and the events that move them."""

    def __init__(self, database: Database, clock: Clock, deliveries: Deliveries) -> None:
        self._database = database
        self._clock = clock
        self._deliveries = deliveries
        self._events = EventLog(database, clock)
        self._keys = IdempotencyKeys(database, clock)
        self.sessions = SessionTable(database)
        self.stream = EventStream(database)
        self.chats = ChatTable(database)
        self._duplicates = Duplicates(database, clock, self.sessions, self._events, self._announce)

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
            return self._command(session_id, EventType.RESTART_REQUESTED, restart), True

    def request_delete(self, session_id: str) -> Session:
        """Forget a session; asking again is no change. Raises NotFound."""
        with self._database.transaction():
            self.sessions.hold([session_id])
            self._deliveries.hold(session_id)
            after = self._command(
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

        return self._change(session_id, log_out, why="logout_requested")

    def place(self, session_id: str, node_id: str) -> Session | None:
        """Claim a session without a node for one; None when somebody was faster, or nobody wants it now."""
        with self._database.transaction():
            self.sessions.hold([session_id])
            session = self.sessions.find(session_id)
            if session is None or session.node_id is not None or not session.started:
                return None
            self.sessions.save(session, after_placement(session, node_id), why="placed")
            return self.sessions.get(session_id)

    def take_over(
        self, session_id: str, lost_id: str, node_id: str, is_lost: Callable[[], bool]
    ) -> Session | None:
        """Give a session of a lost node to another; None when it, or its node, is no longer what it was.

        A connected one is reconnecting from here on, and its workspace is told why.
        """
        with self._database.transaction():
            self.sessions.hold([session_id])
            session = self.sessions.find(session_id)
            if session is None or session.node_id != lost_id or not session.started or not is_lost():
                return None
            after = after_node_lost(session, node_id, self._clock.now())
            self.sessions.save(session, after, why="node_lost")
            if after.status is not session.status:
                reason = {"reason_code": ReasonCode.NODE_LOST.value}
                event = self._events.record_own(session, EventType.SESSION_DISCONNECTED, reason)
                self._announce(after, event)
            return after

    def give(self, session_id: str, from_id: str, node_id: str) -> Session:
        """Another node than this one; no change when it has gone elsewhere already. Raises NotFound."""
        return self._change(
            session_id,
            lambda session: after_placement(session, node_id) if session.node_id == from_id else session,
            why="given",
        )

    def want_on(self, session_id: str, node_id: str | None) -> Session:
        """The operator wants it on this node; its own hands it over. Raises NotFound, Conflict."""

        def move(session: Session) -> Session:
            if not session.started:
                raise Conflict(f"session {session.id} has no browser; it is {session.status}", "not_started")
            return replace(session, moving_to=node_id, version=session.version + 1)

        return self._change(session_id, move, why="move_requested")

    def unplace(self, session_id: str) -> Session:
        """Take a session that has not begun from a node that will not begin it. Raises NotFound."""
        return self._change(session_id, lambda session: after_placement(session, None), why="unplaced")

    def remember_phone(self, session_id: str, phone_number: str) -> Session:
        """Later starts ask for a pairing code for this number. Raises NotFound."""
        return self._change(
            session_id, lambda session: replace(session, requested_phone=phone_number), why="phone_requested"
        )

    def renew_link(self, session_id: str, until: datetime, token_hash: str) -> Session:
        """Let the hosted page live longer, at the address with this token. Raises NotFound."""
        return self._change(
            session_id,
            lambda session: replace(session, link_expires_at=until, link_token_hash=token_hash),
            why="link_renewed",
        )

    def replace_link(self, session_id: str, token_hash: Callable[[int], str], until: datetime) -> Session:
        """Another address for the hosted page; the present one is dead. Raises NotFound, Conflict.

        `token_hash` makes the hash of the token with a link number.
        """

        def change(session: Session) -> Session:
            if session.status in FINAL:
                raise Conflict(
                    f"session {session.id} is {session.status}; create a new one", code="session_ended"
                )
            return after_link_replaced(session, token_hash(session.link_seq + 1), until)

        return self._change(session_id, change, why="link_replaced")

    def revoke_link(self, session_id: str) -> Session:
        """Let nobody use the hosted page any more; again is no change. Raises NotFound."""
        return self._change(
            session_id,
            lambda session: (
                session
                if session.link_revoked_at is not None or session.link_token_hash is None
                else after_link_revoked(session, self._clock.now())
            ),
            why="link_revoked",
        )

    def bind_link(self, session: Session, browser_sha256: str) -> Session:
        """Give a link to the first browser that opens it; the session with whoever has it now."""
        with self._database.transaction():
            self._database.run(
                "bind_link",
                id=session.id,
                link_token_hash=session.link_token_hash,
                browser=browser_sha256,
            )
            return self.sessions.get(session.id)

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
        self._change(
            session_id, lambda session: replace(session, erased_at=session.erased_at or now), why="erased"
        )

    def device_removed(self, session_id: str, *, gave_up: bool = False) -> None:
        """No node holds the login of this ended session any more; or nobody could remove it in time."""
        self._change(
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
            self._announce(after, event)
            return after

    # ── what the nodes report ────────────────────────────────────────────────

    def apply(self, node_id: str, event: NodeEvent) -> Outcome:
        """Apply one event of a node. Raises BadMessage before anything is stored."""
        facts_of(event)
        with self._database.transaction():
            self.sessions.hold([event.session_id])
            if self._events.has(event.id):
                return Outcome.DUPLICATE
            session = self.sessions.find(event.session_id)
            outcome, after = self._judge(node_id, session, event)
            gone = session is not None and session.status is SessionStatus.DELETED
            self._events.record(node_id, replace(event, data=_NOTHING) if gone else event, outcome)
            if session is not None and after is not None:
                self.sessions.save(session, after, why=event.type.value)
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
            after = self.sessions.get(after.id)
            if after.status in ENDED:
                return  # the workspace hears of the end, and never that this link was ready
        if event.type not in INTERNAL:
            self._announce(after, event)

    def _refuse_number(self, session: Session) -> None:
        """End the link of an account that nobody waits for; its node is told to log the device out."""
        event = self._events.record_own(session, EventType.SESSION_FAILED, _NOTHING)
        after = after_wrong_number(session, self._clock.now())
        self.sessions.save(session, after, why="wrong_number")
        self._announce(after, event)

    def _announce(self, session: Session, event: NodeEvent) -> None:
        """Let the workspace hear of it, however it listens."""
        self.stream.append(session, event)
        self._deliveries.owe(session, event)

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
        after = after_event(session, event, self._clock.now())
        if after is None:
            return Outcome.DOES_NOT_FIT, replace(session, last_seq=event.seq)
        if event.type is EventType.SESSION_READY and not after.is_primary:
            primary = self._database.one("primary_of_workspace", workspace_id=session.workspace_id)
            after = replace(after, is_primary=primary is None)
        return Outcome.APPLIED, after

    # ── changing ─────────────────────────────────────────────────────────────

    def _command(self, session_id: str, type_: EventType, change: Callable[[Session], Session]) -> Session:
        """Change a session by a backend's call, and record it among its events."""
        with self._database.transaction():
            after = self._change(session_id, change, why=type_.value)
            self._events.record_own(after, type_, _NOTHING)
        return after

    def _change(self, session_id: str, change: Callable[[Session], Session], *, why: str) -> Session:
        with self._database.transaction():
            self.sessions.hold([session_id])
            session = self.sessions.get(session_id)
            after = change(session)
            if after is session:
                return session
            self.sessions.save(session, after, why=why)
            return self.sessions.get(session_id)


def _is_unexpected(session: Session) -> bool:
    expected, phone_number = session.expected_phone, session.phone_number
    return expected is not None and phone_number is not None and not same_account(expected, phone_number)


_NOTHING: Mapping[str, Any] = {}
