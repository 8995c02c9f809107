"""What a node hears back from us: the outcome of its events, and what it should run.

Rule: the answer to a heartbeat repeats every wish until the node's report agrees. Sessions that the
registry does not know are left alone: unknown is not a reason to close anything.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from functions.event_intake import EventIntake
from functions.placer import Fleet, Placer
from functions.specs import spec_of
from storage.clock import Clock
from storage.event_log import Outcome
from storage.events import NodeEvent
from storage.models import ENDED, SessionStatus, Wanted
from storage.node_protocol import Heartbeat, HeartbeatAnswer
from storage.nodes import Node, Nodes
from storage.registry import Registry
from storage.sessions import Session

log = logging.getLogger(__name__)

DEVICE_REMOVAL_PATIENCE = timedelta(days=1)
"""How long an ended link's login is kept on disk only to log its device out. A machine that was away is back
within hours; after a day the login is destroyed, and the device stands in the phone's list until the person
removes it there or WhatsApp does, after 30 days."""


class _LazyFleet:
    """Looks at the other nodes once in a heartbeat, and not at all when nothing is to move."""

    def __init__(self, placer: Placer) -> None:
        self._placer = placer
        self._fleet: Fleet | None = None

    def get(self) -> Fleet:
        if self._fleet is None:
            self._fleet = self._placer.fleet()
        return self._fleet


@dataclass(frozen=True, kw_only=True)
class _Beat:
    """One heartbeat while it is answered."""

    answer: HeartbeatAnswer
    fleet: _LazyFleet
    node: Node
    heartbeat: Heartbeat


class NodeReports:
    """Takes what nodes say."""

    def __init__(
        self,
        *,
        registry: Registry,
        intake: EventIntake,
        nodes: Nodes,
        placer: Placer,
        clock: Clock,
        lease_ttl: timedelta,
    ) -> None:
        self._registry = registry
        self._intake = intake
        self._nodes = nodes
        self._placer = placer
        self._clock = clock
        self._lease_ttl = lease_ttl

    def events(self, node_id: str, events: list[NodeEvent]) -> list[Outcome]:
        """Apply a batch, all or nothing. Raises BadMessage."""
        return self._intake.take(node_id, events)

    def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatAnswer:
        """Renew the node's lease; say what it should run. What follows from it is done step by step: a step
        that fails is done by the next heartbeat."""
        running = {held.id for held in heartbeat.sessions}
        reported = sorted(running | set(heartbeat.profiles))
        alone = self._nodes.report(heartbeat, self._lease_ttl)
        self._placer.take_over()
        self._placer.place_waiting()
        node = self._nodes.get(heartbeat.node_id)
        answer = HeartbeatAnswer(
            lease_ttl_seconds=self._lease_ttl.total_seconds(),
            run=[],
            close=[],
            log_out=[],
            erase=[],
            alone=alone,
        )
        beat = _Beat(answer=answer, fleet=_LazyFleet(self._placer), node=node, heartbeat=heartbeat)
        known = set(reported)
        for session in self._registry.sessions.for_node(heartbeat.node_id, reported):
            self._add_wish(beat, session, session.id in running, session.id in known)
        return answer

    def _add_wish(self, beat: _Beat, session: Session, running: bool, reported: bool) -> None:
        """What this node should do about one session, if anything."""
        answer, node = beat.answer, beat.node
        if session.wanted is Wanted.ERASED:
            if reported or (session.snapshot_id is not None and session.id not in beat.heartbeat.erased):
                answer.erase.append(session.id)
            elif session.node_id == node.id:
                self._registry.mark_erased(session.id)
        elif session.node_id != node.id:
            if running:
                (answer.close if session.node_id is None else answer.drop).append(session.id)
        elif session.wanted is Wanted.OPEN:
            if (node.leaving or session.moving_to is not None) and not beat.heartbeat.keeps_browsers:
                self._add_leaving(beat, session, running)
            else:
                answer.run.append(spec_of(session))
        elif session.wanted is Wanted.LOGGED_OUT:
            self._add_log_out(answer, session, running, reported)
        elif running:
            answer.close.append(session.id)

    def _add_leaving(self, beat: _Beat, session: Session, running: bool) -> None:
        """One that should go elsewhere. What is linked, or could be scanned, is closed here before it is
        opened there."""
        answer, node = beat.answer, beat.node
        home = beat.fleet.get().next_home(session, node)
        if home is None:
            if node.draining and not running and session.status is SessionStatus.CREATED:
                # it takes nothing new, so let another node have it
                self._registry.placements.unplace(session.id)
            else:
                answer.run.append(spec_of(session))
        elif _must_be_closed(session, beat.heartbeat) and session.id not in beat.heartbeat.handed_over:
            answer.hand_over.append(session.id)
        else:
            after = self._registry.placements.give(session.id, node.id, home.id, version=session.version)
            if after.node_id != home.id:
                return  # something happened to it since it was read: the next heartbeat decides anew
            beat.fleet.get().has_one_more(session, home)
            if running:
                answer.drop.append(session.id)
            log.info(
                "session_moved_on",
                extra={"session_id": session.id, "from_node": node.id, "node_id": home.id},
            )

    def _add_log_out(self, answer: HeartbeatAnswer, session: Session, running: bool, reported: bool) -> None:
        """No event can say of an ended session that its device is gone; that its profile is, does."""
        if session.status not in ENDED:
            if not running:
                # asleep it needs no more than the wish; what its node has lost it must have first
                answer.run.append(spec_of(session))
            answer.log_out.append(session.id)
        elif not reported:
            self._registry.device_removed(session.id)
        elif self._clock.now() - session.last_activity_at < DEVICE_REMOVAL_PATIENCE:
            answer.log_out.append(session.id)
        else:
            self._registry.device_removed(session.id, gave_up=True)
            answer.erase.append(session.id)


_SHOWN = frozenset({SessionStatus.QR_SCANNING, SessionStatus.PASSKEY_REQUIRED})


def _must_be_closed(session: Session, heartbeat: Heartbeat) -> bool:
    """Given away while its browser shows a QR, it could be scanned there in the same moment: the account
    would be linked to a browser that nobody follows, and the person asked again."""
    if session.linked:
        return True
    held = next((one for one in heartbeat.sessions if one.id == session.id), None)
    if held is None:
        return False
    return session.status in _SHOWN or held.status in _SHOWN or held.status == SessionStatus.AUTHENTICATED
