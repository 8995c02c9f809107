"""Routes of /api/keys: a workspace's API keys.

Rule: a key is shown once, in the answer to the call that makes it.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from functions.auth import current_key, current_workspace
from functions.bodies import read_body
from functions.key_requests import KeyRotation, NewKeyRequest
from functions.paging import check_parameters, read_cursor, read_limit, refuse, to_cursor
from functions.problems import Problem
from functions.services import Services
from functions.session_requests import Nothing
from storage.api_key_table import ApiKeys, NewKey
from storage.api_keys import ApiKey, Scope
from storage.clock import to_wire
from storage.errors import NotFound


def key_routes(services: Services) -> Blueprint:
    """Everything a backend does with its keys."""
    routes = _Routes(services)
    blueprint = Blueprint("keys", __name__, url_prefix="/api/keys")
    blueprint.add_url_rule("", "page", routes.page)
    blueprint.add_url_rule("", "create", routes.create, methods=["POST"])
    blueprint.add_url_rule("/<prefix>/rotate", "rotate", routes.rotate, methods=["POST"])
    blueprint.add_url_rule("/<prefix>", "revoke", routes.revoke, methods=["DELETE"])
    return blueprint


class _Routes:
    """The handlers, with what they need."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @property
    def _keys(self) -> ApiKeys:
        return self._services.workspaces.keys

    def page(self) -> Response:
        check_parameters("cursor", "limit")
        limit = read_limit()
        keys = self._keys.page(current_workspace().id, before=_before(), limit=limit + 1)
        more, keys = len(keys) > limit, keys[:limit]
        return jsonify(
            keys=[self._wire(key) for key in keys],
            next_cursor=to_cursor(f"{to_wire(keys[-1].created_at)} {keys[-1].prefix}") if more else None,
        )

    def create(self) -> Response:
        wanted = read_body(NewKeyRequest)
        expires_at = wanted.expires
        if expires_at is not None and expires_at <= self._services.clock.now():
            refuse("expires_at", "must lie ahead")
        new = self._keys.create(
            current_workspace().id,
            [Scope(name) for name in wanted.scopes],
            name=wanted.name,
            expires_at=expires_at,
        )
        return self._shown_once(new)

    def rotate(self, prefix: str) -> Response:
        grace = read_body(KeyRotation).grace
        try:
            rotated = self._keys.rotate(prefix, grace, current_workspace().id)
        except NotFound as error:
            raise _not_found(error) from error
        return self._shown_once(rotated.new, previous=self._wire(rotated.previous))

    def revoke(self, prefix: str) -> Response:
        read_body(Nothing)
        try:
            self._keys.revoke(prefix, current_workspace().id)
        except NotFound as error:
            raise _not_found(error) from error
        return Response(status=204)

    def _shown_once(self, new: NewKey, **more: Any) -> Response:
        response = jsonify({"api_key": new.api_key, **self._wire(new.key), **more})
        response.status_code = 201
        response.headers["Cache-Control"] = "no-store"
        return response

    def _wire(self, key: ApiKey) -> dict[str, Any]:
        return {
            "prefix": key.prefix,
            "name": key.name,
            "scopes": [scope.value for scope in key.scopes],
            "status": key.status(self._services.clock.now()).value,
            "is_current": key.prefix == current_key().prefix,
            "created_at": to_wire(key.created_at),
            "expires_at": key.expires_at and to_wire(key.expires_at),
            "last_used_at": key.last_used_at and to_wire(key.last_used_at),
            "revoked_at": key.revoked_at and to_wire(key.revoked_at),
            "replaced_by": key.replaced_by,
        }


def _not_found(error: NotFound) -> Problem:
    return Problem(404, "key_not_found", str(error))


def _before() -> tuple[str, str] | None:
    """Where the page before ended. Raises Problem."""
    cursor = read_cursor()
    if cursor is None:
        return None
    created_at, space, prefix = cursor.partition(" ")
    if not cursor.isprintable() or not space or not created_at or not prefix:
        refuse("cursor", "take it from next_cursor of the page before")
    return created_at, prefix
