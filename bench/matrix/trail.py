"""Follows every event from the node that told it to the backend that received it.

Rule: an event is lost when a link of the chain is missing, whatever anybody says of it: the node's log has
its id, the registry has it, a delivery is owed for it, the receiver got that delivery.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.matrix.world import World
from storage.event_log import Outcome
from storage.events import INTERNAL

ARRIVED_WITHIN = 30.0
_INTERNAL = frozenset(type_.value for type_ in INTERNAL)


@dataclass(frozen=True, kw_only=True)
class Trail:
    """What became of the events of a world."""

    told: int
    """Events that nodes wrote."""
    received: int
    """Webhooks, each counted once."""
    refused_stale: int
    """Events of nodes that had lost the session; recorded, and without effect."""
    lost: tuple[str, ...]


def log_lines(path: Path, event: str) -> Iterator[dict[str, Any]]:
    """Lines of one kind of a process's log."""
    mark = f'"{event}"'
    with path.open(errors="replace") as lines:
        for line in lines:
            if mark in line:
                try:
                    said = json.loads(line)
                except ValueError:  # it was killed in the middle of it
                    continue
                if said.get("event") == event:
                    yield said


def _told(world: World) -> dict[str, str]:
    """Event id → by whom and what."""
    return {
        said["event_id"]: f"{name} {said['type']}"
        for name in world.nodes
        for said in log_lines(world.directory / f"{name}.log", "session_event")
    }


def owed(world: World) -> int:
    """Events and webhooks that are still under way."""
    waiting = sum(len(node.outbox()) for node in world.nodes.values() if node.id in world.running())
    pending = world.rows("SELECT count(*) AS many FROM deliveries WHERE status = 'pending'")[0]["many"]
    return waiting + int(pending)


def follow(world: World) -> Trail:
    """When nothing is owed any more. Nodes tell more while we read: what is missing is looked for again."""
    until = time.monotonic() + ARRIVED_WITHIN
    while (trail := _follow(world)).lost and time.monotonic() < until:
        time.sleep(0.5)
    return trail


def _follow(world: World) -> Trail:
    told = _told(world)
    stored = {row["id"]: row for row in world.rows("SELECT id, type, outcome, node_id FROM events")}
    deliveries = {row["event_id"]: row["id"] for row in world.rows("SELECT id, event_id FROM deliveries")}
    received = {one.id for one in list(world.receiver.received)}
    lost = [f"{who}: not in the registry" for id_, who in told.items() if id_ not in stored]
    for id_, row in stored.items():
        who = f"{row['node_id']} {row['type']}"
        if row["outcome"] == Outcome.STALE:
            lost.append(f"{who}: refused as older than another of the same owner")
        elif row["outcome"] == Outcome.APPLIED and row["type"] not in _INTERNAL:
            delivery = deliveries.get(id_)
            if delivery is None:
                lost.append(f"{who}: no webhook is owed for it")
            elif delivery not in received:
                lost.append(f"{who}: its webhook never came")
    stale = [row for row in stored.values() if row["outcome"] == Outcome.STALE_GENERATION]
    return Trail(told=len(told), received=len(received), refused_stale=len(stale), lost=tuple(lost))
