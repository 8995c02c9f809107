"""A node without browsers: speaks the control API, keeps an outbox, signs its reports.

Allowed because it passes tests/contract/test_control_api.py, the contract of the real pool.
"""

from __future__ import annotations

import base64
import itertools
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from storage.clock import to_wire
from storage.errors import Untrusted
from storage.events import EventType, NodeEvent, encode_events
from storage.ids import new_id
from storage.node_protocol import Heartbeat, HeldSession, SessionSpec
from storage.node_signing import TIMESTAMP_HEADER, Direction, sign, verify
from storage.secret_rules import split_secrets

Send = Callable[[str, bytes, dict[str, str]], Any]
"""Posts a signed body to a path of the functions."""


THEIR_OWN = "their own"
FIRST_PHONE = 6281234567890


class FakePool:
    """One node. Its behaviour is what the attributes say."""

    def __init__(
        self,
        secret: str,
        node_id: str = "node-1",
        *,
        qr_life: timedelta = timedelta(seconds=60),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.secret = secret
        """As in POOL_SECRET: several with commas between, the first signs."""
        self.node_id = node_id
        self._tls = tls
        self.qr_life = qr_life
        self.warm = True
        """A start answers with a QR at once, as a warm slot does."""
        self.full = False
        """A start is queued."""
        self.refusal: tuple[int, dict[str, Any]] | None = None
        """Answer every call with this problem."""
        self.capacity = 10
        self.draining = False
        self.leased = True
        """It stops by itself when its lease runs out."""
        self.keeps_browsers = False
        self.handed_over: list[str] = []
        self.diagnoses: dict[str, bytes] = {}
        """What was written down when a session failed."""
        self.held: dict[str, SessionSpec] = {}
        self.asleep: dict[str, SessionSpec] = {}
        """Hibernated: linked, without a browser."""
        self.chats: list[dict[str, Any]] = []
        """What every page has."""
        self.synced = True
        self.profiles: set[str] = set()
        self.outbox: list[NodeEvent] = []
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self._seq = itertools.count(1)
        self._phones: dict[str, str] = {}
        self._nonces: set[str] = set()
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> FakePool:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._server.block_on_close = False  # kept-alive connections end when their client closes
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="fake-pool")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        assert self._server is not None
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}"

    # ── what happens in its pages ────────────────────────────────────────────

    def emit(
        self, session_id: str, type_: EventType, *, generation: int | None = None, **data: Any
    ) -> NodeEvent:
        """A fact, into the outbox."""
        now = datetime.now(UTC)
        if generation is None:
            generation = self.held[session_id].generation
        event = NodeEvent(
            id=new_id(now),
            session_id=session_id,
            generation=generation,
            seq=next(self._seq),
            type=type_,
            occurred_at=now,
            data=data,
        )
        self.outbox.append(event)
        return event

    def show_qr(self, session_id: str, **data: Any) -> NodeEvent:
        expires_at = to_wire(datetime.now(UTC) + self.qr_life)
        ref = f"2@{new_id(datetime.now(UTC))},noise,identity,secret,1"
        return self.emit(session_id, EventType.QR_CODE_GENERATED, ref=ref, expires_at=expires_at, **data)

    def scan(self, session_id: str, phone_number: str | None = THEIR_OWN) -> None:
        """The person scanned: the account is linked. Who says nothing else has a number of their own, the
        first +6281234567890, the second one more; an account that is linked twice is another story."""
        if phone_number == THEIR_OWN:
            phone_number = self._phones.setdefault(session_id, f"+{FIRST_PHONE + len(self._phones)}")
        self.emit(session_id, EventType.SESSION_AUTHENTICATED)
        self.emit(
            session_id,
            EventType.SESSION_READY,
            phone_number=phone_number,
            display_name="Ayu",
            platform="android",
            phone_extraction_ms=88,
        )

    # ── reporting to the functions ───────────────────────────────────────────

    def relay(self, send: Send, *, keep: bool = False) -> Any:
        """Carry the outbox to the functions; with `keep` the acknowledgement is lost on the way back."""
        body = encode_events(self.node_id, self.outbox)
        answer = self.post(send, "/api/webhook", body)
        if not keep:
            self.outbox.clear()
        return answer

    def report(self) -> Heartbeat:
        """What this node would say now. A scan shows here before its event is relayed."""
        scanned = {one.session_id for one in self.outbox if one.type is EventType.SESSION_AUTHENTICATED}
        return Heartbeat(
            node_id=self.node_id,
            url=self.url,
            region=None,
            capacity=self.capacity,
            live=len(self.held),
            warm=1 if self.warm else 0,
            queued=0,
            draining=self.draining,
            sessions=[
                HeldSession(
                    id=spec.id,
                    generation=spec.generation,
                    start_seq=spec.start_seq,
                    status="authenticated" if spec.id in scanned else "running",
                )
                for spec in self.held.values()
            ],
            profiles=sorted(self.profiles),
            sandbox=True,
            leased=self.leased,
            handed_over=self.handed_over,
            keeps_browsers=self.keeps_browsers,
        )

    def heartbeat(self, send: Send) -> Any:
        path = f"/api/nodes/{self.node_id}/heartbeat"
        return self.post(send, path, json.dumps(self.report().to_wire()).encode())

    def post(self, send: Send, path: str, body: bytes) -> Any:
        """Sign and send anything."""
        return send(
            path,
            body,
            sign(split_secrets(self.secret)[0], self.node_id, "POST", path, body, datetime.now(UTC)),
        )

    # ── the control API ──────────────────────────────────────────────────────

    def refuses(self, headers: Mapping[str, str], method: str, path: str, body: bytes) -> str | None:
        """Why a call is refused, or None: it wants a signature for this node, used once, or the secret."""
        if headers.get("Authorization") == f"Bearer {self.secret}":
            return None
        try:  # as of when it says: the clock of the functions is the test's
            now = datetime.fromtimestamp(int(headers.get(TIMESTAMP_HEADER, "0")), UTC)
            secrets = split_secrets(self.secret)
            url, nonce = verify(secrets, headers, method, path, body, now, Direction.CALL)
        except Untrusted:
            return "unauthorized"
        with self._lock:
            replayed = nonce in self._nonces
            self._nonces.add(nonce)
        return "unauthorized" if url != self.url else "replayed" if replayed else None

    def call(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer one call: status and JSON."""
        with self._lock:
            self.calls.append((method, path, body))
            if self.refusal is not None:
                return self.refusal
            _, _, session_id, *action = path.split("/")
            match method, action:
                case "PUT", []:
                    return self._put(SessionSpec.from_wire(body))
                case "DELETE", []:
                    return self._delete(session_id)
                case "GET", ["diagnosis"] if session_id in self.diagnoses:
                    return 200, {"archive": base64.b64encode(self.diagnoses[session_id]).decode()}
                case "GET", ["diagnosis"]:
                    return 404, {"status": 404, "code": "no_diagnosis", "detail": "it never failed here"}
                case "POST", [action_name]:
                    return self._act(session_id, action_name, body)
            return 404, {"status": 404, "code": "not_found", "detail": "no such address"}

    def _answer(self, session_id: str) -> tuple[int, dict[str, Any]]:
        """Every event of the session that the functions have not acknowledged."""
        return 200, {"events": [event.to_wire() for event in self.outbox if event.session_id == session_id]}

    def _put(self, spec: SessionSpec) -> tuple[int, dict[str, Any]]:
        held = self.held.get(spec.id)
        if held is None and self.draining:
            return 404, {"status": 404, "code": "not_running", "detail": "this node is draining"}
        if held is None or spec.start_seq > held.start_seq:
            self.held[spec.id] = spec
            self.profiles.add(spec.id)
            if self.full:
                self.emit(spec.id, EventType.SESSION_QUEUED, position=1, estimated_wait_ms=4000)
            elif not spec.linked:
                self.emit(spec.id, EventType.SESSION_STARTING, phase="loading")
                if self.warm:
                    self.show_qr(spec.id, qr_generation_ms=41)
                if self.warm and spec.phone_number is not None:
                    self._show_code(spec.id, spec.phone_number)
        return self._answer(spec.id)

    def _delete(self, session_id: str) -> tuple[int, dict[str, Any]]:
        self._forget(session_id)
        return self._answer(session_id)

    def _forget(self, session_id: str) -> None:
        self.held.pop(session_id, None)
        self.asleep.pop(session_id, None)
        self.profiles.discard(session_id)

    def _act(self, session_id: str, action: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        held = self.held.get(session_id) or self.asleep.get(session_id)
        if held is None or (session_id in self.asleep and action not in {"wake", "hibernate", "logout"}):
            return 404, {"status": 404, "code": "not_running", "detail": "this node does not run the session"}
        if body["generation"] != held.generation:
            return 409, {"status": 409, "code": "stale_generation", "detail": "another generation runs here"}
        match action:
            case "qr":
                self.show_qr(session_id)
            case "pairing-code":
                self._show_code(session_id, body["phone_number"])
            case "logout":
                reason, generation = "requested", held.generation
                self.emit(session_id, EventType.SESSION_LOGGED_OUT, generation=generation, reason_code=reason)
                self._forget(session_id)
            case "hibernate":
                if session_id in self.held:
                    self.emit(session_id, EventType.SESSION_HIBERNATED)
                    self.asleep[session_id] = self.held.pop(session_id)
            case "wake":
                if session_id in self.asleep:
                    self.held[session_id] = self.asleep.pop(session_id)
            case "chats":
                status, answer = self._answer(session_id)
                return status, {**answer, "synced": self.synced, "chats": self.chats}
            case _:
                return 404, {"status": 404, "code": "not_found", "detail": "no such action"}
        return self._answer(session_id)

    def _show_code(self, session_id: str, phone_number: str) -> None:
        expires_at = to_wire(datetime.now(UTC) + timedelta(minutes=3))
        self.emit(
            session_id,
            EventType.PAIRING_CODE_GENERATED,
            code="ABCD-EFGH",
            phone_number=phone_number,
            expires_at=expires_at,
        )


def _handler(pool: FakePool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        timeout = 5

        def _handle(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            refused = pool.refuses(self.headers, self.command, self.path, raw)
            if refused is not None:
                status, answer = 401, {"status": 401, "code": refused, "detail": "sign it, once"}
            else:
                status, answer = pool.call(self.command, self.path, json.loads(raw or b"{}"))
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header(
                "Content-Type", "application/json" if status < 400 else "application/problem+json"
            )
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_DELETE = _handle

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    return Handler
