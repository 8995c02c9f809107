"""Routes of /api/events: a workspace's events as a list, and as a stream where the server can hold one open.

Rule: both go on from a position: a list gives `next_cursor`, every event has an `id` for `after`, and a
stream takes Last-Event-ID as browsers send it.
"""

from __future__ import annotations

import socket

from flask import Blueprint, Response, jsonify, request

from functions.auth import current_workspace
from functions.event_feed import EventFeed, body_of
from functions.paging import check_parameters, read_cursor, read_limit, refuse, to_cursor
from functions.problems import Problem
from functions.services import Services
from functions.stream_places import Place, ProcessFull, WorkspaceFull
from storage.event_stream import StreamFilter
from storage.events import INTERNAL, EventType

_STREAM = "text/event-stream"
_PUBLIC = frozenset(type_.value for type_ in frozenset(EventType) - INTERNAL)

WORKSPACE_RETRY_SECONDS = "30"
"""A stream that its client forgot is noticed by then: two heartbeats."""
PROCESS_RETRY_SECONDS = "1"
"""The next connection may reach another process."""


def event_routes(services: Services) -> Blueprint:
    """Reading events."""
    routes = _Routes(services)
    blueprint = Blueprint("events", __name__, url_prefix="/api/events")
    blueprint.add_url_rule("", "page", routes.page)
    return blueprint


class _Routes:
    """The handlers, with what they need."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def page(self) -> Response:
        accepted = request.accept_mimetypes
        wants_stream = accepted.quality(_STREAM) > accepted.quality("application/json")
        seen = self._position("Last-Event-ID", request.headers.get("Last-Event-ID"))
        return self._stream(seen) if wants_stream and request.method == "GET" else self._list()

    def _list(self) -> Response:
        check_parameters("after", "types", "session_id", "cursor", "limit")
        cursor = read_cursor()
        named = ("after", request.args.get("after")) if cursor is None else ("cursor", cursor)
        position = self._position(*named)
        stretch = self._services.registry.stream.after(
            current_workspace().id, position or 0, _filter(), read_limit()
        )
        return jsonify(
            events=[{"id": str(event.position), **body_of(event)} for event in stretch.events],
            next_cursor=to_cursor(str(stretch.position)) if stretch.more else None,
        )

    def _stream(self, position: int | None) -> Response:
        check_parameters("after", "types", "session_id")
        client = request.environ.get("gunicorn.socket")
        if not isinstance(client, socket.socket):
            raise Problem(
                406,
                "no_streams_here",
                "this server holds no connection open; ask for application/json and page through the events",
            )
        wanted = _filter()
        if position is None:
            position = self._position("after", request.args.get("after"))
        workspace_id = current_workspace().id
        stream = self._services.registry.stream
        place = self._place(workspace_id)
        feed = EventFeed(
            database=self._services.database,
            stream=stream,
            clock=self._services.clock,
            client=client,
            is_stopping=self._services.stream_places.are_closing,
            workspace_id=workspace_id,
            position=stream.position(workspace_id) if position is None else position,
            wanted=wanted,
        )
        response = Response(iter(feed), mimetype=_STREAM)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"  # nginx would keep events until it has a page of them
        response.call_on_close(place.release)  # not in the iterator: one that was never begun is not ended
        response.call_on_close(feed.log_end)
        return response

    def _place(self, workspace_id: str) -> Place:
        try:
            return self._services.stream_places.take(workspace_id)
        except WorkspaceFull as error:
            raise Problem(
                429,
                "too_many_streams",
                f"{error}; close one, or ask for application/json and page through the events",
                headers={"Retry-After": WORKSPACE_RETRY_SECONDS},
            ) from error
        except ProcessFull as error:
            raise Problem(
                503,
                "streams_full",
                "no event stream can be opened here at this moment; connect again",
                headers={"Retry-After": PROCESS_RETRY_SECONDS},
            ) from error

    def _position(self, name: str, text: str | None) -> int | None:
        """Where to go on; None when nobody said. Raises Problem."""
        if text is None:
            return None
        if not (text.isascii() and text.isdecimal() and len(text) < 19):
            refuse(name, "must be the id of an event")
        position = int(text)
        if position > self._services.registry.stream.position(current_workspace().id):
            refuse(name, "there is no such event yet; list them from the first")
        return position


def _filter() -> StreamFilter:
    text = request.args.get("types")
    types = None if text is None else frozenset(part.strip() for part in text.split(","))
    if types is not None and not types <= _PUBLIC:
        refuse("types", f"must be of {', '.join(sorted(_PUBLIC))}, with commas between several")
    return StreamFilter(types=types, session_id=request.args.get("session_id"))
