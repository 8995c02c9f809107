"""Nodes: the machines that run browsers, as their heartbeats describe them, with their leases and nonces.

Rule: leases are judged by the registry's clock, so machines that disagree about the time agree about a lease.
Nothing is taken from a node unless it said that it stops by itself, and was not told since that it is alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage.clock import Clock, from_wire, to_wire
from storage.database import Database
from storage.errors import NotFound
from storage.node_protocol import Heartbeat
from storage.node_signing import TOLERANCE

NONCE_LIFE = 2 * TOLERANCE + timedelta(minutes=1)
"""A signature made five minutes ahead of our clock is good for ten minutes; a minute to spare."""

CLEARING = timedelta(seconds=10)
"""Longer than a heartbeat works on it, so that it ends by itself only when its process died."""

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(seconds=60)
MOST_HOLDERS = 3
"""Of a session; who held it before them has forgotten it."""
"""For a node whose control API does not answer. Its heartbeats bring it what it should run meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One machine's browser pool."""

    id: str
    instance_index: int
    url: str
    region: str | None
    capacity: int
    live: int
    warm: int
    queued: int
    draining: bool
    sandbox: bool | None
    last_seen_at: datetime
    leased: bool = False
    lost: bool = False
    cordoned: bool = False
    drained: bool = False
    room: int | None = None
    call_failures: int = 0
    avoid_until: datetime | None = None
    largest_browser_mb: int | None = None
    cpu_percent: int | None = None

    @property
    def free(self) -> int:
        """Slots that nobody has or waits for, as far as memory goes; below zero when more wait than fit."""
        slots = self.capacity - self.live - self.queued
        return slots if self.room is None else min(slots, self.room - self.queued)

    @property
    def load(self) -> float:
        """1 is full."""
        return 1 - self.free / max(1, self.capacity)

    @property
    def leaving(self) -> bool:
        """Its sessions should go elsewhere."""
        return self.draining or self.drained

    def alive(self, now: datetime, lease_ttl: timedelta) -> bool:
        """Its lease has not run out."""
        return not self.lost and now - self.last_seen_at < lease_ttl

    def takes_new(self, now: datetime, lease_ttl: timedelta) -> bool:
        """It lives, nobody forbade it, and it answers."""
        avoided = self.avoid_until is not None and now < self.avoid_until
        return self.alive(now, lease_ttl) and not (self.leaving or self.cordoned or avoided)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Node:
        values = {name: row[name] for name in cls.__annotations__}
        for name in ("draining", "leased", "lost", "cordoned", "drained"):
            values[name] = bool(values[name])
        values["sandbox"] = None if row["sandbox"] is None else bool(row["sandbox"])
        values["last_seen_at"] = from_wire(row["last_seen_at"])
        values["avoid_until"] = None if row["avoid_until"] is None else from_wire(row["avoid_until"])
        return cls(**values)


