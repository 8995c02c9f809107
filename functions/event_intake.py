"""Takes events of nodes, whether the relay brought them or the answer to a call did.

Rule: a batch is applied in one transaction, and what follows from it outside of the registry comes after.
"""

from __future__ import annotations

from collections.abc import Sequence

from functions.device_removal import DeviceRemoval
from functions.metrics import Metrics
from functions.node_audit import audit_events
from storage.audit import AuditLog
from storage.database import Database
from storage.event_log import Outcome
from storage.events import EventType, NodeEvent
from storage.registry import Registry

_ARRIVALS = frozenset({EventType.SESSION_READY, EventType.PHONE_RESOLVED})
"""With these a number becomes known, and an older link of it may have to go."""


class EventIntake:
    """The one way from a node's words into the registry."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        devices: DeviceRemoval,
        audit: AuditLog,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._registry = registry
        self._devices = devices
        self._audit = audit
        self._metrics = metrics

    def take(self, node_id: str, events: Sequence[NodeEvent]) -> list[Outcome]:
        """Apply a batch, all or nothing. Raises BadMessage."""
        with self._database.transaction():
            self._registry.sessions.hold(event.session_id for event in events)
            outcomes = [self._registry.apply(node_id, event) for event in events]
            audit_events(self._audit, self._registry, node_id, list(zip(events, outcomes, strict=True)))
        for event, outcome in zip(events, outcomes, strict=True):
            self._metrics.event(event.type, outcome)
            if event.type in _ARRIVALS and outcome is Outcome.APPLIED:
                self._devices.after_arrival(event.session_id)
        return outcomes
