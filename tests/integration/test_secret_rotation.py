"""The steps of docs/rotation.md with running processes: at none of them anybody is refused, after the last
one the old secret opens nothing."""

import json
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from storage.clock import SystemClock
from storage.database import open_database
from storage.node_signing import sign
from storage.workspaces import Workspaces
from tests.fakes.databases import registry_in
from tests.fakes.functions import POOL_SECRET, SECRET_KEY
from tests.fakes.pool import FakePool, Send
from tests.fakes.processes import Gunicorn

NEW_POOL, NEW_KEY = secrets.token_hex(32), secrets.token_hex(32)
BOTH, SWAPPED = f"{POOL_SECRET},{NEW_POOL}", f"{NEW_POOL},{POOL_SECRET}"
STEPS = [
    (BOTH, [POOL_SECRET, BOTH]),
    (SWAPPED, [BOTH, SWAPPED]),
    (NEW_POOL, [SWAPPED, NEW_POOL]),
]
"""POOL_SECRET of the functions, and of a node that is restarted after them."""


@pytest.fixture
def authorization(tmp_path: Path) -> dict[str, str]:
    database = open_database(registry_in(tmp_path))
    database.migrate()
    key = Workspaces(database, SystemClock()).create("Toko").api_key
    database.close()
    return {"Authorization": f"Bearer {key}"}


@contextmanager
def running(directory: Path, pool: FakePool, functions_secret: str, **env: str) -> Iterator[Gunicorn]:
    with Gunicorn(directory, **{"POOL_SECRET": functions_secret, **env}) as server:
        assert pool.heartbeat(sender(server)).status_code == 200
        yield server


def sender(server: Gunicorn) -> Send:
    return lambda path, body, headers: requests.post(
        server.url + path, data=body, headers=headers, timeout=10
    )


def test_pool_secret_is_replaced_while_links_are_made(tmp_path: Path, authorization: dict[str, str]) -> None:
    def create(server: Gunicorn) -> tuple[int, str]:
        made = requests.post(f"{server.url}/api/sessions", json={}, headers=authorization, timeout=10)
        return made.status_code, made.json()["status"]

    with FakePool(POOL_SECRET) as pool:
        for functions_secret, node_secrets in STEPS:
            pool.secret = node_secrets[0]
            with running(tmp_path, pool, functions_secret) as server:
                for pool.secret in node_secrets:
                    assert pool.heartbeat(sender(server)).status_code == 200
                    assert create(server) == (201, "qr_scanning")
                if functions_secret == NEW_POOL:
                    pool.secret = POOL_SECRET
                    assert pool.heartbeat(sender(server)).status_code == 401
                    assert create(server)[0] == 202  # and no such node takes our calls


def test_links_outlive_their_key_until_it_is_taken_away(
    tmp_path: Path, authorization: dict[str, str]
) -> None:
    def create(server: Gunicorn) -> tuple[str, str]:
        made = requests.post(
            f"{server.url}/api/sessions", json={"start": False}, headers=authorization, timeout=10
        ).json()
        return made["id"], made["link_url"].rpartition("/")[2]

    def shown(server: Gunicorn, session_id: str) -> str:
        session = requests.get(f"{server.url}/api/sessions/{session_id}", headers=authorization, timeout=10)
        return str(session.json()["link_url"].rpartition("/")[2])

    def opens(server: Gunicorn, token: str) -> int:
        return requests.get(f"{server.url}/link/{token}", timeout=10).status_code

    with Gunicorn(tmp_path) as server:
        first, token = create(server)
    with Gunicorn(tmp_path, SECRET_KEY=f"{NEW_KEY},{SECRET_KEY}") as server:
        assert (opens(server, token), shown(server, first)) == (200, token)
        second, newer = create(server)
    with FakePool(POOL_SECRET) as pool, running(tmp_path, pool, POOL_SECRET, SECRET_KEY=NEW_KEY) as server:
        assert (opens(server, token), opens(server, newer)) == (404, 200)
        assert shown(server, second) == newer
        assert opens(server, shown(server, first)) == 404
        url = f"{server.url}/api/sessions/{first}/restart"
        assert requests.post(url, headers=authorization, timeout=10).status_code == 202
        assert opens(server, shown(server, first)) == 200  # a restart gives it a link of the new key


def test_a_report_is_taken_by_one_worker_only(tmp_path: Path) -> None:
    with FakePool(POOL_SECRET) as pool, Gunicorn(tmp_path, GUNICORN_CMD_ARGS="--workers=3") as server:
        content = json.dumps(pool.report().to_wire()).encode()
        path = f"/api/nodes/{pool.node_id}/heartbeat"

        def beat(headers: dict[str, str]) -> int:
            return requests.post(server.url + path, data=content, headers=headers, timeout=20).status_code

        with ThreadPoolExecutor(12) as threads:
            for _ in range(5):
                signed = sign(POOL_SECRET, pool.node_id, "POST", path, content, datetime.now(UTC))
                answers = list(threads.map(beat, [signed] * 24))
                assert sorted(answers) == [200] + [401] * 23
