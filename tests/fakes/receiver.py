"""A backend's webhook address: takes, remembers, and answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

from tests.fakes.waiting import eventually


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.raw)
        return value

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verify(self, secret: str) -> dict[str, Any]:
        """As a customer does it, with the library of the standard."""
        value: dict[str, Any] = Webhook(secret).verify(self.raw, self.headers)
        return value


Answer = Callable[[Received], tuple[int, dict[str, str]]]


class Receiver:
    """A server on loopback. `answer` may be replaced; `hold` makes it wait before it answers."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Answer = lambda _: (200, {})
        self.hold: threading.Event | None = None
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Receiver:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.block_on_close = False  # kept-alive connections end when their client closes
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="receiver")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.hold is not None:
            self.hold.set()
        if self._server is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    @property
    def host(self) -> str:
        assert self._server is not None
        return f"127.0.0.1:{self._server.server_address[1]}"

    def url(self, path: str = "/hooks") -> str:
        return f"http://{self.host}{path}"

    def wait_for(self, count: int) -> list[Received]:
        """The first `count` requests, as soon as they are there."""
        eventually(lambda: len(self.received) >= count)
        return self.received[:count]


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 1

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = Received(self.path, headers, raw)
            receiver.received.append(received)
            if receiver.hold is not None:
                receiver.hold.wait(30)
            status, more = receiver.answer(received)
            try:
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                self.close_connection = True  # the sender was killed meanwhile

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    return Handler
