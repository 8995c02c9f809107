"""Slow clients, clients that do not close, more requests than can be answered: gunicorn as it runs."""

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests

from storage.clock import SystemClock
from storage.database import open_database
from storage.workspaces import NewWorkspace, Workspaces
from tests.fakes.databases import registry_in
from tests.fakes.processes import Gunicorn
from tests.waiting import eventually

SLOW = 40
"""More than there are threads in all workers."""

MANY_FIELDS = b"".join(b"X-%d: a\r\n" % number for number in range(80))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("slow")


@pytest.fixture(scope="module")
def server(directory: Path) -> Iterator[Gunicorn]:
    with Gunicorn(
        directory,
        FUNCTIONS_READ_TIMEOUT_SECONDS="1",
        FUNCTIONS_CONNECTIONS="60",
        RATE_KEY_PER_MINUTE="0",
        RATE_ADDRESS_PER_MINUTE="0",
        RATE_WRONG_PER_MINUTE="0",
    ) as started:
        yield started


@pytest.fixture(scope="module")
def workspace(directory: Path, server: Gunicorn) -> NewWorkspace:
    database = open_database(registry_in(directory))
    made = Workspaces(database, SystemClock()).create("Toko")
    database.close()
    return made


def opened(server: Gunicorn, stack: ExitStack, content: bytes = b"") -> socket.socket:
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
    connection.sendall(content)
    return connection


def rest_of(connection: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            received += chunk
    return received


def listing(workspace: NewWorkspace) -> bytes:
    """One request that takes a thread and the registry."""
    lines = ["GET /api/sessions HTTP/1.1", "Host: x", f"Authorization: Bearer {workspace.api_key}", "", ""]
    return "\r\n".join(lines).encode()


def served(server: Gunicorn) -> bool:
    return requests.get(f"{server.url}/health", timeout=20).status_code == 200


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"G",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /api/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
        b"POST /api/webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"POST /api/webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n\r\n0\r\n\r\n",
        b"POST /link/x/start HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\nHo",
    ],
    ids=[
        "nothing",
        "a byte",
        "a header",
        "a body",
        "chunks",
        "what looks like the last chunk",
        "expecting",
        "a second request",
    ],
)
def test_slow_clients_hold_nobody_up_and_are_cut(server: Gunicorn, beginning: bytes) -> None:
    with ExitStack() as stack:
        slow = [opened(server, stack, beginning) for _ in range(SLOW)]
        for _ in range(5):
            assert served(server)
        ends = {rest_of(connection)[-800:].rpartition(b"HTTP/1.1 ")[2][:3] for connection in slow}
        assert ends == ({b""} if beginning == b"" else {b"408"})


def test_a_body_that_is_too_large_to_be_sent_is_not_waited_for(server: Gunicorn) -> None:
    head = b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n"
    with ExitStack() as stack:
        clients = [opened(server, stack, head) for _ in range(SLOW)]
        assert served(server)
        assert {rest_of(one).split(b" ")[1] for one in clients} == {b"405"}


def test_a_client_that_drips_is_cut_all_the_same(server: Gunicorn) -> None:
    """Every byte begins a socket's timeout anew; the deadline is for the whole request."""
    with ExitStack() as stack:
        connection = opened(server, stack, b"GET /health HTTP/1.1\r\nX: ")
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.1):
                try:
                    connection.send(b"a")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            assert b" 408 " in rest_of(connection)
        finally:
            stop.set()
            thread.join()


def test_clients_that_do_not_close_hold_nobody_up(server: Gunicorn) -> None:
    """gunicorn's own loop waits two seconds for each."""
    with ExitStack() as stack:
        began = time.monotonic()
        open_ends = [
            opened(server, stack, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            for _ in range(SLOW)
        ]
        assert served(server)
        assert {rest_of(one).split(b" ")[1] for one in open_ends} == {b"200"}
        assert time.monotonic() - began < SLOW * 2 / 3  # one after the other in two loops would take 40 s


def test_a_client_that_does_not_read_holds_nobody_up(server: Gunicorn, workspace: NewWorkspace) -> None:
    head = (
        f"GET /api/sessions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {workspace.api_key}\r\n\r\n".encode()
    )
    with ExitStack() as stack:
        for _ in range(SLOW):
            connection = socket.socket()
            stack.enter_context(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(head * 20)
        assert served(server)


def test_more_connections_than_there_are_places_push_out_the_idle(server: Gunicorn) -> None:
    with ExitStack() as stack:
        for _ in range(200):
            opened(server, stack)
        for _ in range(10):
            assert served(server)


def test_one_connection_carries_many_requests_also_without_waiting(server: Gunicorn) -> None:
    request = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with ExitStack() as stack:
        connection = opened(server, stack, request * 30 + last)
        assert rest_of(connection).count(b"HTTP/1.1 200 OK") == 31


def test_a_body_that_is_awaited_is_called_for(server: Gunicorn) -> None:
    head = (
        b"POST /api/webhook HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    with ExitStack() as stack:
        connection = opened(server, stack, head)
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.sendall(b"{}")
        assert b"HTTP/1.1 401 " in rest_of(connection)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 200 + b"\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 500_000, 431, "headers_too_large"),
        (b"GET /link/geheim HTTP/9.9\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nX-Big: " + b"a" * 5000 + b"\r\nHost: x\r\n\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n" + MANY_FIELDS + b"\r\n", 431, "headers_too_large"),
        (b"POST /api/webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n", 413, "body_too_large"),
    ],
    ids=["address", "field", "fields", "endless field", "version", "field by name", "some fields", "body"],
)
def test_what_is_too_large_is_refused_with_a_problem(
    server: Gunicorn, content: bytes, status: int, code: str
) -> None:
    with ExitStack() as stack:
        connection = opened(server, stack)
        with suppress(ConnectionResetError, BrokenPipeError):  # refused before it had sent all
            connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        head, _, body = rest_of(connection).partition(b"\r\n\r\n")
    assert int(head.split(b" ")[1]) == status
    assert b"application/problem+json" in head
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (status, code)
    if b"X-Big" in content:
        assert problem["errors"][0]["field"] == "X-Big"
    assert "geheim" not in server.output.read_text()


def test_more_than_can_be_answered_is_refused_at_once_and_nothing_is_wrong_afterwards(
    directory: Path, workspace: NewWorkspace
) -> None:
    with Gunicorn(
        directory,
        FUNCTIONS_WAIT_LIMIT_SECONDS="0.005",
        RATE_KEY_PER_MINUTE="0",
        GUNICORN_CMD_ARGS="--workers=3",
    ) as server:
        answers: Counter[int] = Counter()
        problems: list[str] = []
        stop = threading.Event()

        def hammer() -> None:
            headers = {"Authorization": f"Bearer {workspace.api_key}"}
            with requests.Session() as client:
                while not stop.is_set():
                    answer = client.get(f"{server.url}/api/sessions", headers=headers, timeout=20)
                    answers[answer.status_code] += 1
                    if answer.status_code == 503 and answer.headers["Retry-After"] != "1":
                        problems.append(answer.text)

        threads = [threading.Thread(target=hammer) for _ in range(50)]
        for thread in threads:
            thread.start()
        try:
            eventually(lambda: answers[200] > 100 and answers[503] > 100)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert set(answers) <= {200, 503}
        assert problems == []
        headers = {"Authorization": f"Bearer {workspace.api_key}"}
        for _ in range(20):
            assert requests.get(f"{server.url}/api/sessions", headers=headers, timeout=20).status_code == 200
