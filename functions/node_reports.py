"""What a node hears back from us: the outcome of its events, and what it should run.

Rule: the answer to a heartbeat repeats every wish until the node's report agrees. Sessions that the
registry does not know are left alone: unknown is not a reason to close anything.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from functions.event_intake import EventIntake
from functions.specs import spec_of
from storage.clock import Clock
from storage.database import Database
from storage.event_log import Outcome
from storage.events import NodeEvent
from storage.models import ENDED, SessionStatus, Wanted
from storage.node_protocol import Heartbeat, HeartbeatAnswer
from storage.nodes import Nodes
from storage.registry import Registry
from storage.sessions import Session

log = logging.getLogger(__name__)

PLACED_PER_HEARTBEAT = 20
"""Sessions without a node are spread over heartbeats and nodes rather than given to whoever reports first."""

DEVICE_REMOVAL_PATIENCE = timedelta(days=1)
"""How long an ended link's login is kept on disk only to log its device out. A machine that was away is back
within hours; after a day the login is destroyed, and the device stands in the phone's list until the person
removes it there or WhatsApp does, after 30 days."""


class NodeReports:
    """Takes what nodes say."""

    def __init__(
        self,
        *,
        database: Database,
        registry: Registry,
        intake: EventIntake,
        nodes: Nodes,
        clock: Clock,
        lease_ttl: timedelta,
    ) -> None:
        self._database = database
        self._registry = registry
        self._intake = intake
        self._nodes = nodes
        self._clock = clock
        self._lease_ttl = lease_ttl

    def events(self, node_id: str, events: list[NodeEvent]) -> list[Outcome]:
        """Apply a batch, all or nothing. Raises BadMessage."""
        return self._intake.take(node_id, events)

    def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatAnswer:
        """Renew the node's lease; say what it should run."""
        running = {held.id for held in heartbeat.sessions}
        reported = sorted(running | set(heartbeat.profiles))
        with self._database.transaction():
            self._nodes.report(heartbeat)
            if not heartbeat.draining:
                self._place(heartbeat.node_id)
            sessions = self._registry.sessions.for_node(heartbeat.node_id, reported)
            answer = HeartbeatAnswer(
                lease_ttl_seconds=self._lease_ttl.total_seconds(), run=[], close=[], log_out=[], erase=[]
            )
            for session in sessions:
                self._add_wish(answer, heartbeat, session, session.id in running, session.id in reported)
        return answer

    def _place(self, node_id: str) -> None:
        for session in self._registry.sessions.unplaced(PLACED_PER_HEARTBEAT):
            self._registry.place(session.id, node_id)
            log.info("session_placed", extra={"session_id": session.id, "node_id": node_id})

    def _add_wish(
        self, answer: HeartbeatAnswer, node: Heartbeat, session: Session, running: bool, reported: bool
    ) -> None:
        """What this node should do about one session, if anything."""
        if session.wanted is Wanted.ERASED:
            if reported or (session.snapshot_id is not None and session.id not in node.erased):
                answer.erase.append(session.id)
            elif session.node_id == node.node_id:
                self._registry.mark_erased(session.id)
        elif session.node_id != node.node_id:
            if running:
                answer.close.append(session.id)
        elif session.wanted is Wanted.OPEN:
            if node.draining and not running and session.status is SessionStatus.CREATED:
                self._registry.unplace(session.id)  # it takes nothing new, so let another node have it
            else:
                answer.run.append(spec_of(session))
        elif session.wanted is Wanted.LOGGED_OUT:
            self._add_log_out(answer, session, reported)
        elif running:
            answer.close.append(session.id)

    def _add_log_out(self, answer: HeartbeatAnswer, session: Session, reported: bool) -> None:
        """No event can say of an ended session that its device is gone; that its profile is, does."""
        if session.status not in ENDED:
            answer.log_out.append(session.id)
        elif not reported:
            self._registry.device_removed(session.id)
        elif self._clock.now() - session.last_activity_at < DEVICE_REMOVAL_PATIENCE:
            answer.log_out.append(session.id)
        else:
            self._registry.device_removed(session.id, gave_up=True)
            answer.erase.append(session.id)
