"""Reads requests whole, many at once in one loop, each with a deadline; what comes too late is turned away.

Rule: a connection is watched from the first byte to the last, and handed on only then. Until it is, a request
costs the memory of its bytes and nothing else, and all of them together have a limit.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from functions.goodbyes import Connection, Goodbyes
from functions.raw_answers import problem_bytes
from functions.request_shape import Arrived, RequestShape

READ_TIMEOUT_SECONDS = 10.0
"""Set by `functions.gunicorn_conf`."""

_MOST_BUFFERED = 32 * 1024 * 1024
"""Bytes of requests on their way, in one worker; above it the oldest is let go."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class IncomingRequest:
    """A request on its way."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)
        self.shape = RequestShape()
        self.deadline = time.monotonic() + READ_TIMEOUT_SECONDS


class RequestReader:
    """In a worker's loop. `watch` has a handler called when there is something to read, `unwatch` ends that,
    `forget` closes; `arrived` takes a request that is here, whose connection is watched no more."""

    def __init__(
        self,
        watch: Callable[[Connection, Callable[[Any], None]], None],
        unwatch: Callable[[Connection], None],
        forget: Callable[[Connection], None],
        goodbyes: Goodbyes,
        arrived: Callable[[Connection, IncomingRequest], None],
    ) -> None:
        self._watch = watch
        self._unwatch = unwatch
        self._forget = forget
        self._goodbyes = goodbyes
        self._arrived = arrived
        self._incoming: dict[Connection, IncomingRequest] = {}
        """In the order of their deadlines, because all get the same time."""
        self._buffered = 0

    def read(self, conn: Connection, data: bytes = b"") -> None:
        """Begin to read a request, of which `data` has come before; often all of it is here already."""
        request = IncomingRequest(data)
        self._incoming[conn] = request
        self._buffered += len(request.data)
        self._watch(conn, partial(self._on_bytes, conn))
        if request.data:
            self._judge(conn, request)
        else:
            self._on_bytes(conn, conn.sock)

    def drop_oldest(self) -> bool:
        """Let go who has been sending for longest; False when nobody is."""
        if not self._incoming:
            return False
        self._drop(next(iter(self._incoming)))
        return True

    def end_overdue(self, now: float) -> None:
        """Let those go whose time is up."""
        for conn, request in list(self._incoming.items()):
            if request.deadline > now:
                break
            self._drop(conn)

    def cap_silent(self, deadline: float) -> None:
        """Who has not begun to send has until `deadline` at most: the worker stops."""
        for request in self._incoming.values():
            if not request.data:
                request.deadline = min(request.deadline, deadline)

    def _on_bytes(self, conn: Connection, client: Any) -> None:
        request = self._incoming[conn]
        try:
            data = client.recv(64 * 1024)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._drop(conn)
            return
        if not data:
            if request.data:
                self._hand_on(conn, request)  # it may end here; the parser says what is missing
            else:
                self._drop(conn)
            return
        request.data += data
        self._buffered += len(data)
        self._judge(conn, request)
        while self._buffered > _MOST_BUFFERED and self.drop_oldest():
            pass

    def _judge(self, conn: Connection, request: IncomingRequest) -> None:
        match request.shape.look(request.data):
            case Arrived.WHOLE:
                self._hand_on(conn, request)
            case Arrived.AWAITED:
                with contextlib.suppress(OSError):
                    conn.sock.send(_CONTINUE)
            case Arrived.PART:
                pass
            case Arrived.UNREAD:
                conn.unread = True
                self._hand_on(conn, request)
            case Arrived.HEAD_TOO_LARGE:
                self._turn_away(conn, 431, "headers_too_large", "header fields are too large or too many")
            case Arrived.BODY_TOO_LARGE:
                self._turn_away(conn, 413, "body_too_large", "the body is larger than 256 kB")
            case Arrived.MALFORMED:
                self._turn_away(conn, 400, "bad_request", "the chunks of the body are malformed")

    def _hand_on(self, conn: Connection, request: IncomingRequest) -> None:
        self._stop(conn)
        self._arrived(conn, request)

    def _drop(self, conn: Connection) -> None:
        """Let a client go whose request never came."""
        if self._incoming[conn].data:
            self._turn_away(conn, 408, "request_timeout", "the request did not arrive in time; send it again")
            return
        self._stop(conn)
        self._forget(conn)

    def _turn_away(self, conn: Connection, status: int, code: str, detail: str) -> None:
        self._stop(conn)
        with contextlib.suppress(OSError):
            conn.sock.send(problem_bytes(status, code, detail))
        self._goodbyes.say(conn)

    def _stop(self, conn: Connection) -> None:
        request = self._incoming.pop(conn)
        self._buffered -= len(request.data)
        self._unwatch(conn)
