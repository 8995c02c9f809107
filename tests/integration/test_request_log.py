"""What the log says of requests: changes, refusals and slow ones to the operator, the rest to us."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from functions.request_log import SLOW_SECONDS
from storage.clock import ManualClock, SystemClock
from tests.fakes import fixtures
from tests.fakes.functions import LocalFunctions
from tests.fakes.pool import FakePool

idle_pool = fixtures.idle_pool


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(SystemClock().now())


@pytest.fixture
def functions(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> Iterator[LocalFunctions]:
    caplog.set_level("DEBUG", "functions")
    local = LocalFunctions(tmp_path, clock)
    yield local
    local.close()


def told(caplog: pytest.LogCaptureFixture, level: str) -> list[str]:
    lines = [one for one in caplog.records if one.getMessage() == "request" and one.levelname == level]
    return [f"{one.__dict__['method']} {one.__dict__['route']} {one.__dict__['status']}" for one in lines]


def test_an_operator_reads_of_changes_and_refusals_alone(
    functions: LocalFunctions, idle_pool: FakePool, caplog: pytest.LogCaptureFixture
) -> None:
    assert idle_pool.heartbeat(functions.send).status_code == 200
    backend = functions.workspace()
    session = backend.create()
    token = session["link_url"].rpartition("/")[2]
    for _ in range(20):
        backend.session(session["id"])
        functions.client.get(f"/link/{token}/status")
        functions.client.get("/livez")
        idle_pool.heartbeat(functions.send)
    idle_pool.scan(session["id"])
    idle_pool.relay(functions.send)
    backend.get("/api/sessions/01JD3Z0V5M8Q4T2X9Y7W6R1K0B")
    assert told(caplog, "INFO") == ["POST /api/sessions 201", "GET /api/sessions/<session_id> 404"]
    assert len(told(caplog, "DEBUG")) > 80
    assert token not in caplog.text


def test_a_slow_read_is_news_and_a_long_poll_is_none(
    functions: LocalFunctions, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    def slow() -> None:
        clock.advance(timedelta(seconds=SLOW_SECONDS + 0.5))

    functions.app.before_request_funcs.setdefault(None, []).append(slow)
    backend = functions.workspace()
    assert backend.get("/api/sessions").status_code == 200
    assert backend.get("/api/events").status_code == 200
    assert told(caplog, "INFO") == ["GET /api/sessions 200"]
