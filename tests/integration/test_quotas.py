"""How many sessions, starts and links a workspace may have."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.test import TestResponse

from deploy.settings import ROOT
from storage.clock import SystemClock
from storage.database import Database, open_database
from storage.errors import NotFound
from storage.events import EventType
from storage.quotas import Quotas, QuotaTable
from storage.workspaces import Workspaces
from tests.fakes import fixtures
from tests.fakes.databases import registry_in
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.fakes.processes import Gunicorn

backend = fixtures.backend
idle_pool = fixtures.idle_pool
pool = fixtures.pool


@pytest.fixture
def functions(tmp_path: Path, registry_url: str) -> Iterator[LocalFunctions]:
    """On each kind of database."""
    local = LocalFunctions(tmp_path, DATABASE_URL=registry_url)
    yield local
    local.close()


def allow(backend: Backend, **quotas: int) -> None:
    QuotaTable(backend.functions.services.database).set(backend.workspace_id, Quotas(**quotas))


def refusal(response: TestResponse) -> tuple[int, str]:
    return response.status_code, response.get_json()["code"]


def create(backend: Backend, **fields: Any) -> TestResponse:
    return backend.post("/api/sessions", json=fields)


def test_no_more_sessions_than_allowed_whatever_became_of_them(backend: Backend, pool: FakePool) -> None:
    allow(backend, max_sessions=2)
    first = backend.create(start=False)
    backend.create()
    assert refusal(create(backend, start=False)) == (403, "session_quota")
    assert "Retry-After" not in create(backend).headers
    assert len(backend.get("/api/sessions").get_json()["sessions"]) == 2
    backend.delete(f"/api/sessions/{first['id']}")
    assert create(backend).status_code == 201


def test_no_more_starts_than_allowed_until_one_is_linked(backend: Backend, pool: FakePool) -> None:
    allow(backend, max_starting=1)
    first = backend.create()
    refused = create(backend)
    assert refusal(refused) == (429, "start_quota")
    assert int(refused.headers["Retry-After"]) > 0
    waiting = backend.create(start=False)  # takes no slot
    assert refusal(backend.post(f"/api/sessions/{waiting['id']}/restart")) == (429, "start_quota")
    assert backend.session(waiting["id"])["status"] == "created"
    pool.scan(first["id"])
    pool.relay(backend.functions.send)
    assert backend.post(f"/api/sessions/{waiting['id']}/restart").status_code == 202


def test_a_start_without_a_node_waits_in_the_queue_and_counts(backend: Backend) -> None:
    allow(backend, max_starting=1)
    assert create(backend).status_code == 202
    assert refusal(create(backend)) == (429, "start_quota")


def test_starting_over_what_is_starting_takes_no_further_place(backend: Backend, pool: FakePool) -> None:
    allow(backend, max_starting=1, max_linked=1)
    first = backend.create()
    assert backend.post(f"/api/sessions/{first['id']}/restart").status_code == 202
    assert backend.post(f"/api/sessions/{first['id']}/qr").status_code == 200


def test_a_qr_on_display_is_a_link_that_was_promised(backend: Backend, pool: FakePool) -> None:
    allow(backend, max_linked=2)
    first, second = backend.create(), backend.create()
    assert refusal(create(backend)) == (403, "link_quota")
    pool.scan(first["id"])
    pool.emit(second["id"], EventType.SESSION_EXPIRED, reason_code="qr_timeout")
    pool.relay(backend.functions.send)
    third = backend.create()
    assert third["status"] == "qr_scanning"
    assert refusal(backend.post(f"/api/sessions/{second['id']}/restart")) == (403, "link_quota")
    assert backend.post(f"/api/sessions/{first['id']}/restart").status_code == 202  # it is linked already


def test_the_page_says_that_it_cannot_start_now(backend: Backend, pool: FakePool) -> None:
    waiting = backend.create(start=False)
    backend.create()
    allow(backend, max_starting=1)
    path = waiting["link_url"].partition("/link/")[2]
    client = backend.functions.client
    answer = client.post(f"/link/{path}/start", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (429, "text/html")
    answer = client.post(f"/link/{path}/start", headers={"Accept": "application/json"})
    assert refusal(answer) == (429, "start_quota")


def test_a_repeated_create_is_answered_though_the_quota_is_used_up(backend: Backend) -> None:
    allow(backend, max_sessions=1)
    keyed = {"Idempotency-Key": "one"}
    first = backend.post("/api/sessions", json={}, headers=keyed)
    again = backend.post("/api/sessions", json={}, headers=keyed)
    assert again.get_json()["id"] == first.get_json()["id"]


def test_one_workspace_uses_up_nothing_of_another(backend: Backend, functions: LocalFunctions) -> None:
    allow(backend, max_sessions=0)
    assert refusal(create(backend)) == (403, "session_quota")
    assert create(functions.workspace("Other")).status_code == 202


def test_of_many_at_once_as_many_pass_as_there_are_places(backend: Backend) -> None:
    allow(backend, max_sessions=5)

    def attempt(_: int) -> int:
        client = backend.functions.app.test_client()
        headers = {"Authorization": f"Bearer {backend.api_key}"}
        return client.post("/api/sessions", json={"start": False}, headers=headers).status_code

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(attempt, range(16)))
    assert sorted(answers) == [201] * 5 + [403] * 11


def test_two_machines_give_no_more_places_than_there_are(tmp_path: Path, postgres_url: str) -> None:
    """Each of two workers: the place is taken under the lock of the registry's row."""
    more = {"GUNICORN_CMD_ARGS": "--workers=2", "DATABASE_URL": postgres_url}
    places = [tmp_path / name for name in ("one", "two")]
    for place in places:
        place.mkdir()
    with Gunicorn(places[0], **more) as one, Gunicorn(places[1], **more) as two:
        database = open_database(postgres_url)
        made = Workspaces(database, SystemClock()).create("Toko")
        QuotaTable(database).set(made.workspace.id, Quotas(max_sessions=9))
        database.close()

        def attempt(number: int) -> int:
            url = (one, two)[number % 2].url
            headers = {"Authorization": f"Bearer {made.api_key}"}
            return requests.post(
                f"{url}/api/sessions", json={"start": False}, headers=headers, timeout=30
            ).status_code

        with ThreadPoolExecutor(12) as threads:
            answers = list(threads.map(attempt, range(40)))
    assert sorted(answers) == [201] * 9 + [403] * 31


def cli(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "storage.cli", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": registry_in(directory)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_operator_sets_and_takes_away_quotas(tmp_path: Path) -> None:
    made = json.loads(cli(tmp_path, "workspaces", "create", "Toko", "--json").stdout)
    identifier = made["workspace_id"]
    cli(tmp_path, "workspaces", "set", identifier, "--max-sessions", "50", "--max-linked", "40")
    changed = cli(tmp_path, "workspaces", "set", identifier, "--max-sessions", "none", "--json").stdout
    (row,) = json.loads(changed)
    assert (row["max_sessions"], row["max_starting"], row["max_linked"]) == (None, None, 40)
    assert json.loads(cli(tmp_path, "workspaces", "list", "--json").stdout)[0]["max_linked"] == 40
    wrong = cli(tmp_path, "workspaces", "set", identifier, "--max-linked", "-3")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "neither a number" in wrong.stderr
    assert cli(tmp_path, "workspaces", "set", "nobody", "--max-linked", "1").returncode == 2


def test_quotas_are_of_a_workspace_that_exists(functions: LocalFunctions) -> None:
    database: Database = functions.services.database
    with pytest.raises(NotFound):
        QuotaTable(database).set("nobody", Quotas(max_linked=1))
