"""Which node has a session, and how it gets another one.

Rule: each new owner has a larger generation, so that what the one before still says counts no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from storage.errors import Conflict
from storage.events import EventType
from storage.lifecycle import after_node_lost, after_placement
from storage.models import ReasonCode
from storage.session_changes import SessionChanges
from storage.sessions import Session


class Placements:
    """Of sessions that have begun, or are about to."""

    def __init__(self, changes: SessionChanges) -> None:
        self._changes = changes

    def place(self, session_id: str, node_id: str) -> Session | None:
        """Claim a session without a node for one; None when somebody was faster, or nobody wants it now."""
        with self._changes.database.transaction():
            self._changes.sessions.hold([session_id])
            session = self._changes.sessions.find(session_id)
            if session is None or session.node_id is not None or not session.started:
                return None
            self._changes.sessions.save(session, after_placement(session, node_id), why="placed")
            return self._changes.sessions.get(session_id)

    def take_over(
        self, session_id: str, lost_id: str, node_id: str, is_lost: Callable[[], bool]
    ) -> Session | None:
        """Give a session of a lost node to another; None when it, or its node, is no longer what it was.

        A connected one is reconnecting from here on, and its workspace is told why.
        """
        with self._changes.database.transaction():
            self._changes.sessions.hold([session_id])
            session = self._changes.sessions.find(session_id)
            if session is None or session.node_id != lost_id or not session.needs_node or not is_lost():
                return None
            after = after_node_lost(session, node_id, self._changes.clock.now())
            self._changes.sessions.save(session, after, why="node_lost")
            if after.status is not session.status:
                reason = {"reason_code": ReasonCode.NODE_LOST.value}
                event = self._changes.events.record_own(session, EventType.SESSION_DISCONNECTED, reason)
                self._changes.announce(after, event)
            return after

    def give(self, session_id: str, from_id: str, node_id: str, *, version: int | None = None) -> Session:
        """Another node than this one; no change when it has gone elsewhere already, or is no longer of the
        version by which that was decided. Raises NotFound."""

        def give(session: Session) -> Session:
            same = session.node_id == from_id and version in (None, session.version)
            return after_placement(session, node_id) if same else session

        return self._changes.change(session_id, give, why="given")

    def want_on(self, session_id: str, node_id: str | None) -> Session:
        """The operator wants it on this node; its own hands it over. Raises NotFound, Conflict."""

        def move(session: Session) -> Session:
            if not session.started:
                raise Conflict(f"session {session.id} has no browser; it is {session.status}", "not_started")
            return replace(session, moving_to=node_id, version=session.version + 1)

        return self._changes.change(session_id, move, why="move_requested")

    def unplace(self, session_id: str) -> Session:
        """Take a session that has not begun from a node that will not begin it. Raises NotFound."""
        return self._changes.change(
            session_id, lambda session: after_placement(session, None), why="unplaced"
        )