class Nodes:
    """The nodes of the registry."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def now(self) -> datetime:
        """By the registry's clock."""
        row = self._database.one("registry_now", now=to_wire(self._clock.now()))
        assert row is not None
        return from_wire(row["now"])

    # ── leases ───────────────────────────────────────────────────────────────

    def report(self, heartbeat: Heartbeat, lease_ttl: timedelta | None = None) -> bool:
        """Take down what a node says of itself; this renews its lease. True when it is alone."""
        with self._database.transaction():
            if self._database.one("hold_node", id=heartbeat.node_id) is None:
                self._database.hold("the smallest free index of nodes")
            now = self.now()
            self._notice_pause(now, lease_ttl)
            alone = lease_ttl is None or not self._has_others(heartbeat.node_id, now, lease_ttl)
            self._database.run(
                "upsert_node",
                id=heartbeat.node_id,
                url=heartbeat.url,
                region=heartbeat.region,
                capacity=heartbeat.capacity,
                live=heartbeat.live,
                warm=heartbeat.warm,
                queued=heartbeat.queued,
                draining=heartbeat.draining,
                sandbox=heartbeat.sandbox,
                room=heartbeat.room,
                leased=heartbeat.leased and not alone,
                largest_browser_mb=heartbeat.largest_browser_mb,
                cpu_percent=heartbeat.cpu_percent,
                now=to_wire(now),
            )
        return alone

    def _notice_pause(self, now: datetime, lease_ttl: timedelta | None) -> None:
        """When nobody was heard for half a lease it was we who were away, and nobody is to blame for it."""
        if (
            lease_ttl is not None
            and self._database.one("heard_lately", since=to_wire(now - lease_ttl / 2)) is None
        ):
            self._database.run("hear_since", now=to_wire(now))

    def _has_others(self, node_id: str, now: datetime, lease_ttl: timedelta) -> bool:
        oldest = to_wire(now - lease_ttl)
        return self._database.one("other_live_node", id=node_id, oldest=oldest) is not None

    def lost(self, lease_ttl: timedelta) -> list[Node]:
        """Nodes that are taken for dead and still have sessions that want a browser."""
        oldest = to_wire(self.now() - lease_ttl)
        return [Node.from_row(row) for row in self._database.all("lost_nodes", oldest=oldest)]

    def claim_lost(self, node_id: str) -> str | None:
        """The right to give away a lost node's sessions, or None while somebody else does."""
        now = self.now()
        until = to_wire(now + CLEARING)
        with self._database.transaction():
            taken = self._database.run("claim_lost_node", id=node_id, now=to_wire(now), until=until)
        return until if taken else None

    def release_lost(self, node_id: str, claim: str) -> None:
        """The next heartbeat may go on at once."""
        with self._database.transaction():
            self._database.run("release_lost_node", id=node_id, claim=claim)

    def is_lost(self, node_id: str, lease_ttl: timedelta) -> bool:
        """The same, asked again inside the transaction that takes a session: it may have come back."""
        row = self._database.one("hold_node", id=node_id)
        if row is None:
            return True
        node = Node.from_row(row)
        row = self._database.one("hearing")
        heard = node.last_seen_at if row is None else max(node.last_seen_at, from_wire(row["since"]))
        return node.lost or (node.leased and self.now() - heard >= lease_ttl)

    # ── what is ──────────────────────────────────────────────────────────────

    def all(self) -> list[Node]:
        """Every node that ever reported, by index."""
        return [Node.from_row(row) for row in self._database.all("nodes")]

    def that_held(self, session_id: str) -> list[Node]:
        """Those that told something of a session, the last one first."""
        rows = self._database.all("nodes_that_held", session_id=session_id, limit=MOST_HOLDERS)
        return [Node.from_row(row) for row in rows]

    def living(self, lease_ttl: timedelta) -> list[Node]:
        """Those that were heard within a lease, by index. Rows of nodes that are no more stay for ever."""
        oldest = to_wire(self.now() - lease_ttl)
        return [Node.from_row(row) for row in self._database.all("living_nodes", oldest=oldest)]

    def expect_one_more(self, node_id: str) -> None:
        """A session was placed there. What the node says next counts."""
        with self._database.transaction():
            self._database.run("expect_one_more", id=node_id)

    def get(self, node_id: str) -> Node:
        """Raises NotFound."""
        row = self._database.one("node_by_id", id=node_id)
        if row is None:
            raise NotFound(f"there is no node {node_id}")
        return Node.from_row(row)

    def wanted(self) -> dict[str, int]:
        """How many sessions each node should be running; none that has none."""
        return {row["node_id"]: row["sessions"] for row in self._database.all("wanted_by_node")}

    def spread(self, workspace_id: str) -> dict[str, int]:
        """How many sessions of a workspace each node has."""
        rows = self._database.all("sessions_per_node", workspace_id=workspace_id)
        return {row["node_id"]: row["sessions"] for row in rows}

    def mark(
        self,
        node_id: str,
        *,
        cordoned: bool | None = None,
        drained: bool | None = None,
        lost: bool | None = None,
    ) -> None:
        """What the operator wants of it. Raises NotFound."""
        with self._database.transaction():
            if not self._database.run("mark_node", id=node_id, cordoned=cordoned, drained=drained, lost=lost):
                raise NotFound(f"there is no node {node_id}")

    # ── the breaker ──────────────────────────────────────────────────────────

    def may_be_called(self, node_id: str) -> bool:
        """False while its breaker is open. After the pause the first who asks may try, the others wait on."""
        row = self._database.one("node_by_id", id=node_id)
        node = None if row is None else Node.from_row(row)
        if node is None or node.avoid_until is None:
            return True
        now = self._clock.now()
        if now < node.avoid_until:
            return False
        with self._database.transaction():
            later = to_wire(now + FIRST_PAUSE)
            return self._database.run("try_node_again", id=node_id, now=to_wire(now), avoid_until=later) == 1

    def failed(self, node_id: str) -> None:
        """A call to it got no answer."""
        with self._database.transaction():
            row = self._database.one("hold_node", id=node_id)
            if row is not None:
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(10, row["call_failures"]))
                until = to_wire(self._clock.now() + pause)
                self._database.run("node_failed", id=node_id, avoid_until=until)

    def answered(self, node_id: str) -> None:
        """A call to it got an answer; written only when it had failed before."""
        row = self._database.one("node_by_id", id=node_id)
        if row is not None and (row["call_failures"] or row["avoid_until"] is not None):
            with self._database.transaction():
                self._database.run("node_answered", id=node_id)

    # ── signatures ───────────────────────────────────────────────────────────

    def use_nonce(self, node_id: str, nonce: str) -> bool:
        """Remember a nonce; False when it was used before."""
        now = self._clock.now()
        with self._database.transaction():
            self._database.run("prune_nonces", oldest=to_wire(now - NONCE_LIFE))
            return self._database.run("use_nonce", node_id=node_id, nonce=nonce, now=to_wire(now)) == 1
