"""Routes for nodes: the webhook that takes their events, and the heartbeat. `auth` has checked the signature.

Rule: an answer of 200 means that every event of the batch is stored. A batch with one event that cannot be
read is refused as a whole, naming the event and the field.
"""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from functions.auth import current_node
from functions.bodies import read_object
from functions.problems import FieldError, Problem
from functions.raw_body import read_raw
from functions.services import Services
from storage.errors import BadMessage
from storage.events import NodeEvent
from storage.facts import facts_of
from storage.node_protocol import Heartbeat

MAX_EVENTS = 500
"""A relay sends a hundred at a time; more in one transaction would hold the write lock too long."""


def node_routes(services: Services) -> Blueprint:
    """What nodes call."""
    routes = _Routes(services)
    blueprint = Blueprint("nodes", __name__, url_prefix="/api")
    blueprint.add_url_rule("/webhook", "webhook", routes.webhook, methods=["POST"])
    blueprint.add_url_rule("/nodes/<node_id>/heartbeat", "heartbeat", routes.heartbeat, methods=["POST"])
    return blueprint


class _Routes:
    """The handlers, with what they need."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def webhook(self) -> Response:
        body = read_object(read_raw())
        _same_node("node_id", body.get("node_id"))
        events = _events(body)
        outcomes = self._services.node_reports.events(current_node(), events)
        return jsonify(
            outcomes=[
                {"id": event.id, "outcome": outcome.value}
                for event, outcome in zip(events, outcomes, strict=True)
            ]
        )

    def heartbeat(self, node_id: str) -> Response:
        _same_node("the address", node_id)
        body = read_object(read_raw())
        _same_node("node_id", body.get("node_id"))
        try:
            heartbeat = Heartbeat.from_wire(body)
        except BadMessage as error:
            raise _bad_message("body", error) from error
        return jsonify(self._services.node_reports.heartbeat(heartbeat).to_wire())


def _same_node(where: str, node_id: object) -> None:
    if node_id != current_node():
        message = f"{where} must name {current_node()}, the node that signed"
        raise Problem(403, "other_node", message, [FieldError(field=where, message=message)])


def _events(body: dict[str, object]) -> list[NodeEvent]:
    raw = body.get("events")
    if not isinstance(raw, list) or not 0 < len(raw) <= MAX_EVENTS:
        raise _bad_message("events", BadMessage(f"must be a list of 1 to {MAX_EVENTS} events"))
    events = []
    for index, element in enumerate(raw):
        try:
            event = NodeEvent.from_wire(element)
            facts_of(event)
        except BadMessage as error:
            raise _bad_message(f"events.{index}", error) from error
        events.append(event)
    return events


def _bad_message(field: str, error: BadMessage) -> Problem:
    return Problem(400, "bad_message", f"{field}: {error}", [FieldError(field=field, message=str(error))])
