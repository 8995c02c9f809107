"""Connections that we have said goodbye on, until the other side closes or has had its time.

Rule: closing first would tear away the end of an answer that the other side has not read.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

LINGER_SECONDS = 2.0
"""For the other side to read the end of its answer and close, before we do."""
_LINGER_BYTES = 1024 * 1024
"""Of what was refused and is still being sent: resetting the connection would take the answer away."""

Connection = Any
"""gunicorn's, which has no types: its `sock` is what is used here."""


class Goodbyes:
    """In a worker's loop. `watch` has a handler called when there is something to read, `forget` closes."""

    def __init__(
        self,
        watch: Callable[[Connection, Callable[[Any], None]], None],
        forget: Callable[[Connection], None],
    ) -> None:
        self._watch = watch
        self._forget = forget
        self._said: dict[Connection, _Goodbye] = {}
        """In the order of their deadlines, because all get the same time."""

    def say(self, conn: Connection) -> None:
        """Nothing follows from us; wait a little for the other side to close."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self._watch(conn, partial(self._on_rest, conn))
        except (OSError, ValueError):
            self._forget(conn)
            return
        self._said[conn] = _Goodbye()
        self._on_rest(conn, conn.sock)

    def _on_rest(self, conn: Connection, client: Any) -> None:
        goodbye = self._said[conn]
        try:
            rest = client.recv(64 * 1024)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            rest = b""
        goodbye.read += len(rest)
        if not rest or goodbye.read > _LINGER_BYTES:
            del self._said[conn]
            self._forget(conn)

    def end_overdue(self, now: float) -> None:
        """Close those whose time is up."""
        for conn, goodbye in list(self._said.items()):
            if goodbye.deadline > now:
                break
            del self._said[conn]
            self._forget(conn)


class _Goodbye:
    def __init__(self) -> None:
        self.read = 0
        self.deadline = time.monotonic() + LINGER_SECONDS
