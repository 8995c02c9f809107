"""A proxy before an HTTP server that fails as networks and servers do, when and how a test says.

Rule: it changes nothing but what a fault changes. Headers pass as they are, so that signatures hold.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit


class Fault(StrEnum):
    PASS = "pass"
    REFUSE = "refuse"
    """Closes the connection before anything was done."""
    ERROR = "error"
    """Answers 500 before anything was done."""
    HANG = "hang"
    """Takes the request, does nothing, and says nothing."""
    HOLD = "hold"
    """Passes it on when `release` is called, by when the client has gone; then says nothing."""
    DONE_ERROR = "done, error"
    """It is done, and the answer is 500."""
    DONE_LOST = "done, lost"
    """It is done, and the connection is closed without an answer."""
    DONE_CUT = "done, cut"
    """It is done, and the answer breaks off in the middle; `cut_at` says where."""
    DONE_HANG = "done, hang"
    """It is done, and nothing is said."""
    CHANGED = "changed"
    """The last byte of the answer is another one."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def raw(self) -> bytes:
        head = [
            f"HTTP/1.1 {self.status} {self.reason}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join([*head, "", ""]).encode("latin-1") + self.body


Plan = Callable[[str, str], Fault]
"""From method and path."""


class FaultyHttp:
    """One fault for each request: from `plan` where it is set, else the next of `queue`, else none."""

    def __init__(self, upstream: str, port: int = 0) -> None:
        self.queue: deque[Fault] = deque()
        self.plan: Plan | None = None
        self.cut_at: int | None = None
        """Bytes of the raw answer that DONE_CUT lets through; half of it when None."""
        self.requests: list[tuple[str, Fault]] = []
        """Method and fault."""
        self.done = 0
        """Requests that the server answered, whatever became of the answer."""
        self.held = 0
        self.longest_answer = 0
        self._upstream = urlsplit(upstream).netloc
        self._released = threading.Event()
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = False  # so that closing waits for them
        self.port: int = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> FaultyHttp:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()

    def release(self) -> None:
        """Let go what HOLD keeps, now and from here on."""
        self._released.set()

    def _next(self, method: str, path: str) -> Fault:
        with self._lock:
            if self.plan is not None:
                fault = self.plan(method, path)
            else:
                fault = self.queue.popleft() if self.queue else Fault.PASS
            self.requests.append((method, fault))
        return fault

    def _forward(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        with contextlib.closing(http.client.HTTPConnection(self._upstream, timeout=30)) as connection:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            content = response.read()
        known = [
            (name, value)
            for name, value in response.getheaders()
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}
        ]
        length = response.headers["Content-Length"] if method == "HEAD" else str(len(content))
        if length is not None and response.status != 204:
            known.insert(0, ("Content-Length", length))
        answer = Answer(status=response.status, reason=response.reason, headers=known, body=content)
        with self._lock:
            self.done += 1
            self.longest_answer = max(self.longest_answer, len(answer.raw))
        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                with proxy._lock:
                    proxy._open.add(self.connection)
                try:
                    super().handle()
                except OSError:
                    pass  # the client went away, as clients do that time out
                finally:
                    with proxy._lock:
                        proxy._open.discard(self.connection)

            def do_GET(self) -> None:
                fault = proxy._next(self.command, self.path)
                if fault is Fault.REFUSE:
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                proxy._fail(self, fault, body)

            do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _fail(self, handler: BaseHTTPRequestHandler, fault: Fault, body: bytes) -> None:
        """One request, read to its end, meets its fault."""
        if fault is Fault.ERROR:
            handler.wfile.write(_SERVER_ERROR.raw)
            return
        if fault is Fault.HANG:
            handler.close_connection = True
            self._closing.wait()
            return
        if fault is Fault.HOLD:
            with self._lock:
                self.held += 1
            self._released.wait()
        headers = [(name, value) for name, value in handler.headers.items() if name.lower() != "expect"]
        answer = self._forward(handler.command, handler.path, headers, body)
        match fault:
            case Fault.PASS:
                handler.wfile.write(answer.raw)
                return
            case Fault.DONE_ERROR:
                handler.wfile.write(_SERVER_ERROR.raw)
                return
            case Fault.DONE_CUT:
                raw = answer.raw
                handler.wfile.write(raw[: len(raw) // 2 if self.cut_at is None else self.cut_at])
            case Fault.DONE_HANG:
                self._closing.wait()
            case Fault.CHANGED:
                handler.wfile.write(answer.raw[:-1] + bytes([answer.raw[-1] ^ 1]))
        handler.close_connection = True


_SERVER_ERROR = Answer(
    status=500,
    reason="Internal Server Error",
    headers=[("Content-Type", "application/xml"), ("Content-Length", "91")],
    body=b'<?xml version="1.0"?><Error><Code>InternalError</Code><Message>We failed</Message></Error>\n',
)
assert len(_SERVER_ERROR.body) == 91, len(_SERVER_ERROR.body)
