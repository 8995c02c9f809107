"""Routes of a session's chats: the manual sync, and what it found."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from functions.bodies import read_body
from functions.paging import check_parameters, read_cursor, read_limit, refuse, to_cursor
from functions.problems import NODE_RETRY_AFTER, Problem
from functions.services import Services
from functions.session_requests import Nothing
from functions.session_routes import session_of_caller
from storage.clock import to_wire
from storage.sessions import Session


def chat_routes(services: Services) -> Blueprint:
    """POST …/sync-chats and GET …/chats."""
    routes = _Routes(services)
    blueprint = Blueprint("chats", __name__, url_prefix="/api/sessions")
    blueprint.add_url_rule("/<session_id>/sync-chats", "sync", routes.sync, methods=["POST"])
    blueprint.add_url_rule("/<session_id>/chats", "page", routes.page)
    return blueprint


class _Routes:
    """The handlers, with what they need."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def sync(self, session_id: str) -> Response:
        """Read the chats now: 200 when they are read.

        202 when the session slept: it is being woken, and this call is to be made again when it is connected
        (after Retry-After, or when `session_woken` came).
        """
        read_body(Nothing)
        synced = self._services.chat_sync.sync(session_of_caller(self._services, session_id))
        response = jsonify(**_about(synced.session))
        if synced.waking:
            response.status_code = 202
            response.headers["Retry-After"] = NODE_RETRY_AFTER
        return response

    def page(self, session_id: str) -> Response:
        """What the last sync found, the newest message first. A cursor is good until the next sync."""
        check_parameters("cursor", "limit")
        session = session_of_caller(self._services, session_id)
        limit = read_limit()
        if session.chats_synced_at is None:
            raise Problem(
                409,
                "never_synced",
                f"the chats of session {session.id} were never read; POST …/sync-chats reads them",
            )
        first = _first(session)
        chats = self._services.registry.chats.page(session.id, first=first, limit=limit + 1)
        more, chats = len(chats) > limit, chats[:limit]
        response = jsonify(
            **_about(session),
            chats=[chat.to_wire() for chat in chats],
            next_cursor=to_cursor(f"{_sync(session)}/{first + limit}") if more else None,
        )
        response.headers["Cache-Control"] = "private, no-store"
        return response


def _about(session: Session) -> dict[str, Any]:
    synced_at = session.chats_synced_at
    return {
        "session_id": session.id,
        "status": session.status.value,
        "chats_count": session.chats_count,
        "synced_at": None if synced_at is None else to_wire(synced_at),
    }


def _sync(session: Session) -> str:
    """Which sync a cursor belongs to."""
    assert session.chats_synced_at is not None
    return to_wire(session.chats_synced_at)


def _first(session: Session) -> int:
    """Where this page begins. Raises Problem."""
    cursor = read_cursor()
    if cursor is None:
        return 0
    sync, slash, place = cursor.rpartition("/")
    if not slash or not place.isdecimal() or len(place) > 9:
        refuse("cursor", "take it from next_cursor of the page before")
    if sync != _sync(session):
        raise Problem(
            409, "cursor_outdated", "the chats were read anew since that page; begin again without a cursor"
        )
    return int(place)
