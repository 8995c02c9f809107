"""Routes of /api/deliveries: the webhook log, and sending one again."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from functions.auth import current_workspace
from functions.bodies import read_body
from functions.paging import check_parameters, read_cursor, read_limit, refuse, to_cursor
from functions.problems import Problem
from functions.services import Services
from functions.session_requests import Nothing
from storage.clock import to_wire
from storage.deliveries import Delivery, DeliveryStatus
from storage.errors import NotFound


def delivery_routes(services: Services) -> Blueprint:
    """Everything a backend does with its webhook log."""
    routes = _Routes(services)
    blueprint = Blueprint("deliveries", __name__, url_prefix="/api/deliveries")
    blueprint.add_url_rule("", "page", routes.page)
    blueprint.add_url_rule("/<delivery_id>/retry", "retry", routes.retry, methods=["POST"])
    return blueprint


class _Routes:
    """The handlers, with what they need."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def page(self) -> Response:
        check_parameters("status", "session_id", "cursor", "limit")
        before, limit = read_cursor(), read_limit()
        if before is not None and not (before.isdecimal() and len(before) < 19):
            refuse("cursor", "take it from next_cursor of the page before")
        deliveries = self._services.deliveries.page(
            current_workspace().id,
            session_id=request.args.get("session_id"),
            status=_status(),
            before=None if before is None else int(before),
            limit=limit + 1,
        )
        more, deliveries = len(deliveries) > limit, deliveries[:limit]
        return jsonify(
            deliveries=[delivery_to_wire(delivery) for delivery in deliveries],
            next_cursor=to_cursor(str(deliveries[-1].position)) if more else None,
        )

    def retry(self, delivery_id: str) -> Response:
        read_body(Nothing)
        try:
            delivery = self._services.deliveries.retry(current_workspace().id, delivery_id)
        except NotFound as error:
            raise Problem(
                404, "delivery_not_found", "there is no such delivery; take its id from GET /api/deliveries"
            ) from error
        response = jsonify(delivery_to_wire(delivery))
        response.status_code = 202
        return response


def delivery_to_wire(delivery: Delivery) -> dict[str, Any]:
    """One line of the log. The body is not shown: it may hold a QR, and the receiver has it."""
    return {
        "id": delivery.id,
        "type": delivery.type,
        "session_id": delivery.session_id,
        "event_id": delivery.event_id,
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


def _status() -> DeliveryStatus | None:
    text = request.args.get("status")
    if text is None:
        return None
    try:
        return DeliveryStatus(text)
    except ValueError:
        refuse("status", f"must be one of {', '.join(DeliveryStatus)}")
