"""The functions as they run: real gunicorn processes, real sockets."""

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from functions.raw_body import MAX_BODY_BYTES
from storage.clock import SystemClock
from storage.database import open_database
from storage.workspaces import NewWorkspace, Workspaces
from tests.fakes import fixtures
from tests.fakes.databases import registry_in, rows
from tests.fakes.functions import POOL_SECRET
from tests.fakes.pool import FakePool
from tests.fakes.processes import Gunicorn, Process
from tests.ports import free_port
from tests.waiting import eventually

idle_pool = fixtures.idle_pool


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gunicorn")


@pytest.fixture(scope="module")
def server(directory: Path) -> Iterator[Gunicorn]:
    with Gunicorn(directory, FUNCTIONS_READ_TIMEOUT_SECONDS="0.5") as started:
        yield started


@pytest.fixture(scope="module")
def workspace(directory: Path, server: Gunicorn) -> NewWorkspace:
    database = open_database(registry_in(directory))
    made = Workspaces(database, SystemClock()).create("Toko")
    database.close()
    return made


@pytest.fixture
def http(workspace: NewWorkspace) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {workspace.api_key}"
        yield session


def send_to(server: Gunicorn) -> object:
    def send(path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        return requests.post(server.url + path, data=body, headers=headers, timeout=10)

    return send


def raw_request(server: Gunicorn, content: bytes) -> bytes:
    """Send bytes and read until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(content)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_a_link_from_creation_to_ready_over_two_workers(
    server: Gunicorn, http: requests.Session, idle_pool: FakePool
) -> None:
    send = send_to(server)
    assert idle_pool.heartbeat(send).status_code == 200
    session = http.post(f"{server.url}/api/sessions", json={}, timeout=10).json()
    assert session["status"] == "qr_scanning"
    idle_pool.scan(session["id"])
    idle_pool.relay(send)
    for _ in range(10):  # whichever worker answers
        seen = http.get(f"{server.url}/api/sessions/{session['id']}", timeout=10).json()
        assert (seen["status"], seen["phone_number"]) == ("connected", "+6281234567890")


def test_a_body_that_does_not_say_its_length_is_limited_too(server: Gunicorn, http: requests.Session) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"reference": "'
        for _ in range(MAX_BODY_BYTES // 1024 + 8):
            yield b"r" * 1024
        yield b'"}'

    response = http.post(
        f"{server.url}/api/sessions", data=pieces(), headers={"Content-Type": "application/json"}, timeout=10
    )
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_a_client_is_told_that_nothing_follows_a_body_that_was_not_read(
    server: Gunicorn, http: requests.Session
) -> None:
    response = http.post(f"{server.url}/api/sessions", data=b"r" * (MAX_BODY_BYTES + 1), timeout=10)
    assert (response.status_code, response.headers["Connection"]) == (413, "close")


def test_a_chunked_body_within_the_limit_is_taken(server: Gunicorn, http: requests.Session) -> None:
    body = iter([b'{"start"', b": false}"])
    response = http.post(
        f"{server.url}/api/sessions", data=body, headers={"Content-Type": "application/json"}, timeout=10
    )
    assert response.status_code == 201


def test_a_body_that_never_arrives_holds_no_thread(server: Gunicorn, workspace: NewWorkspace) -> None:
    head = (
        f"POST /api/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {workspace.api_key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    ).encode()
    with ThreadPoolExecutor(20) as threads:  # more than there are threads
        answers = list(threads.map(lambda _: raw_request(server, head), range(20)))
    assert {answer.split(b"\r\n")[0] for answer in answers} == {b"HTTP/1.1 408 REQUEST TIMEOUT"}
    problem = json.loads(answers[0].partition(b"\r\n\r\n")[2])
    assert problem["code"] == "request_timeout"
    assert requests.get(f"{server.url}/livez", timeout=5).status_code == 200


def test_a_body_that_breaks_off_is_not_taken_for_a_whole_one(
    server: Gunicorn, workspace: NewWorkspace
) -> None:
    head = (
        f"POST /api/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {workspace.api_key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head + b'{"start": false}')
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize(
    "content",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    ],
    ids=["tls", "version", "negative length", "two lengths", "long header"],
)
def test_what_is_no_request_is_refused_and_harms_nobody(server: Gunicorn, content: bytes) -> None:
    assert raw_request(server, content).split(b"\r\n")[0].split(b" ")[1].startswith(b"4")
    assert requests.get(f"{server.url}/livez", timeout=5).status_code == 200


def test_neither_tokens_nor_keys_nor_numbers_are_logged(
    server: Gunicorn, http: requests.Session, workspace: NewWorkspace, idle_pool: FakePool
) -> None:
    send = send_to(server)
    idle_pool.heartbeat(send)
    session = http.post(f"{server.url}/api/sessions", json={"phone": "+6281234567891"}, timeout=10).json()
    token = session["link_url"].rpartition("/")[2]
    requests.get(f"{server.url}/link/{token}?secret=1", timeout=10)
    requests.get(f"{server.url}/link/{token}/qr.svg", timeout=10)
    idle_pool.scan(session["id"], "+6281234567891")
    idle_pool.relay(send)
    logged = server.output.read_text()
    assert session["id"] in logged
    for secret in (token, workspace.api_key, session["qr"]["text"], "81234567891", "ABCD-EFGH", POOL_SECRET):
        assert secret not in logged
    assert all(json.loads(line)["event"] for line in logged.splitlines())


def test_a_worker_that_is_killed_is_replaced_and_nothing_acknowledged_is_lost(
    directory: Path, idle_pool: FakePool
) -> None:
    place = directory / "killed"
    place.mkdir()
    with Gunicorn(place) as server:
        database = open_database(registry_in(place))
        key = Workspaces(database, SystemClock()).create("Toko").api_key
        database.close()
        acknowledged: list[str] = []
        stop = threading.Event()

        def create() -> None:
            with requests.Session() as session:
                while not stop.is_set():
                    try:
                        response = session.post(
                            f"{server.url}/api/sessions",
                            json={"start": False},
                            headers={"Authorization": f"Bearer {key}"},
                            timeout=10,
                        )
                    except requests.RequestException:
                        continue  # killed before, or in the middle of, its answer
                    if response.status_code == 201:
                        acknowledged.append(response.json()["id"])

        threads = [threading.Thread(target=create) for _ in range(4)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(acknowledged) > 20)
        workers = Path(f"/proc/{server.popen.pid}/task/{server.popen.pid}/children").read_text().split()
        os.kill(int(workers[0]), signal.SIGKILL)
        reached = len(acknowledged)
        eventually(lambda: len(acknowledged) > reached + 20)
        stop.set()
        for thread in threads:
            thread.join()
        database = open_database(registry_in(place))
        stored = {row["id"] for row in rows(database, "SELECT id FROM sessions")}
        database.close()
        assert set(acknowledged) <= stored


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"POOL_SECRET": ""}, ["POOL_SECRET"]),
        ({"SECRET_KEY": "changeme" * 5, "POOL_SECRET": "short-secret"}, ["POOL_SECRET", "SECRET_KEY"]),
        ({"NUMBERS_KEY": "0" * 64}, ["NUMBERS_KEY is an example"]),
    ],
)
def test_a_server_with_a_wrong_environment_says_everything_and_stops(
    tmp_path: Path, changes: dict[str, str], named: list[str]
) -> None:
    with Process(
        ["gunicorn", "functions.app:create_app()"],
        tmp_path,
        "gunicorn",
        FUNCTIONS_PORT=str(free_port()),
        **changes,
    ) as server:
        assert server.popen.wait(60) != 0
    output = server.output.read_text()
    assert all(name in output for name in named)
    assert "Traceback" not in output
