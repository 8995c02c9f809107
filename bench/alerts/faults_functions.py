"""Faults between functions, node, registry and backends: gone, full, locked, or answering nonsense."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from contextlib import ExitStack, closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from bench.alerts.world import WITHIN, Fault, Stage, World
from tests.peers.test_alerts import report_of_strangers

MANY = 52
WAITS_SECONDS = 90
"""The second pause of the drill's retry schedule: longer than WebhooksOld's hour, a minute here."""


def _backend_is_broken(world: World, stack: ExitStack) -> None:
    usual = world.system.receiver.answer
    stack.callback(setattr, world.system.receiver, "answer", usual)
    world.system.receiver.answer = lambda _: (500, {})
    session_id = world.system.create()["id"]
    stack.callback(world.delete, session_id)
    world.system.until(session_id, "qr_scanning", WITHIN)


def _many_want_one_slot(world: World, stack: ExitStack) -> None:
    for _ in range(MANY):
        stack.callback(world.delete, world.system.create()["id"])


def _registry_is_locked(world: World, stack: ExitStack) -> None:
    registry = stack.enter_context(closing(sqlite3.connect(world.system.data_dir / "registry.db")))
    registry.execute("begin immediate")
    stack.callback(registry.rollback)
    headers = {"Authorization": f"Bearer {world.system.api_key}"}
    url = f"{world.system.functions_url}/api/sessions"
    answer = requests.post(url, json={}, headers=headers, timeout=WITHIN)  # each write waits for its turn
    assert answer.status_code == 503, answer.text


def _strangers_report(world: World, stack: ExitStack) -> None:
    report_of_strangers(world.system)


def _deliverer_is_killed(world: World, stack: ExitStack) -> None:
    stack.callback(world.system.start, "deliverer")
    world.system.kill("deliverer")


def _pool_is_killed(world: World, stack: ExitStack) -> None:
    stack.callback(world.delete, world.link())
    stack.callback(world.system.wait_for_node)
    stack.callback(world.system.start, "pool")
    world.system.kill("pool")


def _functions_are_killed(world: World, stack: ExitStack) -> None:
    session_id = world.link()
    browser = world.system.browser_pid(session_id)
    stack.callback(world.delete, session_id)
    stack.callback(world.system.wait_for_node)
    stack.callback(world.system.start, "functions")
    world.system.kill("functions")
    with suppress(ProcessLookupError):  # something to tell, and nobody hears it
        os.killpg(browser, signal.SIGKILL)


def _bodies_are_too_large(world: World, stack: ExitStack) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _TooLarge)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    session_id = world.link()
    stack.callback(world.delete, session_id)
    stack.callback(world.system.wait_for_node)
    stack.callback(world.system.start, "pool")
    stack.callback(world.system.stop, "pool")
    world.system.kill("pool")  # its browsers stay
    world.system.start("pool", FUNCTIONS_URL=f"http://127.0.0.1:{server.server_port}")
    with suppress(ProcessLookupError):  # something to tell
        os.killpg(world.system.browser_pid(session_id), signal.SIGKILL)


class _TooLarge(BaseHTTPRequestHandler):
    """A proxy whose limit was set too low."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(413)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


FUNCTIONS = Stage(
    name="functions",
    settings={"MAX_SLOTS": "1", "WEBHOOK_RETRY_SECONDS": f"0.1,{WAITS_SECONDS}"},
    faults=(
        Fault(
            alerts=("LinkpoolWebhooksFail", "LinkpoolWebhooksOld", "LinkpoolWebhooksDead"),
            what="a backend answered 500 until its webhooks were given up",
            cause=_backend_is_broken,
            within=400,
        ),
        Fault(
            alerts=(
                "LinkpoolQueue",
                "LinkpoolNotReady",
                "LinkpoolManySessions",
                "LinkpoolManySessionsCritical",
            ),
            what=f"{MANY} sessions were created for MAX_SLOTS=1",
            cause=_many_want_one_slot,
        ),
        Fault(
            alerts=("LinkpoolHttpErrors", "LinkpoolCreationErrors"),
            what="another process held a write transaction on the registry, and a session was asked for",
            cause=_registry_is_locked,
        ),
        Fault(
            alerts=("LinkpoolEventsRefused",),
            what="a node of another registry reported ten events, signed with our secret",
            cause=_strangers_report,
        ),
        Fault(
            alerts=("LinkpoolDelivererGone",),
            what="kill -9 to the deliverer",
            cause=_deliverer_is_killed,
            within=180,
        ),
        Fault(
            alerts=("LinkpoolNodeDown", "LinkpoolLeaseLost"),
            what="kill -9 to the pool, with a linked session",
            cause=_pool_is_killed,
        ),
        Fault(
            alerts=(
                "LinkpoolFunctionsDown",
                "LinkpoolHeartbeatNotHeard",
                "LinkpoolOutboxOld",
                "LinkpoolOutboxOldCritical",
            ),
            what="kill -9 to the functions, away for five minutes, and to a browser: something to tell",
            cause=_functions_are_killed,
            within=480,
        ),
        Fault(
            alerts=("LinkpoolOutboxRefused",),
            what="a proxy between node and functions answered 413 to everything",
            cause=_bodies_are_too_large,
        ),
    ),
)
