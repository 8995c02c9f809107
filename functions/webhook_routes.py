"""Routes of /api/webhooks: where a workspace is told, of what, and with which secret.

Rule: the values of headers are never shown, and a secret is shown once, when it is made.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from functions.auth import current_workspace
from functions.bodies import read_body
from functions.paging import check_parameters, read_cursor, read_limit, refuse, to_cursor
from functions.problems import Problem
from functions.services import Services
from functions.session_requests import Nothing
from functions.webhook_requests import MASK, NewWebhook, SecretRotation, WebhookChange, check_address
from storage.clock import to_wire
from storage.endpoints import SWITCHED_OFF, Endpoint
from storage.errors import NotFound
from storage.events import EventType
from storage.ids import is_id


def webhook_routes(services: Services) -> Blueprint:
    """Everything a backend does with its endpoints."""
    routes = _Routes(services)
    blueprint = Blueprint("webhooks", __name__, url_prefix="/api/webhooks")
    add = blueprint.add_url_rule
    add("", "page", routes.page)
    add("", "create", routes.create, methods=["POST"])
    add("/<endpoint_id>", "show", routes.show)
    add("/<endpoint_id>", "change", routes.change, methods=["PATCH"])
    add("/<endpoint_id>", "delete", routes.delete, methods=["DELETE"])
    add("/<endpoint_id>/enable", "enable", routes.enable, methods=["POST"])
    add("/secret/rotate", "rotate_secret", routes.rotate_secret, methods=["POST"])
    return blueprint


class _Routes:
    """The handlers, with what they need."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def page(self) -> Response:
        check_parameters("session_id", "cursor", "limit")
        before, limit = read_cursor(), read_limit()
        if before is not None and not is_id(before):
            refuse("cursor", "take it from next_cursor of the page before")
        endpoints = self._services.endpoints.page(
            current_workspace().id,
            session_id=request.args.get("session_id"),
            before=before,
            limit=limit + 1,
        )
        more, endpoints = len(endpoints) > limit, endpoints[:limit]
        return jsonify(
            webhooks=[self._wire(endpoint) for endpoint in endpoints],
            next_cursor=to_cursor(endpoints[-1].id) if more else None,
        )

    def create(self) -> Response:
        wanted = read_body(NewWebhook)
        check_address(wanted.url, self._services.config.webhook_allow_hosts)
        if MASK in wanted.headers.values():
            refuse("headers", f"{MASK} stands for a value; give the value itself")
        workspace_id = current_workspace().id
        if wanted.session_id is not None:
            self._check_session(workspace_id, wanted.session_id)
        endpoint = self._services.endpoints.add(
            workspace_id,
            wanted.url,
            session_id=wanted.session_id,
            events=[EventType(name) for name in wanted.events],
            headers=wanted.headers,
        )
        response = jsonify(self._wire(endpoint))
        response.status_code = 201
        response.headers["Location"] = f"{self._services.config.public_url}/api/webhooks/{endpoint.id}"
        return response

    def show(self, endpoint_id: str) -> Response:
        return jsonify(self._wire(self._endpoint(endpoint_id)))

    def change(self, endpoint_id: str) -> Response:
        wanted = read_body(WebhookChange)
        if wanted.url is not None:
            check_address(wanted.url, self._services.config.webhook_allow_hosts)
        with self._services.database.transaction():
            before = self._endpoint(endpoint_id)
            headers = None if wanted.headers is None else _unmask(wanted.headers, before)
            self._services.endpoints.change(
                before.workspace_id,
                endpoint_id,
                url=wanted.url,
                events=None if wanted.events is None else [EventType(name) for name in wanted.events],
                headers=headers,
            )
            if wanted.enabled is True:
                self._services.endpoints.enable(endpoint_id)
            elif wanted.enabled is False:
                self._services.endpoints.disable(endpoint_id, SWITCHED_OFF)
            return jsonify(self._wire(self._endpoint(endpoint_id)))

    def delete(self, endpoint_id: str) -> Response:
        read_body(Nothing)
        self._services.endpoints.delete(current_workspace().id, self._endpoint(endpoint_id).id)
        return Response(status=204)

    def enable(self, endpoint_id: str) -> Response:
        read_body(Nothing)
        self._services.endpoints.enable(self._endpoint(endpoint_id).id)
        return jsonify(self._wire(self._endpoint(endpoint_id)))

    def rotate_secret(self) -> Response:
        overlap = read_body(SecretRotation).overlap
        new = self._services.workspaces.rotate_webhook_secret(current_workspace().id, overlap)
        until = new.previous_valid_until
        response = jsonify(
            webhook_secret=new.webhook_secret, previous_valid_until=None if until is None else to_wire(until)
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    def _endpoint(self, endpoint_id: str) -> Endpoint:
        """The endpoint of this address, if it is the caller's. Raises Problem."""
        try:
            return self._services.endpoints.get(current_workspace().id, endpoint_id)
        except NotFound as error:
            raise Problem(404, "webhook_not_found", str(error)) from error

    def _check_session(self, workspace_id: str, session_id: str) -> None:
        try:
            session = self._services.registry.sessions.of_workspace(workspace_id, session_id)
        except NotFound as error:
            refuse("session_id", str(error))
        if session.deleted_at is not None:
            refuse("session_id", "this session was deleted; it has nothing to say any more")

    def _wire(self, endpoint: Endpoint) -> dict[str, Any]:
        circuit, now = endpoint.circuit, self._services.clock.now()
        return {
            "id": endpoint.id,
            "url": endpoint.url,
            "session_id": endpoint.session_id,
            "events": [event.value for event in endpoint.events],
            "headers": dict.fromkeys(endpoint.headers, MASK),
            "enabled": endpoint.disabled_at is None,
            "disabled_at": endpoint.disabled_at and to_wire(endpoint.disabled_at),
            "disabled_reason": endpoint.disabled_reason,
            "circuit": {
                "state": endpoint.state(now),
                "failures": circuit.failures,
                "open_until": circuit.open_until and to_wire(circuit.open_until),
            },
            "created_at": to_wire(endpoint.created_at),
        }


def _unmask(headers: dict[str, str], before: Endpoint) -> dict[str, str]:
    """A value that comes back masked stays as it was. Raises Problem when there was none."""
    kept = {name.lower(): value for name, value in before.headers.items()}
    for name, value in headers.items():
        if value == MASK and name.lower() not in kept:
            refuse("headers", f"{name} has no value yet; give it")
    return {name: kept[name.lower()] if value == MASK else value for name, value in headers.items()}
