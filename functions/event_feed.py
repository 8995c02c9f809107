"""One open event stream: pieces of text/event-stream, as events are committed, until it has to end.

Rule: it ends by itself, soon after it is told to or its client is gone, and always at the border of an event.
The client goes on from the last id it saw.
"""

from __future__ import annotations

import json
import logging
import select
import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Any

from storage.clock import Clock, to_wire
from storage.database import Database
from storage.event_stream import EventStream, StreamedEvent, StreamFilter

log = logging.getLogger(__name__)

LIFETIME = timedelta(minutes=5)
"""Then the client connects anew, with a key that is checked anew, to whichever process has most room."""

HEARTBEAT = timedelta(seconds=15)
"""Proxies close what is silent for 30 s or more."""

LOOK_EVERY = timedelta(milliseconds=50)
"""How often to ask whether somebody wrote: 2 µs a look, and nobody watches a dashboard more closely."""

EVENTS_AT_ONCE = 100
RECONNECT_AFTER_MS = 1000


class End(StrEnum):
    """Why a stream ended, for the log."""

    LIFETIME = "lifetime"
    STOPPING = "stopping"
    CLIENT_LEFT = "client_left"


class EventFeed:
    """Iterate it once, in one thread."""

    def __init__(
        self,
        *,
        database: Database,
        stream: EventStream,
        clock: Clock,
        client: socket.socket,
        is_stopping: Callable[[], bool],
        workspace_id: str,
        position: int,
        wanted: StreamFilter,
        lifetime: timedelta = LIFETIME,
        heartbeat: timedelta = HEARTBEAT,
    ) -> None:
        self._database = database
        self._stream = stream
        self._clock = clock
        self._client = select.poll()
        self._client.register(client, select.POLLIN | select.POLLRDHUP)
        self._is_stopping = is_stopping
        self._workspace_id = workspace_id
        self._position = position
        self._wanted = wanted
        self._heartbeat_seconds = heartbeat.total_seconds()
        self._began = clock.monotonic()
        self._ends_at = self._began + lifetime.total_seconds()
        self._end: End | None = None
        self._sent = 0

    def __iter__(self) -> Iterator[bytes]:
        # the id before anything happened, so that a client that is cut off before the first event resumes too
        yield f"retry: {RECONNECT_AFTER_MS}\nid: {self._position}\n\n".encode()
        while self._end is None:
            seen = self._database.data_version()  # first: what is committed after it wakes us
            stretch = self._stream.after(self._workspace_id, self._position, self._wanted, EVENTS_AT_ONCE)
            self._position = stretch.position
            if stretch.events:
                self._sent += len(stretch.events)
                yield b"".join(_piece(event) for event in stretch.events)
                self._end = self._must_end(wait=False)
            elif self._is_quiet(seen):
                yield b": alive\n\n"

    def _is_quiet(self, seen: int | str) -> bool:
        """Wait until somebody writes, or the stream has to end, or (True) it is time for a heartbeat."""
        heartbeat_at = self._clock.monotonic() + self._heartbeat_seconds
        while self._database.data_version() == seen:
            self._end = self._must_end(wait=True)
            if self._end is not None:
                return False
            if self._clock.monotonic() >= heartbeat_at:
                return True
        return False

    def _must_end(self, *, wait: bool) -> End | None:
        # a client of a stream has nothing to say: whatever makes its socket readable is its leaving
        if self._client.poll(LOOK_EVERY / timedelta(milliseconds=1) if wait else 0):
            return End.CLIENT_LEFT
        if self._is_stopping():
            return End.STOPPING
        return End.LIFETIME if self._clock.monotonic() >= self._ends_at else None

    def log_end(self) -> None:
        """One line, when the response is closed; without an end of ours the client was too slow or gone."""
        log.info(
            "stream_ended",
            extra={
                "workspace_id": self._workspace_id,
                "reason": self._end or End.CLIENT_LEFT,
                "events": self._sent,
                "position": self._position,
                "took_ms": round((self._clock.monotonic() - self._began) * 1000, 1),
            },
        )


def body_of(event: StreamedEvent) -> dict[str, Any]:
    """As in a webhook. Of a deleted session only the ids are left."""
    data = {"session_id": event.session_id, "workspace_id": event.workspace_id, **event.data}
    return {"type": event.type, "timestamp": to_wire(event.occurred_at), "data": data}


def _piece(event: StreamedEvent) -> bytes:
    body = json.dumps(body_of(event), separators=(",", ":"), ensure_ascii=False)
    return f"id: {event.position}\ndata: {body}\n\n".encode()
