"""Nodes: the machines that run browsers, as their heartbeats describe them, and the nonces they used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage.clock import Clock, from_wire, to_wire
from storage.database import Database
from storage.node_protocol import Heartbeat
from storage.node_signing import TOLERANCE

NONCE_LIFE = 2 * TOLERANCE + timedelta(minutes=1)
"""A signature made five minutes ahead of our clock is good for ten minutes; a minute to spare."""


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

    @property
    def free(self) -> int:
        """Slots that nobody has or waits for; below zero when more wait than fit."""
        return self.capacity - self.live - self.queued

    def alive(self, now: datetime, lease_ttl: timedelta) -> bool:
        """Its lease has not run out."""
        return now - self.last_seen_at < lease_ttl

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Node:
        return cls(
            id=row["id"],
            instance_index=row["instance_index"],
            url=row["url"],
            region=row["region"],
            capacity=row["capacity"],
            live=row["live"],
            warm=row["warm"],
            queued=row["queued"],
            draining=bool(row["draining"]),
            sandbox=None if row["sandbox"] is None else bool(row["sandbox"]),
            last_seen_at=from_wire(row["last_seen_at"]),
        )


class Nodes:
    """The nodes of the registry."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def report(self, heartbeat: Heartbeat) -> None:
        """Take down what a node says of itself; this renews its lease."""
        with self._database.transaction():
            if self._database.one("node_by_id", id=heartbeat.node_id) is None:
                self._database.hold("the smallest free index of nodes")
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
                now=to_wire(self._clock.now()),
            )

    def all(self) -> list[Node]:
        """Every node that ever reported, by index."""
        return [Node.from_row(row) for row in self._database.all("nodes")]

    def use_nonce(self, node_id: str, nonce: str) -> bool:
        """Remember a nonce; False when it was used before."""
        now = self._clock.now()
        with self._database.transaction():
            self._database.run("prune_nonces", oldest=to_wire(now - NONCE_LIFE))
            return self._database.run("use_nonce", node_id=node_id, nonce=nonce, now=to_wire(now)) == 1
