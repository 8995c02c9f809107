"""Nodes without browsers, in great numbers: each speaks the signed protocol of a real one over HTTP.

Rule: a node does what a heartbeat's answer says, at once and no more, and counts what it was made to begin.
Restoring a browser takes no time here; what it takes is measured elsewhere.
"""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

from storage.clock import to_wire
from storage.events import EventType, NodeEvent, encode_events
from storage.ids import new_id
from storage.node_protocol import Heartbeat, HeartbeatAnswer, HeldSession, SessionSpec
from storage.node_signing import Direction, sign, verify

CLIENTS = 8
"""Requests under way at a time; two workers with eight threads each answer them."""
PATIENCE_SECONDS = 300.0
"""Longer than a real node's five: a slow answer is to be measured, not cut."""
RETRY_SECONDS = 0.1
SLOTS = 200
"""Room for the sessions of a region that is lost, and of neighbours in a small one."""
QR_LIFE = timedelta(seconds=20)
BATCH = 100  # events in one report, as of a real node's relay


@dataclass
class SimNode:
    """One machine."""

    id: str
    url: str
    region: str
    draining: bool = False
    held: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Session id to generation and start_seq."""
    handed_over: set[str] = field(default_factory=set)
    outbox: list[NodeEvent] = field(default_factory=list)
    seq: Iterable[int] = field(default_factory=lambda: itertools.count(1))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def heartbeat(self) -> Heartbeat:
        """What it would say now."""
        return Heartbeat(
            node_id=self.id,
            url=self.url,
            region=self.region,
            capacity=SLOTS,
            live=len(self.held),
            warm=2,
            queued=0,
            draining=self.draining,
            sessions=[
                HeldSession(id=one, generation=generation, start_seq=start_seq, status="connected")
                for one, (generation, start_seq) in self.held.items()
            ],
            profiles=sorted(self.held),
            sandbox=True,
            leased=True,
            handed_over=sorted(self.handed_over),
        )

    def emit(self, session_id: str, type_: EventType, **data: Any) -> NodeEvent:
        """A fact, into the outbox."""
        now = datetime.now(UTC)
        event = NodeEvent(
            id=new_id(now),
            session_id=session_id,
            generation=self.held[session_id][0],
            seq=next(iter(self.seq)),
            type=type_,
            occurred_at=now,
            data=data,
        )
        self.outbox.append(event)
        return event

    def show_qr(self, session_id: str, **data: Any) -> NodeEvent:
        """A new ref."""
        now = datetime.now(UTC)
        ref = f"2@{new_id(now)}{new_id(now)},{new_id(now)},{new_id(now)},secret,1"
        expires_at = to_wire(now + QR_LIFE)
        return self.emit(session_id, EventType.QR_CODE_GENERATED, ref=ref, expires_at=expires_at, **data)

    def obey(self, answer: HeartbeatAnswer, told: Heartbeat) -> list[str]:
        """Do what the answer says; the sessions that it began."""
        with self.lock:
            for session_id in (*answer.drop, *answer.close, *answer.erase, *answer.log_out):
                self.held.pop(session_id, None)
            self.handed_over -= set(told.handed_over) - set(answer.hand_over)
            for session_id in answer.hand_over:
                self.held.pop(session_id, None)
                self.handed_over.add(session_id)
            begun = []
            for spec in answer.run:
                known = self.held.get(spec.id)
                self.held[spec.id] = (spec.generation, spec.start_seq)
                if known is None:
                    begun.append(spec.id)
                    if spec.linked:
                        self.emit(spec.id, EventType.SESSION_RESTORED, snapshot_id=spec.snapshot_id)
                        self.emit(spec.id, EventType.SESSION_RECONNECTED)
                    else:
                        self.emit(spec.id, EventType.SESSION_STARTING, phase="loading")
                        self.show_qr(spec.id)
            return begun

    def start(self, spec: SessionSpec) -> list[NodeEvent]:
        """A direct call: a warm slot shows its QR at once."""
        with self.lock:
            self.held[spec.id] = (spec.generation, spec.start_seq)
            loading = self.emit(spec.id, EventType.SESSION_STARTING, phase="loading")
            return [loading, self.show_qr(spec.id, qr_generation_ms=40)]


@dataclass
class Traffic:
    """What went over the wire."""

    requests: int = 0
    heartbeats: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    repeated: int = 0
    """Asked again, because the functions were busy or the connection was lost."""
    seconds: list[float] = field(default_factory=list)


class Refused(Exception):
    """The functions answered with an error."""


class Busy(Refused):
    """503: later."""


class Fleet:
    """All nodes, and one small server that answers direct calls in the place of each."""

    def __init__(self, functions_port: int, secret: str) -> None:
        self.nodes: dict[str, SimNode] = {}
        self.begun: Counter[str] = Counter()
        """How often a session was begun by a heartbeat, since `forget`."""
        self._port = functions_port
        self._secret = secret
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[http.client.HTTPConnection] = []
        self.traffic = Traffic()
        self._threads = ThreadPoolExecutor(CLIENTS)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.block_on_close = False
        self._server_thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._server_thread.start()

    def close(self) -> None:
        """Ends what it started."""
        self._threads.shutdown()
        for connection in self._connections:
            connection.close()
        self._server.shutdown()
        self._server_thread.join()
        self._server.server_close()

    def add(self, count: int, regions: int) -> None:
        """So many nodes, spread over the regions."""
        base = f"http://127.0.0.1:{self._server.server_address[1]}"
        for place in range(len(self.nodes), len(self.nodes) + count):
            node_id = f"node-{place}"
            self.nodes[node_id] = SimNode(
                id=node_id, url=f"{base}/{node_id}", region=f"region-{place % regions}"
            )

    def forget(self) -> None:
        """Count anew."""
        self.begun.clear()
        self.traffic = Traffic()

    # ── speaking ─────────────────────────────────────────────────────────────

    def everybody_beats(self, nodes: Iterable[SimNode] | None = None) -> int:
        """One heartbeat of each node; how many sessions were begun by the answers."""
        return sum(self._threads.map(self.beat, list(self.nodes.values() if nodes is None else nodes)))

    def beat(self, node: SimNode) -> int:
        """One heartbeat, and the deeds that follow. Raises Refused."""
        with node.lock:
            heartbeat = node.heartbeat()
        body = json.dumps(heartbeat.to_wire()).encode()
        answer = self._post(node, f"/api/nodes/{quote(node.id)}/heartbeat", body)
        begun = node.obey(HeartbeatAnswer.from_wire(json.loads(answer)), heartbeat)
        with self._lock:
            self.begun.update(begun)
            self.traffic.heartbeats += 1
        return len(begun)

    def everybody_reports(self, nodes: Iterable[SimNode] | None = None) -> int:
        """Every outbox to the functions; how many events that were."""
        return sum(self._threads.map(self.report, list(self.nodes.values() if nodes is None else nodes)))

    def report(self, node: SimNode) -> int:
        """The outbox of one node. Raises Refused."""
        with node.lock:
            events, node.outbox = node.outbox, []
        for first in range(0, len(events), BATCH):
            self._post(node, "/api/webhook", encode_events(node.id, events[first : first + BATCH]))
        return len(events)

    def request(self, method: str, path: str, body: bytes, headers: Callable[[], dict[str, str]]) -> bytes:
        """Asked again, with headers made anew, while the functions are busy or the connection is lost, as a
        relay and a good backend do: on a machine with other work a walk of half an hour meets both. Raises
        Refused, OSError, HTTPException."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._request(method, path, body, headers())
            except (Busy, OSError, http.client.HTTPException) as error:
                if time.monotonic() > give_up_at:
                    raise
                if not isinstance(error, Busy):
                    self._hang_up()
                with self._lock:
                    self.traffic.repeated += 1
                time.sleep(RETRY_SECONDS)

    def _hang_up(self) -> None:
        connection: http.client.HTTPConnection = self._local.connection
        connection.close()  # it connects by itself when it is used again

    def _request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        """One request over this thread's connection."""
        began = time.perf_counter()
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)
            self._local.connection = connection
            with self._lock:
                self._connections.append(connection)
        connection.request(method, path, body, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        answer = response.read()
        with self._lock:
            self.traffic.requests += 1
            self.traffic.bytes_sent += len(body)
            self.traffic.bytes_received += len(answer)
            self.traffic.seconds.append(time.perf_counter() - began)
        if response.status >= 300:
            kind = Busy if response.status == 503 else Refused
            raise kind(f"{method} {path.split('?')[0]}: {response.status} {answer[:300]!r}")
        return answer

    def at_once(self, work: Iterable[Any]) -> list[Any]:
        """Run callables on the client threads."""
        return list(self._threads.map(lambda one: one(), work))

    def _post(self, node: SimNode, path: str, body: bytes) -> bytes:
        return self.request(
            "POST", path, body, lambda: sign(self._secret, node.id, "POST", path, body, datetime.now(UTC))
        )

    # ── being called ─────────────────────────────────────────────────────────

    def answer(self, path: str, headers: Any, body: bytes) -> dict[str, Any]:
        """PUT /<node>/sessions/<id> of the functions. Raises Untrusted."""
        _, node_id, rest = path.split("/", 2)
        node = self.nodes[node_id]
        verify(self._secret, headers, "PUT", f"/{rest}", body, datetime.now(UTC), Direction.CALL)
        return {"events": [event.to_wire() for event in node.start(SessionSpec.from_wire(json.loads(body)))]}


def _handler(fleet: Fleet) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content = json.dumps(fleet.answer(self.path, self.headers, body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    return Handler
