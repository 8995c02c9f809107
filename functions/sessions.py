"""What a backend or a person may ask of a session: wishes into the registry, then a direct call to the node.

Rule: the wish is stored before the node is called, and repeated by the heartbeat, so a call that is lost
heals by itself. Only events change the status.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from functions.event_intake import EventIntake
from functions.links import Links
from functions.node_calls import NodeCalls
from functions.phone_numbers import normalise
from functions.placer import Placer
from functions.pool_client import PoolClient
from functions.session_requests import NewSession
from functions.session_starts import SessionStarts
from storage.clock import Clock
from storage.database import Database
from storage.errors import Conflict
from storage.idempotency import IdempotencyKey
from storage.models import ENDED, FINAL, LINKED, SessionStatus
from storage.nodes import Nodes
from storage.registry import Registry
from storage.same_account import same_account
from storage.sessions import Session
from storage.workspaces import Workspace, Workspaces

log = logging.getLogger(__name__)

RESTARTABLE = ENDED - FINAL
_BEFORE_QR = frozenset({SessionStatus.CREATED, SessionStatus.QUEUED, SessionStatus.STARTING})


@dataclass(frozen=True, kw_only=True)
class Created:
    """A session, or a start of one, that a backend asked for."""

    session: Session
    new: bool
    """False when the same Idempotency-Key had made, or restarted, it before."""
    reached_node: bool
    """False when no node lives or the chosen one did not answer."""


class Sessions:
    """All calls give the session as it stands afterwards.

    They raise Conflict (with `.code`) when the state forbids it, and PoolUnreachable or PoolRefused when
    only the node can answer and does not.
    """

    def __init__(
        self,
        *,
        database: Database,
        registry: Registry,
        intake: EventIntake,
        workspaces: Workspaces,
        nodes: Nodes,
        placer: Placer,
        pool: PoolClient,
        links: Links,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._calls = NodeCalls(nodes, intake)
        self._pool = pool
        self._links = links
        self._clock = clock
        self._starts = SessionStarts(
            database=database,
            registry=registry,
            workspaces=workspaces,
            nodes=nodes,
            placer=placer,
            calls=self._calls,
            pool=pool,
            links=links,
            clock=clock,
        )

    def create(
        self, workspace: Workspace, wanted: NewSession, idempotency: IdempotencyKey | None = None
    ) -> Created:
        """A new session, on its way to a QR unless `start` is false."""
        session, new = self._starts.first(workspace, wanted, idempotency)
        if not new or not wanted.start:
            return Created(session=session, new=new, reached_node=True)
        session, reached_node = self._run(session)
        return Created(session=session, new=True, reached_node=reached_node)

    def start(self, session: Session, idempotency: IdempotencyKey | None = None) -> Created:
        """(Re)start: a fresh QR, or the browser of a linked account again.

        Every call starts over, whatever is going on, but for one that repeats an earlier call's key.
        Conflict `session_ended`, `device_being_removed`, `idempotency_key_reused`.
        """
        return self._restart(session, session.requested_phone, idempotency)

    def refresh_qr(self, session: Session) -> Session:
        """A new ref; starts an ended or unstarted session. Conflict `already_linked` when linked."""
        if session.linked:
            raise Conflict(f"session {session.id} is {session.status} and needs no QR", code="already_linked")
        if session.status is SessionStatus.QR_SCANNING and session.started:
            self._calls.ask(session, lambda url: self._pool.refresh_qr(url, session.id, session.generation))
            return self._renew_link(session)
        if session.started and session.status in _BEFORE_QR:
            return self._renew_link(session)
        return self._restart(session, None).session

    def request_pairing_code(self, session: Session, phone: str) -> Session:
        """An 8-character code for this number, in any spelling with +. InvalidPhone when it is none.

        Before the first QR the code follows with the events; the session comes back without one.
        """
        phone_number = normalise(phone)
        if session.linked:
            raise Conflict(
                f"session {session.id} is {session.status} and needs no code", code="already_linked"
            )
        if session.status is SessionStatus.PASSKEY_REQUIRED:
            raise Conflict(
                "the phone waits for a passkey; restart the session to begin anew", code="passkey_required"
            )
        if session.expected_phone is not None and not same_account(session.expected_phone, phone_number):
            raise Conflict(
                "this session was made for another number, its expected_phone", code="phone_not_expected"
            )
        if not session.started:
            return self._restart(session, phone_number).session
        session = self._registry.remember_phone(session.id, phone_number)
        if session.node_id is None:
            return session
        self._calls.ask(
            session, lambda url: self._pool.pairing_code(url, session.id, session.generation, phone_number)
        )
        return self._registry.sessions.get(session.id)

    def log_out(self, session: Session) -> Session:
        """Remove the device from the account; `session_logged_out` follows when it is done.

        Asking again asks the node again; once it is done, again is no change. Conflict `not_linked`.
        """
        session = self._registry.request_logout(session.id)
        if session.status is SessionStatus.LOGGED_OUT:
            return session
        self._calls.tell(session, lambda url: self._pool.log_out(url, session.id, session.generation))
        return self._registry.sessions.get(session.id)

    def delete(self, session: Session) -> Session:
        """Forget a session: log the device out, destroy the profile. Again is no change."""
        if session.status is SessionStatus.DELETED:
            return session
        session = self._registry.request_delete(session.id)
        self._calls.tell(
            session, lambda url: self._pool.erase(url, session.id, session.generation, log_out=True)
        )
        return self._registry.sessions.get(session.id)

    def hibernate(self, session: Session) -> Session:
        """Close the browser, keep the login. Conflict `not_connected`; PoolUnreachable, PoolRefused."""
        if session.status is SessionStatus.HIBERNATED:
            return session
        if session.status is not SessionStatus.CONNECTED:
            raise Conflict(
                f"session {session.id} is {session.status}; only a connected one can hibernate",
                code="not_connected",
            )
        self._calls.ask(session, lambda url: self._pool.hibernate(url, session.id, session.generation))
        return self._registry.sessions.get(session.id)

    def wake(self, session: Session) -> Session:
        """Open a hibernated session again; `session_woken` follows. Conflict `not_linked`."""
        if session.status not in LINKED:
            raise Conflict(
                f"session {session.id} is {session.status}; only a linked one can be woken", code="not_linked"
            )
        self._calls.ask(session, lambda url: self._pool.wake(url, session.id, session.generation))
        return self._registry.sessions.get(session.id)

    def save_snapshot(self, session: Session) -> Session:
        """Mirror the login now. Conflict `not_linked`; PoolUnreachable, PoolRefused."""
        if session.status not in {SessionStatus.CONNECTED, SessionStatus.HIBERNATED}:
            raise Conflict(
                f"session {session.id} is {session.status}; only a connected or hibernated one is saved",
                code="not_connected",
            )
        self._calls.ask(session, lambda url: self._pool.save_snapshot(url, session.id, session.generation))
        return self._registry.sessions.get(session.id)

    def replace_link(self, session: Session) -> Session:
        """Another address for the hosted page, which any browser may open. Conflict `session_ended`."""
        return self._registry.links.replace(
            session.id,
            lambda link_seq: self._links.token_hash(session.id, link_seq),
            self._clock.now() + self._links.ttl,
        )

    def revoke_link(self, session: Session) -> Session:
        """Close the hosted page for everybody; what is linked stays linked."""
        return self._registry.links.revoke(session.id)

    def make_primary(self, session: Session) -> Session:
        """The first account of its workspace."""
        return self._registry.make_primary(session.id)

    def close(self) -> None:
        """Close the connections to the nodes."""
        self._pool.close()

    # ── how ──────────────────────────────────────────────────────────────────

    def _restart(
        self, session: Session, phone_number: str | None, idempotency: IdempotencyKey | None = None
    ) -> Created:
        restarted, new = self._starts.again(session, phone_number, idempotency)
        if not new:
            return Created(session=restarted, new=False, reached_node=True)
        self._renew_link(session)
        session, reached_node = self._run(restarted)
        return Created(session=session, new=True, reached_node=reached_node)

    def _renew_link(self, session: Session) -> Session:
        until = self._clock.now() + self._links.ttl
        return self._registry.links.renew(session.id, until, self._links.renewed_hash(session))

    def _run(self, session: Session) -> tuple[Session, bool]:
        """Try the direct call of a start. Whether it worked decides nothing: the heartbeat repeats it."""
        if session.node_id is None:
            log.warning("no_live_node", extra={"session_id": session.id})
            return session, False
        return self._starts.call(session)
