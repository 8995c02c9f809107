"""What the registry knows, as numbers, read when somebody asks: sessions, deliveries, snapshots, leases.

Rule: a few queries over indexes, none of them over delivered webhooks or old events, so that a scrape every
few seconds costs a large installation nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from storage.clock import Clock, from_wire, to_wire
from storage.database import Database
from storage.models import SessionStatus
from storage.nodes import Nodes
from storage.session_table import SessionTable

LINKED_LONG_ENOUGH = timedelta(minutes=5)
"""A first snapshot follows the link within seconds; one that misses after this is a fault."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """One gauge with its labelled values."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    samples: list[tuple[tuple[str, ...], float]] = field(default_factory=list)


class RegistryMetrics:
    """`read` asks the registry now."""

    def __init__(self, database: Database, sessions: SessionTable, nodes: Nodes, clock: Clock) -> None:
        self._database = database
        self._sessions = sessions
        self._nodes = nodes
        self._clock = clock

    def read(self) -> Iterator[Family]:
        yield self._by_status()
        yield from self._deliveries()
        yield from self._snapshots()
        yield from self._leases()

    def _by_status(self) -> Family:
        counts = self._sessions.counts()
        return Family(
            name="linkpool_sessions",
            help="Sessions of all workspaces by status.",
            labels=("status",),
            samples=[((status.value,), counts.get(status, 0)) for status in SessionStatus],
        )

    def _deliveries(self) -> Iterator[Family]:
        row = self._database.one("delivery_trouble") or {}
        yield _one("webhook_deliveries_pending", "Webhooks owed and not delivered yet.", row.get("pending"))
        yield _one("webhook_deliveries_dead", "Webhooks given up, which can be replayed.", row.get("dead"))
        yield _one(
            "webhook_oldest_pending_seconds",
            "How long the oldest owed webhook has waited.",
            self._age(row.get("oldest_pending")),
        )
        yield _one(
            "webhook_endpoints_failing",
            "Endpoints whose circuit is open.",
            (self._database.one("failing_endpoints", now=to_wire(self._clock.now())) or {}).get("endpoints"),
        )

    def _snapshots(self) -> Iterator[Family]:
        before = to_wire(self._clock.now() - LINKED_LONG_ENOUGH)
        row = self._database.one("snapshot_state", before=before) or {}
        yield _one("linkpool_snapshots", "Linked sessions that have a snapshot.", row.get("saved"))
        yield _one(
            "linkpool_sessions_without_snapshot",
            "Sessions linked for five minutes or more that have no snapshot.",
            row.get("missing"),
        )
        yield _one("linkpool_snapshots_bytes", "Size of the newest snapshots together.", row.get("bytes"))
        yield _one(
            "linkpool_snapshot_oldest_seconds",
            "Age of the oldest newest snapshot; it grows while a login does not change.",
            self._age(row.get("oldest")),
        )

    def _leases(self) -> Iterator[Family]:
        now = self._clock.now()
        nodes = self._nodes.all()
        yield Family(
            name="linkpool_node_lease_age_seconds",
            help="Since each node was last heard of, by the functions' clock.",
            labels=("node",),
            samples=[((node.id,), (now - node.last_seen_at).total_seconds()) for node in nodes],
        )
        yield Family(
            name="linkpool_node_sessions",
            help="Sessions that each node should be running.",
            labels=("node",),
            samples=[((node_id,), sessions) for node_id, sessions in self._nodes.wanted().items()],
        )
        yield Family(
            name="linkpool_node_draining",
            help="1 while a node takes no new sessions.",
            labels=("node",),
            samples=[((node.id,), float(node.draining)) for node in nodes],
        )

    def _age(self, moment: str | None) -> float:
        return 0.0 if moment is None else max(0.0, (self._clock.now() - from_wire(moment)).total_seconds())


def _one(name: str, help_: str, value: float | None) -> Family:
    return Family(name=name, help=help_, samples=[((), float(value or 0))])
