"""What happens to a fleet of one size, in order: people link, machines are lost, a deploy replaces some.

Rule: after every loss and every move each linked session is on exactly one living node, and was begun there
exactly once; the walk fails otherwise, so no figure stands for a fleet that broke its promise.
"""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg

from bench.scale.fleet import Fleet, SimNode
from bench.scale.load import FIRST_NUMBER, fill
from bench.scale.watch import Cost, Watch
from storage.clock import SystemClock, to_wire
from storage.database import open_database
from storage.events import EventType
from storage.workspaces import Workspaces

LEASE_TTL = timedelta(hours=1)
"""Nobody waits for it: whoever is to be lost is written down as silent for twice as long."""
MOST_ROUNDS = 200
PATIENCE_SECONDS = 180.0
"""And for so long at least: a round of a few nodes takes milliseconds, and a node that did not answer a call
in time gets nothing for up to a minute."""
PAUSE_SECONDS = 0.2
"""After a round in which nobody began anything; real nodes pause for two seconds after each."""
REGIONS = 4
CUSTOMERS = 30
"""Whose people link while it is measured."""
ROTATIONS = 3
METRICS_TOKEN = "metrics-of-the-simulator-0123456789"  # noqa: S105


@dataclass(frozen=True, kw_only=True)
class Size:
    """What is walked."""

    sessions: int
    nodes: int
    linking: int
    """People who link while it is measured."""
    replaced: int
    """Nodes that the deploy replaces; a share, the rest follows in the same way."""
    steady_rounds: int = 2

    @classmethod
    def of(cls, sessions: int, sessions_of_a_node: int) -> Size:
        nodes = max(5, sessions // sessions_of_a_node)
        return cls(
            sessions=sessions, nodes=nodes, linking=min(300, sessions // 5), replaced=max(1, nodes // 50)
        )


class BrokenPromise(AssertionError):
    """A session ran nowhere, or twice."""


class Patience:
    """Counts rounds of heartbeats, and ends when they lead nowhere."""

    def __init__(self, cost: Cost) -> None:
        self._cost = cost
        self._until = time.monotonic() + PATIENCE_SECONDS

    def another(self, why: str) -> None:
        """Raises BrokenPromise."""
        self._cost.rounds += 1
        if self._cost.rounds > MOST_ROUNDS and time.monotonic() > self._until:
            raise BrokenPromise(f"{self._cost.what}: {why} after {self._cost.rounds} rounds")


class Walk:
    """One size, on a database of its own."""

    def __init__(self, url: str, fleet: Fleet, watch: Watch, size: Size) -> None:
        self._url = url
        self._fleet = fleet
        self._watch = watch
        self._size = size
        self._costs: list[Cost] = []

    def walk(self) -> list[Cost]:
        """Everything. Raises BrokenPromise, Refused."""
        fleet, size = self._fleet, self._size
        database = open_database(self._url)
        try:
            workspaces = Workspaces(database, SystemClock())
            large = workspaces.create("Large customer")
            self._keys = [workspaces.create(f"Customer {place}").api_key for place in range(CUSTOMERS)]
        finally:
            database.close()
        self._key = large.api_key
        fleet.add(size.nodes, min(REGIONS, size.nodes))
        with self._cost("nodes report for the first time") as cost:
            fleet.everybody_beats()
            cost.units = size.nodes
        fill(self._url, list(fleet.nodes.values()), size.sessions, large.workspace.id)
        fleet.everybody_beats()  # leased, now that none is alone; connections and caches are warm
        with self._cost("heartbeats, nothing new") as cost:
            cost.rounds = size.steady_rounds
            for _ in range(cost.rounds):
                cost.units += len(fleet.nodes)
                fleet.everybody_beats()
        self._check("after heartbeats")
        self._link()
        self._look()
        nodes = list(fleet.nodes.values())
        self._lose("a node lost", nodes[:1])
        region = nodes[1].region
        self._lose("a region lost", [node for node in nodes[1:] if node.region == region])
        self._deploy(list(fleet.nodes.values())[: size.replaced])
        return self._costs

    @contextmanager
    def _cost(self, what: str) -> Iterator[Cost]:
        with self._watch.cost(what) as cost:
            yield cost
        self._costs.append(cost)
        _say(self._size, cost)

    # ── people link ──────────────────────────────────────────────────────────

    def _link(self) -> None:
        fleet, count = self._fleet, self._size.linking
        before = set(self._held())
        with self._cost("create to QR") as cost:
            cost.units = count
            keys = [self._keys[place % CUSTOMERS] for place in range(count)]
            answers = fleet.at_once([partial(self._create, key) for key in keys])
            cost.late = sum(one["qr"] is None for one in answers)
            if cost.late:
                self._until_shown(cost)
            cost.most_on_one_node = max(
                sum(one not in before for one in node.held) for node in fleet.nodes.values()
            )
        holders = {one: node for node in fleet.nodes.values() for one in node.held if one not in before}
        with self._cost("QR rotated") as cost:
            for _ in range(ROTATIONS):
                for session_id, node in holders.items():
                    node.show_qr(session_id)
                cost.units += fleet.everybody_reports()
        with self._cost("scanned and ready") as cost:
            for place, (session_id, node) in enumerate(holders.items()):
                node.emit(session_id, EventType.SESSION_AUTHENTICATED)
                number = f"+{FIRST_NUMBER + self._size.sessions + place}"
                node.emit(
                    session_id,
                    EventType.SESSION_READY,
                    phone_number=number,
                    display_name="Ayu",
                    platform="android",
                    phone_extraction_ms=80,
                )
            fleet.everybody_reports()
            cost.units = len(holders)
        self._check("after linking")

    def _create(self, key: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": secrets.token_hex(8)}
        answer: dict[str, Any] = json.loads(
            self._fleet.request("POST", "/api/sessions", b"{}", lambda: headers)
        )
        return answer

    def _until_shown(self, cost: Cost) -> None:
        """A machine that is crowded answers a direct call too late; the heartbeats bring what it missed."""
        patience = Patience(cost)
        while wrong := self._wrong(("qr_scanning", "connected")):
            patience.another(f"{len(wrong)} sessions have no QR, such as {wrong[:3]}")
            self._fleet.everybody_beats()
            self._fleet.everybody_reports()

    def _look(self) -> None:
        """What an operator's tools ask every few seconds."""
        for what, path, headers in (
            ("GET /health", "/health", {}),
            ("GET /metrics", "/metrics", {"Authorization": f"Bearer {METRICS_TOKEN}"}),
            ("GET /api/sessions", "/api/sessions?limit=50", {"Authorization": f"Bearer {self._key}"}),
        ):
            with self._cost(what) as cost:
                cost.units = 10
                for _ in range(cost.units):
                    self._fleet.request("GET", path, b"", partial(dict, headers))

    # ── machines go ──────────────────────────────────────────────────────────

    def _lose(self, what: str, lost: list[SimNode]) -> None:
        """They are silent from here on, and their leases ended long ago."""
        gone = [one for node in lost for one in node.held]
        for node in lost:
            del self._fleet.nodes[node.id]
        past = to_wire(datetime.now(UTC) - 2 * LEASE_TTL)
        with psycopg.connect(self._url) as connection:
            ids = [node.id for node in lost]
            connection.execute("UPDATE nodes SET last_seen_at = %s WHERE id = ANY(%s)", [past, ids])
            connection.execute("UPDATE hearing SET since = %s", [past])
        with self._cost(what) as cost:
            self._until_begun(cost, gone)
        self._check(what)

    def _deploy(self, leaving: list[SimNode]) -> None:
        """These drain; once they are empty they go, and new ones come in their place."""
        moved = [one for node in leaving for one in node.held]
        for node in leaving:
            node.draining = True
        with self._cost("a part of the fleet replaced") as cost:
            self._until_begun(cost, moved)
        self._fleet.everybody_beats(leaving)  # says that it is empty
        if left := [one for node in leaving for one in node.held]:
            raise BrokenPromise(f"{len(left)} sessions stay on nodes that are leaving")
        for node in leaving:
            del self._fleet.nodes[node.id]
        self._check("after the deploy")

    def _until_begun(self, cost: Cost, sessions: list[str]) -> None:
        cost.units = len(sessions)
        before = {node.id: len(node.held) for node in self._fleet.nodes.values()}
        patience = Patience(cost)
        while len(self._fleet.begun) < len(sessions):
            patience.another(f"{len(self._fleet.begun)} of {len(sessions)} are begun")
            if not self._fleet.everybody_beats():
                time.sleep(PAUSE_SECONDS)
        self._fleet.everybody_reports()
        now = {node.id: len(node.held) for node in self._fleet.nodes.values()}
        cost.most_on_one_node = max(now[one] - before.get(one, 0) for one in now)
        if self._fleet.begun != Counter(sessions):
            twice = [one for one, times in self._fleet.begun.items() if times > 1]
            raise BrokenPromise(f"{cost.what}: {len(twice)} sessions were begun more than once")

    # ── the promise ──────────────────────────────────────────────────────────

    def _held(self) -> list[str]:
        return [one for node in self._fleet.nodes.values() for one in node.held]

    def _check(self, when: str) -> None:
        if wrong := self._wrong(("connected",)):
            raise BrokenPromise(f"{when}: {len(wrong)} sessions, such as {wrong[:3]}")

    def _wrong(self, good: tuple[str, ...]) -> list[tuple[str, str]]:
        """Sessions that are not on exactly one node, under their generation, in one of these states."""
        held = Counter(self._held())
        with psycopg.connect(self._url) as connection:
            rows = connection.execute("SELECT id, node_id, generation, status FROM sessions").fetchall()
        wrong = [
            (session_id, status)
            for session_id, node_id, generation, status in rows
            if held[session_id] != 1
            or status not in good
            or node_id not in self._fleet.nodes
            or self._fleet.nodes[node_id].held.get(session_id, (0, 0))[0] != generation
        ]
        known = {row[0] for row in rows}
        return wrong + [(one, "in no registry") for one in held if one not in known]


def _say(size: Size, cost: Cost) -> None:
    units = max(1, cost.units)
    print(
        f"{size.sessions:>6} sessions: {cost.what}: {cost.units} in {cost.wall_seconds:.1f} s,"
        f" {cost.rounds} rounds,"
        f" functions {cost.functions_cpu_seconds / units * 1000:.2f} ms, database"
        f" {cost.database_cpu_seconds / units * 1000:.2f} ms, {cost.statements / units:.1f} statements, "
        f"{cost.wal_bytes / units:.0f} B of WAL each, slowest answer {cost.request_ms_most:.0f} ms,"
        f" at most {cost.most_on_one_node} on one node, {cost.repeated} asked again, {cost.late} late",
        file=sys.stderr,
        flush=True,
    )
