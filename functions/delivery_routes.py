"""Routes of /api/deliveries: the webhook log, and sending again what was not delivered."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from functions.auth import current_workspace
from functions.bodies import read_body
from functions.paging import check_parameters, read_cursor, read_limit, refuse, to_cursor
from functions.problems import Problem
from functions.services import Services
from functions.session_requests import Nothing
from functions.webhook_requests import Replay
from storage.attempts import Attempt
from storage.clock import to_wire
from storage.delivery import Delivery, DeliveryStatus
from storage.errors import NotFound
from storage.events import INTERNAL, EventType
from storage.ids import is_id


def delivery_routes(services: Services) -> Blueprint:
    """Everything a backend does with its webhook log."""
    routes = _Routes(services)
    blueprint = Blueprint("deliveries", __name__, url_prefix="/api/deliveries")
    blueprint.add_url_rule("", "page", routes.page)
    blueprint.add_url_rule("/retry", "replay", routes.replay, methods=["POST"])
    # no id is that short: GET …/retry is an address that takes POST only
    blueprint.add_url_rule("/<string(minlength=6):delivery_id>", "show", routes.show)
    blueprint.add_url_rule("/<delivery_id>/retry", "retry", routes.retry, methods=["POST"])
    return blueprint


class _Routes:
    """The handlers, with what they need."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def page(self) -> Response:
        check_parameters("status", "session_id", "endpoint_id", "type", "cursor", "limit")
        before, limit = read_cursor(), read_limit()
        if before is not None and not is_id(before.removeprefix("msg_")):
            refuse("cursor", "take it from next_cursor of the page before")
        deliveries = self._services.deliveries.page(
            current_workspace().id,
            session_id=request.args.get("session_id"),
            endpoint_id=request.args.get("endpoint_id"),
            type_=_type(),
            status=_status(),
            before=before,
            limit=limit + 1,
        )
        more, deliveries = len(deliveries) > limit, deliveries[:limit]
        return jsonify(
            deliveries=[delivery_to_wire(delivery) for delivery in deliveries],
            next_cursor=to_cursor(deliveries[-1].id) if more else None,
        )

    def show(self, delivery_id: str) -> Response:
        try:
            delivery, attempts = self._services.deliveries.show(current_workspace().id, delivery_id)
        except NotFound as error:
            raise _not_found() from error
        log = [attempt_to_wire(attempt) for attempt in attempts]
        return jsonify({**delivery_to_wire(delivery), "attempt_log": log})

    def retry(self, delivery_id: str) -> Response:
        read_body(Nothing)
        try:
            delivery = self._services.replays.retry(current_workspace().id, delivery_id)
        except NotFound as error:
            raise _not_found() from error
        response = jsonify(delivery_to_wire(delivery))
        response.status_code = 202
        return response

    def replay(self) -> Response:
        wanted = read_body(Replay)
        if wanted.endpoint_id is None and wanted.since is None:
            refuse("endpoint_id", "give endpoint_id, since, or both")
        try:
            count = self._services.replays.replay(
                current_workspace().id, endpoint_id=wanted.endpoint_id, since=wanted.since_moment
            )
        except NotFound as error:
            raise Problem(404, "webhook_not_found", str(error)) from error
        response = jsonify(retried=count)
        response.status_code = 202
        return response


def _not_found() -> Problem:
    return Problem(
        404, "delivery_not_found", "there is no such delivery; take its id from GET /api/deliveries"
    )


def delivery_to_wire(delivery: Delivery) -> dict[str, Any]:
    """One line of the log. The body is not shown: it may hold a QR, and the receiver has it."""
    return {
        "id": delivery.id,
        "type": delivery.type,
        "session_id": delivery.session_id,
        "event_id": delivery.event_id,
        "endpoint_id": delivery.endpoint_id,
        "url": delivery.endpoint_url,
        "status": delivery.status.value,
        "attempts": delivery.attempts,
        "created_at": to_wire(delivery.created_at),
        "next_attempt_at": delivery.next_attempt_at and to_wire(delivery.next_attempt_at),
        "last_attempt_at": delivery.last_attempt_at and to_wire(delivery.last_attempt_at),
        "last_status_code": delivery.last_status_code,
        "last_error": delivery.last_error,
        "delivered_at": delivery.delivered_at and to_wire(delivery.delivered_at),
    }


def attempt_to_wire(attempt: Attempt) -> dict[str, Any]:
    """One try, as the receiver's developer wants to see it."""
    return {
        "number": attempt.number,
        "started_at": to_wire(attempt.started_at),
        "took_ms": round(attempt.took.total_seconds() * 1000),
        "status_code": attempt.status_code,
        "error": attempt.error,
        "answer": attempt.answer,
    }


def _type() -> EventType | None:
    text = request.args.get("type")
    if text is None:
        return None
    if text not in frozenset(EventType) - INTERNAL:
        refuse("type", "must be the type of an event, such as session_ready")
    return EventType(text)


def _status() -> DeliveryStatus | None:
    text = request.args.get("status")
    if text is None:
        return None
    try:
        return DeliveryStatus(text)
    except ValueError:
        refuse("status", f"must be one of {', '.join(DeliveryStatus)}")
