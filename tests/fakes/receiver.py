"""A backend's webhook address: takes, verifies with the public library, remembers, answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError

from tests.contract_client import published_contract
from tests.waiting import eventually


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    raw: bytes
    at: float
    """When its last byte was here, by the wall clock."""

    @property
    def body(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.raw)
        return value

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def type(self) -> str:
        value: str = self.body["type"]
        return value

    @property
    def data(self) -> dict[str, Any]:
        value: dict[str, Any] = self.body["data"]
        return value

    def verify(self, secret: str) -> dict[str, Any]:
        """As a customer does it, with the library of the standard."""
        value: dict[str, Any] = Webhook(secret).verify(self.raw, self.headers)
        return value


Answer = Callable[[Received], tuple[int, dict[str, str]]]

HANG_UP = 0
"""As a status: close the connection and say nothing."""


class Receiver:
    """A server on loopback. `answer` may be replaced; `hold` makes it wait before it answers."""

    def __init__(
        self, port: int = 0, *, secret: str | None = None, answer: Answer = lambda _: (200, {})
    ) -> None:
        self.received: list[Received] = []
        self.answer = answer
        self.says = b""
        """Body of every answer."""
        self.hold: threading.Event | None = None
        self.secret = secret
        """When it is known, what is signed with another is not taken, and counted in `forged`."""
        self.forged = 0
        self._server = _Server(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False  # kept-alive connections end when their client closes
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="receiver")
        self._thread.start()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Refuse connections from now on. Twice is fine."""
        if self.hold is not None:
            self.hold.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def host(self) -> str:
        """host:port, for WEBHOOK_ALLOW_HOSTS."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/hooks") -> str:
        return f"http://{self.host}{path}"

    def take(self, received: Received) -> tuple[int, dict[str, str]]:
        """Keep one webhook; give the answer."""
        if self.secret is not None:
            try:
                received.verify(self.secret)
            except WebhookVerificationError:
                self.forged += 1
                return 401, {}
        self.received.append(received)
        if self.hold is not None:
            self.hold.wait(30)
        return self.answer(received)

    def types(self, session_id: str) -> list[str]:
        """Types for one session, in the order of arrival."""
        return [one.type for one in self.received if one.data["session_id"] == session_id]

    def of_type(self, type_: str) -> list[Received]:
        return [one for one in self.received if one.type == type_]

    def paths(self) -> list[str]:
        """Where to, in the order of arrival."""
        return [one.path for one in self.received]

    def wait_for(self, count: int) -> list[Received]:
        """The first `count` requests, as soon as they are there; each has to be as the contract says."""
        eventually(lambda: len(self.received) >= count, f"{count} webhooks came")
        for received in self.received[:count]:
            published_contract().check_webhook(received.body)
        return self.received[:count]


class _Server(ThreadingHTTPServer):
    request_queue_size = 64  # a deliverer opens many connections at once


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 1

        def handle(self) -> None:
            with suppress(ConnectionResetError):  # the sender was killed meanwhile
                super().handle()

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            raw = self.rfile.read(length)
            if len(raw) < length:  # the sender was killed in the middle of it
                self.close_connection = True
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more = receiver.take(Received(self.path, headers, raw, time.time()))
            if status == HANG_UP:
                self.close_connection = True
                return
            try:
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(receiver.says)))
                self.end_headers()
                self.wfile.write(receiver.says)
            except OSError:
                self.close_connection = True  # the sender was killed meanwhile

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    return Handler
