"""The functions and the command line on PostgreSQL: what a backend, a node and an operator do in an hour."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from functions.stream_places import places_path
from storage.clock import SystemClock
from storage.database import open_database
from storage.workspaces import Workspaces
from tests.fakes import fixtures, webhook_fixtures
from tests.fakes.databases import rows
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.fakes.processes import ROOT, Gunicorn
from tests.fakes.receiver import Receiver
from tests.fakes.webhook_fixtures import StartDeliverer
from tests.postgres import PostgresServer, running
from tests.waiting import eventually

idle_pool, receiver = fixtures.idle_pool, fixtures.receiver
backend, pool, deliver = webhook_fixtures.backend, webhook_fixtures.pool, webhook_fixtures.deliver


@pytest.fixture
def functions(tmp_path: Path, postgres_url: str, receiver: Receiver) -> Iterator[LocalFunctions]:
    local = LocalFunctions(tmp_path, DATABASE_URL=postgres_url, WEBHOOK_ALLOW_HOSTS=receiver.host)
    yield local
    local.close()


def test_a_link_from_its_creation_to_its_webhooks_and_its_end(
    functions: LocalFunctions, backend: Backend, pool: FakePool, receiver: Receiver, deliver: StartDeliverer
) -> None:
    deliver()
    key = {"Idempotency-Key": "k-1"}
    made = [backend.post("/api/sessions", json={"reference": "a"}, headers=key).get_json() for _ in range(2)]
    assert made[0]["id"] == made[1]["id"]
    session_id = made[0]["id"]
    assert made[0]["status"] == "qr_scanning"
    assert functions.client.get(made[0]["link_url"].removeprefix("http://127.0.0.1:8000")).status_code == 200
    pool.scan(session_id)
    assert pool.relay(functions.send).status_code == 200
    shown = backend.session(session_id)
    assert (shown["status"], shown["is_primary"]) == ("connected", True)
    pool.chats = [
        {"id": f"{number}@c.us", "name": "Ibu", "unread_count": 1, "last_message_at": None, "is_group": False}
        for number in range(3)
    ]
    assert backend.post(f"/api/sessions/{session_id}/sync-chats").status_code == 200
    chats = backend.get(f"/api/sessions/{session_id}/chats?limit=2").get_json()
    assert len(chats["chats"]) == 2
    page = backend.get("/api/sessions?status=connected&limit=1").get_json()
    assert [one["id"] for one in page["sessions"]] == [session_id]
    eventually(lambda: "session_ready" in [one.type for one in receiver.received])
    events = backend.get("/api/events?types=session_ready,chats_synced").get_json()["events"]
    assert [one["type"] for one in events] == ["session_ready", "chats_synced"]
    health = functions.client.get("/health").get_json()
    assert health["sessions"]["authenticated"] == 1
    assert health["performance"]["avg_qr_time_ms"] >= 0
    assert backend.delete(f"/api/sessions/{session_id}").status_code in {200, 202, 204}
    assert rows(functions.services.database, "SELECT data FROM stream WHERE data <> '{}'") == []


def test_a_text_that_postgresql_cannot_hold_is_the_callers_mistake(
    functions: LocalFunctions, backend: Backend
) -> None:
    for body in ({"reference": "a\0b"}, {"metadata": {"a\0": "\0"}}, {"locale": "\0"}):
        assert backend.post("/api/sessions", json=body).status_code in {201, 202, 400, 422}
    for query in ("reference=%00", "cursor=%00", "phone=%00", "status=%00"):
        assert backend.get(f"/api/sessions?{query}").status_code in {200, 400, 422}
    assert backend.get("/api/sessions/%00").status_code == 404
    assert functions.client.get("/l/%00").status_code == 404


def test_requests_that_come_while_the_server_restarts_are_answered_or_told_to_come_again(
    tmp_path: Path,
) -> None:
    with running() as server:
        url = server.make()
        database = open_database(url)
        key = Workspaces(database, SystemClock()).create("Toko").api_key
        database.close()
        with Gunicorn(tmp_path, DATABASE_URL=url) as gunicorn, ThreadPoolExecutor(4) as threads:

            def ask() -> requests.Response:
                return requests.post(
                    f"{gunicorn.url}/api/sessions",
                    json={},
                    headers={"Authorization": f"Bearer {key}"},
                    timeout=20,
                )

            assert ask().status_code in {201, 202}
            server.stop()
            answers = [one.result() for one in [threads.submit(ask) for _ in range(4)]]
            assert {one.status_code for one in answers} == {503}
            assert all(one.headers["Retry-After"] for one in answers)
            assert requests.get(f"{gunicorn.url}/readyz", timeout=20).status_code == 503
            assert requests.get(f"{gunicorn.url}/livez", timeout=20).status_code == 200
            server.start()
            assert [ask().status_code in {201, 202} for _ in range(4)] == [True] * 4
            assert "postgres@" not in gunicorn.output.read_text()


def cli(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "storage.cli", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def empty_url(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.make(empty=True)
    yield url
    postgres.drop(url)


def test_a_registry_moves_to_postgresql_by_one_command(tmp_path: Path, empty_url: str) -> None:
    sqlite = f"sqlite:///{tmp_path}/registry.db"
    old = LocalFunctions(tmp_path, DATABASE_URL=sqlite)
    backend = old.workspace(webhook_url="https://example.com/hooks")
    with FakePool("p00l-secret-for-tests-0123456789abcdef") as pool:
        pool.heartbeat(old.send)
        sessions = [backend.create(metadata={"a": "ä\t\\N\n"})["id"] for _ in range(3)]
        for session_id in sessions:
            pool.scan(session_id, "+6281234567890")  # each replaces the one before
        pool.relay(old.send)
    before = {one: backend.session(one) for one in sessions}
    owed = len(backend.get("/api/deliveries?limit=200").get_json()["deliveries"])
    old.close()

    copied = cli("registry", "copy", "--to", empty_url, "--json", DATABASE_URL=sqlite)
    assert copied.returncode == 0, copied.stderr
    counts = {one["table"]: one["rows"] for one in json.loads(copied.stdout)}
    assert (counts["sessions"], counts["deliveries"]) == (3, owed)

    new = LocalFunctions(tmp_path, DATABASE_URL=empty_url)
    moved = Backend(new, backend.api_key, backend.workspace_id, backend.webhook_secret)
    assert {one: moved.session(one) for one in sessions} == before
    moved.create()  # numbers that the server gives go on
    assert moved.delete(f"/api/sessions/{sessions[-1]}").status_code < 300
    assert len(moved.get("/api/deliveries?limit=200").get_json()["deliveries"]) >= owed
    new.close()

    again = cli("registry", "copy", "--to", empty_url, DATABASE_URL=sqlite)
    assert again.returncode == 2
    assert "only an empty database can be filled" in again.stderr


def test_the_command_line_works_on_postgresql(postgres_url: str) -> None:
    made = cli("workspaces", "create", "Toko", "--json", DATABASE_URL=postgres_url)
    assert made.returncode == 0, made.stderr
    assert (
        json.loads(made.stdout)["workspace_id"] in cli("workspaces", "list", DATABASE_URL=postgres_url).stdout
    )


@pytest.mark.parametrize(
    ("to", "of", "said"),
    [
        ("sqlite:///other.db", "sqlite:///registry.db", "goes from sqlite"),
        ("postgresql://user:s3cret@host/", "sqlite:///registry.db", "must look like"),
        ("postgresql://user:s3cret@127.0.0.1:1/name", "sqlite:////nowhere/registry.db", "no registry"),
    ],
)
def test_a_copy_that_cannot_be_meant_is_one_line_and_shows_no_password(to: str, of: str, said: str) -> None:
    refused = cli("registry", "copy", "--to", to, DATABASE_URL=of)
    assert (refused.returncode, said in refused.stderr) == (2, True)
    assert "s3cret" not in refused.stderr + refused.stdout


def test_streams_of_a_registry_on_a_server_are_counted_in_a_directory_of_ours(tmp_path: Path) -> None:
    first = places_path("postgresql://host/a")
    assert first.parent.stat().st_mode & 0o777 == 0o700
    assert first != places_path("postgresql://host/b")
    assert places_path(f"sqlite:///{tmp_path}/registry.db") == tmp_path / "registry.db-streams"
