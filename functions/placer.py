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
from storage.clock import Clock, SystemClock
from storage.nodes import Node, Nodes
from storage.registry import Registry
from storage.sessions import Session

log = logging.getLogger(__name__)

PLACED_PER_HEARTBEAT = 100
"""Sessions without a node, or of lost nodes, that one heartbeat places. More come with the next heartbeat, of
whichever node."""
LOOK_AGAIN_AFTER = 20
"""Placements, because other heartbeats place as well."""
PLACING_SECONDS = 0.5
"""And for how long: a node waits five seconds for its answer. When 125 of 500 nodes were lost, a heartbeat
that worked through all of them took 33 s, and the nodes left would have taken themselves for cut off."""


class Fleet:
    """The living nodes as they were when somebody looked, and what was placed on them since. Read once for
    many choices: 500 nodes are 4 ms of Python."""

    def __init__(self, nodes: Nodes, lease_ttl: timedelta, strategy: Strategy) -> None:
        self._nodes = nodes
        self._lease_ttl = lease_ttl
        self._strategy = strategy
        self._now = nodes.now()
        self._living = {node.id: node for node in nodes.living(lease_ttl)}
        self._spreads: dict[str, dict[str, int]] = {}

    def choose(self, session: Session, without: frozenset[str] = frozenset()) -> Node | None:
        """For one session, now."""
        return choose_node(
            self._living.values(),
            session,
            self._now,
            self._lease_ttl,
            strategy=self._strategy,
            spread=self._spread(session.workspace_id) if len(self._living) > 1 else None,
            without=without,
        )

    def next_home(self, session: Session, own: Node) -> Node | None:
        """Where a session goes whose node is to give it away; None while nobody can have it."""
        wanted = self._living.get(session.moving_to or "")
        if wanted is not None and wanted.id != own.id and wanted.alive(self._now, self._lease_ttl):
            return wanted
        return self.choose(session, frozenset({own.id}))

    def has_one_more(self, session: Session, chosen: Node) -> None:
        """What the next choice has to know of this one, here and in other processes: a node says how many it
        has every other second only, and until then everybody would choose the same one."""
        node = self._living[chosen.id]
        self._living[node.id] = replace(
            node, live=node.live + 1, room=None if node.room is None else node.room - 1
        )
        spread = self._spread(session.workspace_id)
        spread[node.id] = spread.get(node.id, 0) + 1
        self._nodes.expect_one_more(node.id)

    def _spread(self, workspace_id: str) -> dict[str, int]:
        if workspace_id not in self._spreads:
            self._spreads[workspace_id] = self._nodes.spread(workspace_id)
        return self._spreads[workspace_id]


class Placer:
    """Knows nodes and strategy."""

    def __init__(
        self,
        registry: Registry,
        nodes: Nodes,
        lease_ttl: timedelta,
        strategy: Strategy,
        clock: Clock | None = None,
    ) -> None:
        self._registry = registry
        self._nodes = nodes
        self._lease_ttl = lease_ttl
        self._strategy = strategy
        self._clock = clock or SystemClock()

    def fleet(self) -> Fleet:
        """The nodes as they are now, for several choices."""
        return Fleet(self._nodes, self._lease_ttl, self._strategy)

    def choose(self, session: Session, without: frozenset[str] = frozenset()) -> Node | None:
        """For one session, now."""
        return self.fleet().choose(session, without)

    def place_waiting(self) -> None:
        """Give sessions that have no node to one, the oldest first. Several processes may try at once: each
        session has one claimant, and who meets another's leaves the rest to it, because both walk the same
        list, and because a node that was counted for a session that went elsewhere would seem fuller than
        it is."""
        waiting = self._registry.sessions.unplaced(PLACED_PER_HEARTBEAT)
        if not waiting:
            return
        fleet, until = self.fleet(), self._clock.monotonic() + PLACING_SECONDS
        for session in waiting:
            node = fleet.choose(session)
            if node is None or self._clock.monotonic() > until:
                return
            if self._registry.placements.place(session.id, node.id) is None:
                return
            fleet.has_one_more(session, node)
            log.info("session_placed", extra={"session_id": session.id, "node_id": node.id})

    def take_over(self) -> None:
        """Give the sessions of nodes that are lost to others. One heartbeat at a time clears a lost node:
        when all of them tried, most waited for another's transaction to find a session taken."""
        lost = self._nodes.lost(self._lease_ttl)
        if not lost:
            return
        until, left = self._clock.monotonic() + PLACING_SECONDS, PLACED_PER_HEARTBEAT
        for one in lost:
            if left <= 0 or self._clock.monotonic() > until:
                return
            claim = self._nodes.claim_lost(one.id)
            if claim is None:
                continue
            try:
                left -= self._clear(one, left, until)
            finally:
                self._nodes.release_lost(one.id, claim)

    def _clear(self, lost: Node, most: int, until: float) -> int:
        """Of one lost node; how many found another."""
        fleet, sessions = self.fleet(), self._registry.sessions.open_of_node(lost.id, most)
        for moved, session in enumerate(sessions):
            if moved and moved % LOOK_AGAIN_AFTER == 0:
                fleet = self.fleet()
            node = fleet.choose(session, frozenset({lost.id}))
            if node is None or self._clock.monotonic() > until:
                return moved
            taken = self._registry.placements.take_over(
                session.id, lost.id, node.id, partial(self._nodes.is_lost, lost.id, self._lease_ttl)
            )
            if not taken:
                return moved  # it came back, or somebody else was faster
            fleet.has_one_more(session, node)
            log.warning(
                "session_taken_over",
                extra={"session_id": session.id, "from_node": lost.id, "node_id": node.id},
            )
        return len(sessions)
