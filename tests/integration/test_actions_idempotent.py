"""Calls that a backend may repeat: a lost answer must not cost a second start, or an error."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from storage.attempts import Tried
from storage.events import EventType
from tests.fakes import fixtures
from tests.fakes.databases import dump
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool

functions = fixtures.functions
idle_pool = fixtures.idle_pool
pool = fixtures.pool

PHONE = "+6281234567890"
KEY = {"Idempotency-Key": "restart-7"}
E = EventType


@pytest.fixture
def backend(functions: LocalFunctions) -> Backend:
    """A workspace that is owed webhooks."""
    return functions.workspace(webhook_url="https://example.com/hooks")


def linked(backend: Backend, pool: FakePool) -> str:
    session_id: str = backend.create()["id"]
    pool.scan(session_id, PHONE)
    pool.relay(backend.functions.send)
    return session_id


def act(backend: Backend, session_id: str, action: str) -> tuple[int, str]:
    response = backend.post(f"/api/sessions/{session_id}/{action}")
    return response.status_code, response.get_json()["status"]


# ── restart ──────────────────────────────────────────────────────────────────


def test_a_restart_with_the_same_key_starts_once(backend: Backend, pool: FakePool) -> None:
    session_id = backend.create()["id"]
    address = f"/api/sessions/{session_id}/restart"
    first, again = backend.post(address, headers=KEY), backend.post(address, headers=KEY)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json() == again.get_json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert pool.held[session_id].start_seq == 2
    assert [method for method, _, _ in pool.calls].count("PUT") == 2


def test_another_key_or_none_starts_again(backend: Backend, pool: FakePool) -> None:
    session_id = backend.create()["id"]
    address = f"/api/sessions/{session_id}/restart"
    for headers in (KEY, {"Idempotency-Key": "restart-8"}, {}, {}):
        assert backend.post(address, headers=headers).status_code == 202
    assert pool.held[session_id].start_seq == 5


def test_a_key_belongs_to_one_request(backend: Backend, pool: FakePool) -> None:
    one, other = backend.create()["id"], backend.create()["id"]
    backend.post(f"/api/sessions/{one}/restart", headers=KEY)
    for response in (
        backend.post(f"/api/sessions/{other}/restart", headers=KEY),
        backend.post("/api/sessions", json={}, headers=KEY),
    ):
        assert (response.status_code, response.get_json()["code"]) == (422, "idempotency_key_reused")
    assert pool.held[other].start_seq == 1


def test_a_key_of_a_restart_that_was_refused_may_be_used_again(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    older, _ = linked(backend, pool), linked(backend, pool)
    response = backend.post(f"/api/sessions/{older}/restart", headers=KEY)
    assert (response.status_code, response.get_json()["code"]) == (409, "session_ended")
    session_id = backend.create()["id"]
    assert backend.post(f"/api/sessions/{session_id}/restart", headers=KEY).status_code == 202


def test_restarts_that_race_with_one_key_start_once(
    functions: LocalFunctions, backend: Backend, pool: FakePool
) -> None:
    session_id = backend.create()["id"]
    barrier = threading.Barrier(8)

    def restart(_: int) -> tuple[int, str | None]:
        barrier.wait(10)
        response = functions.app.test_client().post(
            f"/api/sessions/{session_id}/restart",
            headers={"Authorization": f"Bearer {backend.api_key}", **KEY},
        )
        return response.status_code, response.headers.get("Idempotency-Replayed")

    with ThreadPoolExecutor(8) as threads:
        answers = Counter(threads.map(restart, range(8)))
    assert answers == {(202, None): 1, (202, "true"): 7}
    assert pool.held[session_id].start_seq == 2


# ── the others ───────────────────────────────────────────────────────────────


def test_logging_out_twice_is_logging_out_once(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = linked(backend, pool)
    assert [act(backend, session_id, "logout") for _ in range(3)] == [(200, "logged_out")] * 3
    assert len([path for _, path, _ in pool.calls if path.endswith("/logout")]) == 1


def test_a_logout_that_waits_for_its_node_may_be_asked_for_again(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = linked(backend, pool)
    pool.refusal = (503, {"code": "busy"})
    first, again = (backend.post(f"/api/sessions/{session_id}/logout") for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.get_json() == again.get_json()
    pool.refusal = None
    assert act(backend, session_id, "logout") == (200, "logged_out")


def test_what_the_phone_logged_out_already_is_logged_out(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = linked(backend, pool)
    pool.emit(session_id, E.SESSION_LOGGED_OUT)
    pool.relay(functions.send)
    assert act(backend, session_id, "logout") == (200, "logged_out")


def test_sleeping_and_waking_twice_is_doing_it_once(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = linked(backend, pool)
    assert [act(backend, session_id, "hibernate") for _ in range(2)] == [(200, "hibernated")] * 2
    assert [act(backend, session_id, "wake") for _ in range(2)] == [(202, "hibernated")] * 2
    pool.emit(session_id, E.SESSION_WOKEN)
    pool.relay(functions.send)
    assert [act(backend, session_id, "wake") for _ in range(2)] == [(200, "connected")] * 2
    types = [one.type for one in functions.services.deliveries.page(backend.workspace_id)]
    assert (types.count("session_hibernated"), types.count("session_woken")) == (1, 1)


def test_deleting_twice_gives_the_same_answer(backend: Backend, pool: FakePool) -> None:
    session_id = linked(backend, pool)
    first, again = (backend.delete(f"/api/sessions/{session_id}") for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.get_json() == again.get_json()
    assert [method for method, _, _ in pool.calls].count("DELETE") == 1


def test_asking_for_a_qr_again_gives_a_newer_one_of_the_same_start(backend: Backend, pool: FakePool) -> None:
    session_id = backend.create()["id"]
    texts = {backend.post(f"/api/sessions/{session_id}/qr").get_json()["qr"]["text"] for _ in range(3)}
    assert len(texts) == 3
    assert pool.held[session_id].start_seq == 1


# ── what deleting leaves ─────────────────────────────────────────────────────


def test_a_deleted_session_leaves_neither_number_nor_name_nor_chat(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = backend.create(phone=PHONE, metadata={"name": "Ayu"})["id"]
    pool.scan(session_id)
    pool.chats = [
        {"id": "6289@c.us", "name": "Ibu", "unread_count": 0, "last_message_at": None, "is_group": False}
    ]
    pool.relay(functions.send)
    backend.post(f"/api/sessions/{session_id}/sync-chats")
    services = functions.services
    claim = services.deliveries.claim_due(1, functions.services.config.link_ttl)
    backend.delete(f"/api/sessions/{session_id}")
    pool.emit(session_id, E.SESSION_READY, generation=1, phone_number=PHONE, display_name="Ayu")
    pool.relay(functions.send)
    while claim.deliveries:  # what was owed is sent yet, and then forgotten
        for delivery in claim.deliveries:
            services.deliveries.delivered(delivery, claim.token, _taken(services.clock.now()))
        claim = services.deliveries.claim_due(10, functions.services.config.link_ttl)
    assert session_id not in pool.profiles
    left = dump(functions.services.database)
    assert session_id in left
    for secret in (PHONE, PHONE[1:], "Ayu", "Ibu", "6289@c.us"):
        assert secret not in left, secret


def _taken(at: datetime) -> Tried:
    return Tried(started_at=at, took=timedelta(milliseconds=5), status_code=200)
