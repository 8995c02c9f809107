"""Direct calls to the node that holds a session, and what comes of their answers.

Rule: a node that does not answer costs one timeout for all processes, because its breaker is in the
registry; and what an answer carries is applied, whoever asked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from functions.event_intake import EventIntake
from storage.errors import BadMessage, PoolRefused, PoolUnreachable
from storage.events import NodeEvent
from storage.nodes import Nodes
from storage.sessions import Session

log = logging.getLogger(__name__)

Call = Callable[[str], list[NodeEvent]]
"""What to ask of the node at this address."""


class NodeCalls:
    """`tell` when the wish is stored already, `ask` when only the node can answer."""

    def __init__(self, nodes: Nodes, intake: EventIntake) -> None:
        self._nodes = nodes
        self._intake = intake

    def tell(self, session: Session, call: Call) -> bool:
        """Call the node about a wish that is stored already; False when it is left to the heartbeat."""
        if session.node_id is None or session.node_url is None:
            return False
        try:
            events = self._call(session, call)
        except (PoolUnreachable, PoolRefused) as error:
            log.warning(
                "wish_left_to_heartbeat",
                extra={"session_id": session.id, "node_id": session.node_id, "error": str(error)},
            )
            return False
        self._apply(session.node_id, events)
        return True

    def ask(self, session: Session, call: Call) -> None:
        """Call the node for something that only it can answer. Raises PoolUnreachable, PoolRefused."""
        if session.node_url is None:
            raise PoolUnreachable("no machine is free to hold this session yet; try again in a moment")
        self._apply(session.node_id, self._call(session, call))

    def _call(self, session: Session, call: Call) -> list[NodeEvent]:
        """Through the node's breaker, which all processes share: a sick one costs one timeout."""
        assert session.node_id is not None
        assert session.node_url is not None
        if not self._nodes.may_be_called(session.node_id):
            raise PoolUnreachable(
                "the machine that holds this session did not answer lately; try again in a moment"
            )
        try:
            events = call(session.node_url)
        except PoolUnreachable:
            self._nodes.failed(session.node_id)
            raise
        except PoolRefused:
            self._nodes.answered(session.node_id)
            raise
        self._nodes.answered(session.node_id)
        return events

    def _apply(self, node_id: str | None, events: list[NodeEvent]) -> None:
        """Apply what an answer carried; the relay brings the same events again and finds them applied."""
        assert node_id is not None
        try:
            self._intake.take(node_id, events)
        except BadMessage as error:
            log.error("answer_refused", extra={"node_id": node_id, "error": str(error)})  # noqa: TRY400
