"""GET /metrics of the functions: who may read it, that workers add up, and what never stands in it."""

import os
import re
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from functions.metrics import share_between_processes
from storage.clock import ManualClock, SystemClock, to_wire
from storage.database import open_database
from storage.events import EventType
from storage.workspaces import Workspaces
from tests.fakes import fixtures
from tests.fakes.databases import registry_in
from tests.fakes.functions import LocalFunctions
from tests.fakes.pool import FakePool
from tests.fakes.processes import DelivererProcess, Gunicorn
from tests.fakes.receiver import Receiver
from tests.waiting import eventually

TOKEN = "metrics-token-for-tests-0123456789abcdef"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
idle_pool = fixtures.idle_pool
receiver = fixtures.receiver


@pytest.fixture
def functions(tmp_path: Path) -> Iterator[LocalFunctions]:
    local = LocalFunctions(tmp_path, METRICS_TOKEN=TOKEN)
    yield local
    local.close()


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float:
    """The sum of the samples that carry these labels."""
    return sum(
        number
        for (found, given), number in samples(text).items()
        if found == name and labels.items() <= dict(given).items()
    )


def read(functions: LocalFunctions) -> str:
    answer = functions.client.get("/metrics", headers=BEARER)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_nobody_reads_metrics_without_the_token(functions: LocalFunctions, tmp_path: Path) -> None:
    assert functions.client.get("/metrics").status_code == 401
    wrong = {"Authorization": f"Bearer {TOKEN[:-1]}x"}
    assert functions.client.get("/metrics", headers=wrong).status_code == 401
    key = functions.workspace().api_key
    assert functions.client.get("/metrics", headers={"Authorization": f"Bearer {key}"}).status_code == 401
    (tmp_path / "without").mkdir()
    without = LocalFunctions(tmp_path / "without")
    assert without.client.get("/metrics", headers=BEARER).status_code == 403
    without.close()


def test_sessions_events_and_refusals_are_counted(functions: LocalFunctions, idle_pool: FakePool) -> None:
    backend = functions.workspace()
    assert idle_pool.heartbeat(functions.send).status_code == 200
    linked, _ = backend.create(), backend.create()
    idle_pool.scan(linked["id"])
    idle_pool.relay(functions.send)
    assert backend.post("/api/sessions", json={"phone": "nonsense"}).status_code == 422
    text = read(functions)
    assert value(text, "linkpool_sessions", status="connected") == 1
    assert value(text, "linkpool_sessions", status="qr_scanning") == 1
    assert value(text, "linkpool_events_taken_total", type="session_ready", outcome="applied") == 1
    assert value(text, "session_creation_errors_total") == 1
    assert value(text, "linkpool_http_request_seconds_count", route="/api/sessions", status="201") == 2
    assert value(text, "linkpool_node_sessions", node="node-1") == 2


def test_what_is_owed_and_what_is_not_saved_shows(idle_pool: FakePool, tmp_path: Path) -> None:
    clock = ManualClock(SystemClock().now())
    functions = LocalFunctions(tmp_path, clock, METRICS_TOKEN=TOKEN)
    backend = functions.workspace(webhook_url="https://backend.example/hooks")
    assert idle_pool.heartbeat(functions.send).status_code == 200
    saved, unsaved = backend.create()["id"], backend.create()["id"]
    idle_pool.scan(saved)
    idle_pool.scan(unsaved)
    at = to_wire(clock.now())
    idle_pool.emit(saved, EventType.SNAPSHOT_SAVED, snapshot_id="01SNAP", saved_at=at, size_bytes=42)
    idle_pool.relay(functions.send)
    assert value(read(functions), "linkpool_sessions_without_snapshot") == 0
    clock.advance(timedelta(minutes=6))
    text = read(functions)
    assert value(text, "linkpool_sessions_without_snapshot") == 1
    assert (value(text, "linkpool_snapshots"), value(text, "linkpool_snapshots_bytes")) == (1, 42)
    assert value(text, "linkpool_snapshot_oldest_seconds") >= 360
    assert value(text, "webhook_deliveries_pending") >= 2
    assert value(text, "webhook_oldest_pending_seconds") >= 360
    assert value(text, "linkpool_node_lease_age_seconds", node="node-1") >= 350  # by the registry's clock
    functions.close()


def test_no_label_holds_what_belongs_to_a_customer(functions: LocalFunctions, idle_pool: FakePool) -> None:
    backend = functions.workspace("Toko Rahasia")
    assert idle_pool.heartbeat(functions.send).status_code == 200
    session = backend.create(reference="customer-77")
    idle_pool.scan(session["id"])
    idle_pool.relay(functions.send)
    token = session["link_url"].rpartition("/")[2]
    assert functions.client.get(f"/link/{token}").status_code == 200
    backend.session(session["id"])
    text = read(functions)
    for secret in (
        session["id"],
        token,
        backend.workspace_id,
        backend.api_key,
        "Rahasia",
        "customer-77",
        "6281234567890",
    ):
        assert secret not in text
    labels = {label for _, given in samples(text) for _, label in given}
    assert not [label for label in labels if re.search(r"\d{7,}|[0-9A-HJKMNP-TV-Z]{26}", label)]


def test_workers_and_the_deliverer_add_up_also_after_one_died(
    tmp_path: Path, idle_pool: FakePool, receiver: Receiver
) -> None:
    with (
        Gunicorn(tmp_path, METRICS_TOKEN=TOKEN, DATA_DIR=str(tmp_path)) as server,
        DelivererProcess(tmp_path, receiver.host, METRICS_TOKEN=TOKEN, DATA_DIR=str(tmp_path)),
    ):
        database = open_database(registry_in(tmp_path))
        new = Workspaces(database, SystemClock()).create("Toko", receiver.url())
        database.close()

        def send(path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
            return requests.post(server.url + path, data=body, headers=headers, timeout=10)

        def text() -> str:
            answer = requests.get(f"{server.url}/metrics", headers=BEARER, timeout=10)
            assert answer.status_code == 200
            return answer.text

        assert idle_pool.heartbeat(send).status_code == 200
        key = {"Authorization": f"Bearer {new.api_key}"}
        for _ in range(20):  # each over a connection of its own, so that both workers take some
            answer = requests.post(f"{server.url}/api/sessions", json={}, headers=key, timeout=10)
            assert answer.status_code == 201

        def created() -> float:
            return value(text(), "linkpool_http_request_seconds_count", route="/api/sessions", status="201")

        assert created() == 20
        eventually(lambda: value(text(), "webhook_deliveries_total", outcome="delivered") >= 20)
        workers = Path(f"/proc/{server.popen.pid}/task/{server.popen.pid}/children").read_text().split()
        os.kill(int(workers[0]), signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{workers[0]}").exists(), "the worker is gone")
        assert eventually(lambda: created() >= 20, "its numbers are still counted")


def test_files_of_processes_that_are_gone_are_removed_at_the_next_start(tmp_path: Path) -> None:
    directory = tmp_path / "run" / "metrics"
    directory.mkdir(parents=True)
    ours, gone = directory / f"counter_{os.getpid()}.db", directory / "counter_4194999.db"
    ours.touch()
    gone.touch()
    environ = {"METRICS_TOKEN": TOKEN, "DATA_DIR": str(tmp_path)}
    share_between_processes(environ)
    assert environ["PROMETHEUS_MULTIPROC_DIR"] == str(directory)
    assert (ours.exists(), gone.exists()) == (True, False)
    nothing: dict[str, str] = {}
    share_between_processes(nothing)
    assert nothing == {}
