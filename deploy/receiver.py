"""A workspace's backend, as far as the demo needs one: receives webhooks and checks their signatures."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from standardwebhooks import Webhook, WebhookVerificationError

LARGEST_BODY = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Received:
    """One webhook whose signature is good."""

    type: str
    session_id: str | None
    status: str | None
    phone_number: str | None


class Receiver:
    """Listens on a free port of this machine inside `with`."""

    def __init__(self, on_webhook: Callable[[Received], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_webhook = on_webhook
        self._webhook: Webhook | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True)
        self.refused = 0
        """Webhooks whose signature was wrong."""

    @property
    def host(self) -> str:
        """host:port, for WEBHOOK_ALLOW_HOSTS."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/webhooks"

    def trust(self, secret: str) -> None:
        """The workspace's secret, known once the workspace is made."""
        self._webhook = Webhook(secret)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, body: bytes, headers: dict[str, str]) -> int:
        if self._webhook is None:
            return 503
        try:
            self._webhook.verify(body, headers)
        except WebhookVerificationError:
            self.refused += 1
            return 401
        self._loop.call_soon_threadsafe(self._on_webhook, _read(json.loads(body)))
        return 204

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = min(int(self.headers.get("Content-Length") or 0), LARGEST_BODY)
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(receiver._take(self.rfile.read(length), headers))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """The demo says itself what came."""

        return Handler


def _read(payload: dict[str, Any]) -> Received:
    data = payload.get("data") or {}
    return Received(
        type=str(payload.get("type")),
        session_id=data.get("session_id"),
        status=data.get("status"),
        phone_number=data.get("phone_number"),
    )
