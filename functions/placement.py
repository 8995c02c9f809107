"""Which node gets a session: its own while that lives, else what the strategy says.

Rule: a choice is a pure function of what the registry knows, so it is the same wherever it is made. A full
node is a choice too, because it queues; one that does not answer, is cordoned or drains is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from storage.nodes import Node
from storage.sessions import Session


class Strategy(StrEnum):
    """PLACEMENT. Names that operators write; never rename."""

    LEAST_LOADED = "least_loaded"
    """By how full a node is, in tenths, then away from the workspace's other sessions, then by room: machines
    of different sizes fill alike, and a lost one costs each customer little."""
    LEAST_CONNECTIONS = "least_connections"
    """By the number of sessions, whatever a node's size: for machines that are all alike."""
    ROUND_ROBIN = "round_robin"
    """One node after the other, by the number of a workspace's sessions: for load that nobody measures."""
    HASH_BY_SESSION = "hash_by_session"
    """By a hash of the session's id, so that it comes back to the same node; when one goes, only its own
    sessions move (rendezvous). For nodes that keep something of a session on their disk."""


def choose_node(
    nodes: Iterable[Node],
    session: Session,
    now: datetime,
    lease_ttl: timedelta,
    *,
    strategy: Strategy = Strategy.LEAST_LOADED,
    spread: Mapping[str, int] | None = None,
    without: frozenset[str] = frozenset(),
) -> Node | None:
    """The node to start a session on, or None when none takes it. `spread` is how many sessions of its
    workspace each node has; `without` were tried already. Ties go to the smaller index."""
    able = [node for node in nodes if node.takes_new(now, lease_ttl) and node.id not in without]
    own = next((node for node in able if node.id == session.node_id), None)
    if own is not None:
        return own
    here = [node for node in able if session.region is None or node.region == session.region] or able
    fitting = [node for node in here if node.free > 0] or here
    if not fitting:
        return None
    neighbours = spread or {}
    match strategy:
        case Strategy.LEAST_LOADED:
            return min(
                fitting,
                key=lambda node: (
                    round(node.load * 10),
                    neighbours.get(node.id, 0),
                    -node.free,
                    node.instance_index,
                ),
            )
        case Strategy.LEAST_CONNECTIONS:
            return min(fitting, key=lambda node: (node.live + node.queued, node.instance_index))
        case Strategy.ROUND_ROBIN:
            ordered = sorted(fitting, key=lambda node: node.instance_index)
            return ordered[sum(neighbours.values()) % len(ordered)]
        case Strategy.HASH_BY_SESSION:
            return max(fitting, key=lambda node: _score(session.id, node.id))
        case _:
            assert_never(strategy)


def _score(session_id: str, node_id: str) -> bytes:
    return hashlib.sha256(f"{session_id} {node_id}".encode()).digest()
