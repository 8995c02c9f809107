"""A backend that receives webhooks: verifies every signature with the public library, keeps every body."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True, kw_only=True)
class Received:
    """One webhook whose signature was right."""

    id: str
    type: str
    data: dict[str, Any]


class Receiver:
    """Serves on a free port of loopback; `status` is what it answers."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.forged = 0
        self.status = 204
        self.secret: str | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer._take(body, dict(self.headers))
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.host}/hooks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def _take(self, body: bytes, headers: dict[str, str]) -> None:
        assert self.secret is not None
        try:
            Webhook(self.secret).verify(body, headers)
        except Exception:
            self.forged += 1
            raise
        content = json.loads(body)
        headers = {name.lower(): value for name, value in headers.items()}
        if self.status < 300:
            event = Received(id=headers["webhook-id"], type=content["type"], data=content["data"])
            self.received.append(event)

    def types(self, session_id: str) -> list[str]:
        """Types for one session, in the order of arrival."""
        return [event.type for event in self.received if event.data["session_id"] == session_id]

    def of_type(self, type_: str) -> list[Received]:
        return [event for event in self.received if event.type == type_]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
