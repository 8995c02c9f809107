"""pgbouncer itself in front of the registry: transactions of one client on many connections, and of many
clients on one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from storage.clock import SystemClock
from storage.database import open_database
from storage.workspaces import Workspaces
from tests import pgbouncer
from tests.fakes.functions import POOL_SECRET
from tests.fakes.pool import FakePool
from tests.fakes.processes import ROOT, DelivererProcess, Gunicorn
from tests.fakes.receiver import Receiver
from tests.postgres import running
from tests.waiting import eventually

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not pgbouncer.installed(), reason=pgbouncer.NO_PGBOUNCER),
]

CORE = (
    "contract/test_registry_events.py",
    "contract/test_registry_links.py",
    "contract/test_registry_concurrency.py",
    "contract/test_leases.py",
    "contract/test_placement_concurrency.py",
    "contract/test_limit_state.py",
    "integration/test_audit.py",
    "integration/test_deliveries.py",
)

LEAVES_SOMETHING = re.compile(
    r"(?:statement:|;)\s*((?:SET\s+(?!LOCAL\b)\w+|LISTEN|PREPARE|DECLARE|CREATE\s+TEMP|SELECT\s+pg_advisory_lock"
    r"|SELECT\s+pg_try_advisory_lock)\b.{0,60})",
    re.IGNORECASE,
)
OF_PGBOUNCER = re.compile(r"SET\s+(client_encoding|datestyle|timezone|application_name)\b", re.IGNORECASE)
"""What it sets itself when clients that differ in it take turns."""


@pytest.mark.timeout(600)  # half a minute on a machine of its own
def test_what_the_registry_promises_it_promises_behind_pgbouncer() -> None:
    files = [str(ROOT / "tests" / name) for name in CORE]
    options = ["-q", "-p", "no:cacheprovider", "--registry", "pgbouncer", "-k", "not sqlite and not file"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=550,
    )
    assert done.returncode == 0, done.stdout[-6000:]


def test_a_connection_that_all_processes_share_has_nothing_of_any_of_them_left_on_it(tmp_path: Path) -> None:
    with (
        running({"log_statement": "all", "deadlock_timeout": "1s"}) as server,
        pgbouncer.running(server, server_connections=1) as bouncer,
        Receiver() as receiver,
    ):
        url = bouncer.make(empty=True)
        environ = {"DATABASE_URL": url, "LIMITS_STATE": "registry"}
        with (
            Gunicorn(tmp_path, **environ) as gunicorn,
            DelivererProcess(tmp_path, receiver.host, **environ),
            FakePool(POOL_SECRET) as pool,
        ):
            linked = link_some(url, gunicorn, pool, receiver)
        assert {one["status"] for one in linked} == {"connected"}
        with psycopg.connect(url, autocommit=True) as connection:
            left = [
                connection.execute(statement).fetchall()
                for statement in (
                    "SELECT name FROM pg_prepared_statements",
                    "SELECT pg_listening_channels()",
                    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'",
                    "SELECT relname FROM pg_class WHERE relpersistence = 't'",
                )
            ]
            timeouts = connection.execute("SHOW lock_timeout").fetchall()
        assert (left, timeouts) == ([[], [], [], []], [("0",)])
        log = server.log()
    assert "insert into" in log.lower(), "the server writes down what it is asked"
    assert "execute " not in log, "everything is a simple query: nothing is prepared, not even without a name"
    assert [one for one in LEAVES_SOMETHING.findall(log) if not OF_PGBOUNCER.match(one)] == []


def link_some(url: str, gunicorn: Gunicorn, pool: FakePool, receiver: Receiver) -> list[dict[str, Any]]:
    """Sessions from create to webhook, several at a time; as the API shows them at last."""
    database = open_database(url)
    made = Workspaces(database, SystemClock()).create("Toko", receiver.url())
    receiver.secret = made.workspace.webhook_secret
    database.close()
    auth = {"Authorization": f"Bearer {made.api_key}"}

    def ask(method: str, path: str, **more: Any) -> Any:
        answer = requests.request(method, f"{gunicorn.url}{path}", headers=auth, timeout=30, **more)
        assert answer.ok, answer.text
        return answer.json()

    def send(path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        headers = {**headers, "Content-Type": "application/json"}
        return requests.post(f"{gunicorn.url}{path}", data=body, headers=headers, timeout=30)

    pool.heartbeat(send)
    with ThreadPoolExecutor(8) as threads:
        sessions = list(threads.map(lambda _: ask("POST", "/api/sessions", json={})["id"], range(8)))
        for number, session_id in enumerate(sessions):
            pool.scan(session_id, f"+62811900000{number:02}")
        relayed = threads.submit(pool.relay, send)
        reads = [threads.submit(partial(ask, "GET", path)) for path in ("/api/sessions", "/health") * 8]
        assert relayed.result().status_code == 200
        assert all(one.result() for one in reads)
    eventually(lambda: len({one.id for one in receiver.received if one.type == "session_ready"}) == 8)
    assert pool.heartbeat(send).status_code == 200
    return [ask("GET", f"/api/sessions/{one}") for one in sessions]
