"""What reading events promises, as a list or a stream. How to add a call: see `contract`."""

from __future__ import annotations

from typing import Any

from functions.contract import CURSOR, LIMIT, OF_SESSION, Operation, Operations, Parameter, Reply, listed
from functions.event_answers import PUBLIC_TYPES, EventPage

_EVENT: dict[str, Any] = {
    "id": "42",
    "type": "session_authenticated",
    "timestamp": "2026-01-31T09:31:00.000Z",
    "data": {
        "session_id": "01JD3Z0V5M8Q4T2X9Y7W6R1K0B",
        "workspace_id": "01JD3YZZ7N6P5Q4R3S2T1V0W9X",
        "reference": "customer-7",
        "status": "authenticated",
        "version": 5,
    },
}
_POSITION = {"type": "string", "pattern": "^[0-9]{1,18}$", "format": "event-id"}

OPERATIONS: Operations = {
    "events.page": Operation(
        summary="Read events, as a list or a stream",
        text=(
            "With `Accept: text/event-stream` a stream of server-sent events that goes on from Last-Event-ID "
            "or `after`, where the server can hold a connection open; `cursor` and `limit` are for the list."
        ),
        query=(
            Parameter(name="after", what="Go on after this event.", schema=_POSITION, example="42"),
            listed("types", PUBLIC_TYPES, "Only these."),
            OF_SESSION,
            CURSOR,
            LIMIT,
        ),
        headers=(
            Parameter(name="Last-Event-ID", what="For a stream: as `after`.", schema=_POSITION, example="42"),
        ),
        replies=(
            Reply(
                status=200,
                what="In the order in which they happened.",
                model=EventPage,
                media={"text/event-stream": {"type": "string"}},
                example={"events": [_EVENT], "next_cursor": None},
            ),
        ),
        errors=("no_streams_here", "too_many_streams", "streams_full"),
    ),
}
