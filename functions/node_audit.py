"""What nodes did to sessions, for the audit log.

Rule: written in the transaction that applies the event, and only for what an auditor asks for.
"""

from __future__ import annotations

from collections.abc import Sequence

from storage.audit import ActorKind, AuditLog
from storage.event_log import Outcome
from storage.events import EventType, NodeEvent
from storage.registry import Registry

_NODE_DEEDS = frozenset(
    {
        EventType.SESSION_READY,
        EventType.SESSION_LOGGED_OUT,
        EventType.SESSION_REPLACED,
        EventType.SNAPSHOTS_DESTROYED,
    }
)
"""What a node reports and an auditor asks for: an account was linked, a link or its snapshots ended. The rest
stands among the session's events."""


def audit_events(
    audit: AuditLog, registry: Registry, node_id: str, told: Sequence[tuple[NodeEvent, Outcome]]
) -> None:
    """What a node did to sessions; inside the transaction that applied its events."""
    for event, outcome in told:
        if event.type in _NODE_DEEDS and outcome is Outcome.APPLIED:
            session = registry.sessions.get(event.session_id)
            audit.write(
                audit.entry(
                    ActorKind.NODE,
                    node_id,
                    f"events.{event.type.value}",
                    workspace_id=session.workspace_id,
                    subjects={"session_id": session.id},
                )
            )
