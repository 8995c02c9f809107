"""A creation that is repeated makes one session."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from storage.clock import ManualClock
from tests.fakes import fixtures
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool

functions = fixtures.functions
backend = fixtures.backend
idle_pool = fixtures.idle_pool
pool = fixtures.pool

KEY = {"Idempotency-Key": "order-7"}


def test_the_same_key_and_body_give_the_same_session_as_it_stands_now(
    backend: Backend, pool: FakePool
) -> None:
    first = backend.post("/api/sessions", json={"reference": "a", "start": True}, headers=KEY)
    again = backend.post("/api/sessions", json={"start": True, "reference": "a"}, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.get_json() == again.get_json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(pool.calls) == 1


def test_the_same_key_with_another_body_is_refused(backend: Backend, pool: FakePool) -> None:
    backend.post("/api/sessions", json={"reference": "a"}, headers=KEY)
    other = backend.post("/api/sessions", json={"reference": "b"}, headers=KEY)
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_key_reused")
    assert len(backend.get("/api/sessions").get_json()["sessions"]) == 1


def test_a_key_may_be_used_anew_after_a_day(tmp_path: Path) -> None:
    clock = ManualClock()
    functions = LocalFunctions(tmp_path, clock)
    backend = functions.workspace()
    first = backend.post("/api/sessions", json={"reference": "a"}, headers=KEY).get_json()["id"]
    clock.advance(timedelta(hours=24))
    assert backend.post("/api/sessions", json={"reference": "b"}, headers=KEY).get_json()["id"] != first
    functions.close()


def test_requests_that_race_with_one_key_make_one_session(
    functions: LocalFunctions, backend: Backend, pool: FakePool
) -> None:
    barrier = threading.Barrier(8)

    def create(_: int) -> tuple[int, str]:
        barrier.wait(10)
        response = functions.app.test_client().post(
            "/api/sessions", json={}, headers={"Authorization": f"Bearer {backend.api_key}", **KEY}
        )
        return response.status_code, response.get_json()["id"]

    with ThreadPoolExecutor(8) as threads:
        answers = Counter(threads.map(create, range(8)))
    assert len({session_id for _, session_id in answers}) == 1
    assert {status for status, _ in answers} == {201}
    assert [call[0] for call in pool.calls] == ["PUT"]
