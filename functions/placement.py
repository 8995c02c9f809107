"""Which node gets a session: its own while it lives, else the region, else the most free slots."""

from __future__ import annotations

from datetime import datetime, timedelta

from storage.nodes import Node
from storage.sessions import Session


def choose_node(nodes: list[Node], session: Session, now: datetime, lease_ttl: timedelta) -> Node | None:
    """The node to start a session on, or None when none lives. A full node queues, so it is a choice, too.

    Ties go to the smaller index, so that the choice is the same wherever it is made.
    """
    able = [node for node in nodes if node.alive(now, lease_ttl) and not node.draining]
    own = next((node for node in able if node.id == session.node_id), None)
    if own is not None:
        return own
    return min(
        able,
        key=lambda node: (
            session.region is not None and node.region != session.region,
            -node.free,
            node.instance_index,
        ),
        default=None,
    )
