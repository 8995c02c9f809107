"""The node's control API, as functions call it. The one door to requests for calls into the pool.

Rule: a call is only the fast path. Whoever calls has stored the wish before, and a node that does not
answer hears of it with its next heartbeat. Calls are signed; the secret itself never travels.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from typing import Any

import requests

from storage import logs
from storage.chats import Chat, read_chats
from storage.clock import Clock, SystemClock
from storage.errors import BadMessage, PoolRefused, PoolUnreachable
from storage.events import NodeEvent
from storage.node_protocol import SessionSpec
from storage.node_signing import Direction, sign
from storage.private_tls import PrivateTls

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 0.5
"""A node is on the same network; half a second without an accept is a node that is gone."""
READ_TIMEOUT_SECONDS = 5.0
"""A node answers at once with what it has; the longest step is asking a page for a new ref or a code."""


class PoolClient:
    """Calls nodes. Keeps connections open, one set per thread."""

    def __init__(
        self,
        secret: str,
        *,
        clock: Clock | None = None,
        tls: PrivateTls | None = None,
        connect_timeout: float = CONNECT_TIMEOUT_SECONDS,
        read_timeout: float = READ_TIMEOUT_SECONDS,
    ) -> None:
        self._secret = secret
        self._clock = clock or SystemClock()
        self._tls = tls
        self._timeout = (connect_timeout, read_timeout)
        self._local = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()

    def run(self, node_url: str, spec: SessionSpec) -> list[NodeEvent]:
        """Start, or go on with, a session. Raises PoolUnreachable, PoolRefused."""
        return self._call("PUT", node_url, f"/sessions/{spec.id}", spec.to_wire())

    def erase(self, node_url: str, session_id: str, generation: int, *, log_out: bool) -> list[NodeEvent]:
        """Destroy a session's profile; with `log_out`, remove the device from the account first."""
        body = {"generation": generation, "logout": log_out}
        return self._call("DELETE", node_url, f"/sessions/{session_id}", body)

    def refresh_qr(self, node_url: str, session_id: str, generation: int) -> list[NodeEvent]:
        """Show a new ref."""
        return self._call("POST", node_url, f"/sessions/{session_id}/qr", {"generation": generation})

    def pairing_code(
        self, node_url: str, session_id: str, generation: int, phone_number: str
    ) -> list[NodeEvent]:
        """Show a code for this number."""
        body = {"generation": generation, "phone_number": phone_number}
        return self._call("POST", node_url, f"/sessions/{session_id}/pairing-code", body)

    def log_out(self, node_url: str, session_id: str, generation: int) -> list[NodeEvent]:
        """Remove the device from the account, then close."""
        return self._call("POST", node_url, f"/sessions/{session_id}/logout", {"generation": generation})

    def hibernate(self, node_url: str, session_id: str, generation: int) -> list[NodeEvent]:
        """Close the browser of a connected session; its login stays."""
        return self._call("POST", node_url, f"/sessions/{session_id}/hibernate", {"generation": generation})

    def wake(self, node_url: str, session_id: str, generation: int) -> list[NodeEvent]:
        """Open a hibernated session again; it is connected a few seconds later."""
        return self._call("POST", node_url, f"/sessions/{session_id}/wake", {"generation": generation})

    def chats(self, node_url: str, session_id: str, generation: int) -> tuple[bool, list[Chat]]:
        """The chats that the page of a connected session has, and whether it has finished its first sync."""
        answer = self._ask("POST", node_url, f"/sessions/{session_id}/chats", {"generation": generation})
        try:
            return answer.get("synced") is True, read_chats(answer.get("chats"))
        except BadMessage as error:
            raise _confused(f"the node's answer cannot be read: {error}") from error

    def save_snapshot(self, node_url: str, session_id: str, generation: int) -> list[NodeEvent]:
        """Save the login in the object store now."""
        return self._call("POST", node_url, f"/sessions/{session_id}/snapshot", {"generation": generation})

    def diagnosis(self, node_url: str, session_id: str) -> bytes:
        """What this node wrote down when the session failed, a .tar.gz. Raises as `run`; 404 for none."""
        archive = self._ask("GET", node_url, f"/sessions/{session_id}/diagnosis", {}).get("archive")
        try:
            return base64.b64decode(archive if isinstance(archive, str) else "", validate=True)
        except ValueError as error:
            raise _confused(f"the node's answer cannot be read: {error}") from error

    def close(self) -> None:
        """Close the connections of all threads. Twice is fine."""
        with self._lock:
            sessions, self._sessions = self._sessions, []
        for session in sessions:
            session.close()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # no proxy of the environment stands between us and a node
            session.headers["Content-Type"] = "application/json"
            if self._tls is not None:
                session.verify = str(self._tls.ca)
                session.cert = (str(self._tls.cert), str(self._tls.key))
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        return session

    def _call(self, method: str, node_url: str, path: str, body: dict[str, Any]) -> list[NodeEvent]:
        answer = self._ask(method, node_url, path, body)
        try:
            return [NodeEvent.from_wire(event) for event in answer.get("events") or []]
        except (BadMessage, TypeError) as error:
            raise _confused(f"the node's answer cannot be read: {error}") from error

    def _ask(self, method: str, node_url: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        base, content = node_url.rstrip("/"), json.dumps(body).encode()
        signed = sign(self._secret, base, method, path, content, self._clock.now(), Direction.CALL)
        request_id = logs.REQUEST_ID.get()
        named = {} if request_id is None else {logs.REQUEST_ID_HEADER: request_id}
        try:
            response = self._session().request(
                method,
                base + path,
                data=content,
                headers=signed | named,
                timeout=self._timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            log.warning(
                "node_unreachable",
                extra={"node_url": node_url, "call": method, "error": type(error).__name__},
            )
            raise PoolUnreachable(
                "the machine that holds this session does not answer now; try again in a moment"
            ) from error
        return _answer(response)


def _confused(detail: str) -> PoolRefused:
    return PoolRefused(502, "node_confused", detail)


def _answer(response: requests.Response) -> dict[str, Any]:
    try:
        answer = json.loads(response.content)
    except ValueError as error:
        raise _confused(f"the node answered {response.status_code} without JSON") from error
    if not isinstance(answer, dict):
        raise _confused("the node answered with something that is no JSON object")
    if not response.ok:
        code, detail = answer.get("code"), answer.get("detail")
        raise PoolRefused(
            response.status_code,
            code if isinstance(code, str) else "node_refused",
            detail if isinstance(detail, str) else f"the node answered {response.status_code}",
        )
    return answer
