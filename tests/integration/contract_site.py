"""A running server with a bit of everything in it, for schemathesis: gunicorn on its registry (SQLite, unless
pytest was told otherwise), and a node without browsers that shows QRs."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from storage.clock import SystemClock
from storage.database import open_database
from storage.events import EventType
from storage.workspaces import Workspaces
from tests.fakes.databases import registry_in
from tests.fakes.functions import POOL_SECRET
from tests.fakes.pool import FakePool
from tests.fakes.processes import ROOT, Gunicorn

HEARTBEAT_SECONDS = 2.0
NOT_SO_STRICT = {
    f"RATE_{what}_PER_MINUTE": "1000000" for what in ("KEY", "LINK", "LINK_ACTION", "ADDRESS", "WRONG")
}
"""Thousands of wrong requests on purpose are refused by rate otherwise; other tests see to that."""


@dataclass(frozen=True)
class ContractSite:
    """Where it is, and how schemathesis is started against it."""

    server: Gunicorn
    environment: dict[str, str]

    def command(self, *options: str) -> list[str]:
        return [
            sys.executable,
            "-m",
            "schemathesis.cli",
            f"--config-file={ROOT / 'tests' / 'schemathesis.toml'}",
            "run",
            f"{self.server.url}/openapi.json",
            *options,
        ]

    def output(self) -> str:
        return self.server.output.read_text(errors="replace")


@contextmanager
def contract_site(directory: Path) -> Iterator[ContractSite]:
    """Everything started and filled; gone afterwards."""
    with (
        FakePool(POOL_SECRET) as pool,
        Gunicorn(
            directory, LEASE_TTL_SECONDS="600", FUNCTIONS_READ_TIMEOUT_SECONDS="10", **NOT_SO_STRICT
        ) as server,
    ):
        database = open_database(registry_in(directory))
        key = Workspaces(database, SystemClock()).create("Toko").api_key
        database.close()
        known = _fill(server, pool, key)
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "FUZZ_API_KEY": key,
            "FUZZ_POOL_SECRET": POOL_SECRET,
            "FUZZ_NODE_URL": pool.url,
            "FUZZ_KNOWN": json.dumps(known),
        }
        stop = threading.Event()
        beat = threading.Thread(target=_keep_alive, args=(server, pool, stop), name="heartbeats")
        beat.start()
        try:
            yield ContractSite(server, environment)
        finally:
            stop.set()
            beat.join()


def _fill(server: Gunicorn, pool: FakePool, key: str) -> dict[str, list[str]]:
    """Sessions in several states, an endpoint, deliveries, chats."""
    http = requests.Session()
    http.headers["Authorization"] = f"Bearer {key}"

    def call(method: str, path: str, **options: Any) -> Any:
        response = http.request(method, server.url + path, timeout=20, **options)
        assert response.ok, response.text
        return response.json()

    def send(path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        return requests.post(server.url + path, data=body, headers=headers, timeout=20)

    with http:
        assert pool.heartbeat(send).ok
        endpoint = call("POST", "/api/webhooks", json={"url": "https://hooks.example.com/"})
        pool.chats = [
            {
                "id": "6289876543210@c.us",
                "name": "Budi",
                "unread_count": 2,
                "last_message_at": "2026-01-31T09:58:12.000Z",
                "is_group": False,
            }
        ]
        sessions = [call("POST", "/api/sessions", json={"reference": str(number)}) for number in range(5)]
        for session in sessions[:3]:
            pool.scan(session["id"])
        pool.emit(sessions[3]["id"], EventType.SESSION_EXPIRED, reason_code="qr_timeout")
        assert pool.relay(send).ok
        call("POST", f"/api/sessions/{sessions[0]['id']}/sync-chats")
        call("POST", f"/api/sessions/{sessions[1]['id']}/hibernate")
        idle = call("POST", "/api/sessions", json={"start": False})
        deliveries = call("GET", "/api/deliveries")["deliveries"]
    everything = [*sessions, idle]
    return {
        "session_id": [session["id"] for session in everything],
        "endpoint_id": [endpoint["id"]],
        "delivery_id": [delivery["id"] for delivery in deliveries[:3]],
        "token": [session["link_url"].rpartition("/")[2] for session in everything],
    }


def _keep_alive(server: Gunicorn, pool: FakePool, stop: threading.Event) -> None:
    def send(path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        return requests.post(server.url + path, data=body, headers=headers, timeout=20)

    while not stop.wait(HEARTBEAT_SECONDS):
        pool.heartbeat(send)
