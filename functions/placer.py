"""Places sessions: new ones, and those of nodes that are lost or leaving.

Rule: what was read to choose may be old by the time it is written, so every change asks again inside its own
transaction, and whoever comes second changes nothing.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from functools import partial

from functions.placement import Strategy, choose_node
from storage.nodes import Node, Nodes
from storage.registry import Registry
from storage.sessions import Session

log = logging.getLogger(__name__)

PLACED_PER_HEARTBEAT = 100
"""Sessions without a node, or of one lost node, that one heartbeat places. More come with the next heartbeat,
of whichever node, so a request stays short: 100 take 0.1 to 0.3 s."""


class Placer:
    """Knows nodes and strategy."""

    def __init__(self, registry: Registry, nodes: Nodes, lease_ttl: timedelta, strategy: Strategy) -> None:
        self._registry = registry
        self._nodes = nodes
        self._lease_ttl = lease_ttl
        self._strategy = strategy

    def choose(self, session: Session, without: frozenset[str] = frozenset()) -> Node | None:
        """For one session, now."""
        return self._choose(session, self._nodes.all(), without)

    def _choose(self, session: Session, nodes: list[Node], without: frozenset[str]) -> Node | None:
        return choose_node(
            nodes,
            session,
            self._nodes.now(),
            self._lease_ttl,
            strategy=self._strategy,
            spread=self._nodes.spread(session.workspace_id) if len(nodes) > 1 else None,
            without=without,
        )

    def place_waiting(self) -> None:
        """Give sessions that have no node to one, the oldest first."""
        waiting = self._registry.sessions.unplaced(PLACED_PER_HEARTBEAT)
        nodes = self._nodes.all() if waiting else []
        for session in waiting:
            node = self._choose(session, nodes, frozenset())
            if node is None:
                return
            self._registry.place(session.id, node.id)
            nodes = _with_one_more(nodes, node)
            log.info("session_placed", extra={"session_id": session.id, "node_id": node.id})

    def take_over(self) -> None:
        """Give the sessions of nodes that are lost to others."""
        for lost in self._nodes.lost(self._lease_ttl):
            nodes = self._nodes.all()
            for session in self._registry.sessions.open_of_node(lost.id, PLACED_PER_HEARTBEAT):
                node = self._choose(session, nodes, frozenset({lost.id}))
                if node is None:
                    return
                taken = self._registry.take_over(
                    session.id, lost.id, node.id, partial(self._nodes.is_lost, lost.id, self._lease_ttl)
                )
                if not taken:
                    break  # it came back, or somebody else was faster
                nodes = _with_one_more(nodes, node)
                log.warning(
                    "session_taken_over",
                    extra={"session_id": session.id, "from_node": lost.id, "node_id": node.id},
                )

    def next_home(self, session: Session, own: Node) -> Node | None:
        """Where a session goes whose node is to give it away; None while nobody can have it."""
        nodes = self._nodes.all()
        wanted = next((node for node in nodes if node.id == session.moving_to), None)
        if wanted is not None and wanted.id != own.id and wanted.alive(self._nodes.now(), self._lease_ttl):
            return wanted
        return self._choose(session, nodes, frozenset({own.id}))


def _with_one_more(nodes: list[Node], chosen: Node) -> list[Node]:
    """What the next choice has to know of this one."""
    return [
        replace(node, live=node.live + 1, room=None if node.room is None else node.room - 1)
        if node.id == chosen.id
        else node
        for node in nodes
    ]
