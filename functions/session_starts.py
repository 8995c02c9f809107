"""Starts of sessions: the wish for one in the registry, and the calls that bring it to a node.

Rule: the quota is checked in the transaction that stores the wish, so that a start that is refused leaves
nothing behind. Whether a call worked decides nothing: the heartbeat repeats it.
"""

from __future__ import annotations

from dataclasses import replace

from functions.links import Links
from functions.node_calls import NodeCalls
from functions.placer import Placer
from functions.pool_client import PoolClient
from functions.session_requests import NewSession
from functions.specs import spec_of
from storage.clock import Clock
from storage.database import Database
from storage.events import NodeEvent
from storage.idempotency import IdempotencyKey
from storage.ids import new_id
from storage.models import ENDED, Wanted
from storage.nodes import Nodes
from storage.quotas import QuotaTable
from storage.registry import Registry
from storage.sessions import Session
from storage.workspaces import Workspace, Workspaces

NODES_TRIED = 3
"""For one start. Each that hangs costs a timeout, and the next callers none."""


class SessionStarts:
    """`first` or `again` stores the wish; `call` tells a node of it."""

    def __init__(
        self,
        *,
        database: Database,
        registry: Registry,
        workspaces: Workspaces,
        nodes: Nodes,
        placer: Placer,
        calls: NodeCalls,
        pool: PoolClient,
        links: Links,
        clock: Clock,
    ) -> None:
        self._database = database
        self._registry = registry
        self._workspaces = workspaces
        self._nodes = nodes
        self._placer = placer
        self._calls = calls
        self._pool = pool
        self._links = links
        self._clock = clock
        self._quotas = QuotaTable(database)

    def first(
        self, workspace: Workspace, wanted: NewSession, idempotency: IdempotencyKey | None
    ) -> tuple[Session, bool]:
        """A new session, with the wish for its start unless `start` is false. False when the same
        Idempotency-Key had made it before."""
        now = self._clock.now()
        session_id = new_id(now)
        session = Session(
            id=session_id,
            workspace_id=workspace.id,
            created_at=now,
            last_activity_at=now,
            reference=wanted.reference,
            metadata=wanted.metadata,
            keep_alive=wanted.keep_alive,
            region=wanted.region,
            proxy=wanted.proxy,
            locale=wanted.locale,
            return_url=wanted.return_url,
            webhook_url=wanted.webhook_url,
            requested_phone=wanted.phone,
            expected_phone=wanted.expected_phone,
            link_token_hash=self._links.token_hash(session_id, link_seq=1),
            link_expires_at=now + self._links.ttl,
        )
        if wanted.start:
            node_id = self._choose(session)
            session = replace(session, wanted=Wanted.OPEN, generation=1, start_seq=1, node_id=node_id)
        with self._database.transaction():
            session, new = self._registry.create(session, idempotency)
            if new:
                self._quotas.check(workspace.id, starts=wanted.start)
            if new and session.node_id is not None:
                self._nodes.expect_one_more(session.node_id)
            if new and wanted.webhook_url is not None:
                self._workspaces.add_endpoint(workspace.id, wanted.webhook_url, session.id)
        return session, new

    def again(
        self, session: Session, phone_number: str | None, idempotency: IdempotencyKey | None
    ) -> tuple[Session, bool]:
        """The wish to start it over. False when the same Idempotency-Key had restarted it before."""
        node_id = self._choose(session)
        with self._database.transaction():
            restarted, new = self._registry.request_restart(session.id, node_id, phone_number, idempotency)
            if new and not session.linked and (session.status in ENDED or not session.started):
                self._quotas.check(session.workspace_id, starts=True)
        return restarted, new

    def call(self, session: Session) -> tuple[Session, bool]:
        """Tell its node, and other nodes when that one does not answer. False when none was reached."""

        def begin(url: str) -> list[NodeEvent]:
            return self._pool.run(url, spec_of(session))

        tried: frozenset[str] = frozenset()
        while not self._calls.tell(session, begin):
            assert session.node_id is not None
            tried |= {session.node_id}
            node = (
                None if session.linked or len(tried) >= NODES_TRIED else self._placer.choose(session, tried)
            )
            if node is None:
                return self._registry.sessions.get(session.id), False
            # what the first one did of it, if anything, is stale now, and its next heartbeat ends it
            session = self._registry.placements.give(session.id, session.node_id, node.id)
            if session.node_id != node.id:
                return session, False
        return self._registry.sessions.get(session.id), True

    def _choose(self, session: Session) -> str | None:
        if session.linked and session.node_id is not None:
            # its login lies on that machine's disk; anywhere else it would seem logged out
            return session.node_id
        node = self._placer.choose(session)
        return None if node is None else node.id
