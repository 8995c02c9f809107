"""The manual sync of chats, and what it found."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.chats import MAX_CHATS
from storage.clock import to_wire
from storage.errors import Conflict
from storage.events import EventType
from tests.fakes import fixtures
from tests.fakes.databases import rows
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool

functions = fixtures.functions
idle_pool = fixtures.idle_pool
pool = fixtures.pool

E = EventType
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def backend(functions: LocalFunctions) -> Backend:
    """A workspace that is owed webhooks."""
    return functions.workspace(webhook_url="https://example.com/hooks")


@pytest.fixture
def session_id(backend: Backend, pool: FakePool) -> str:
    identifier: str = backend.create()["id"]
    pool.scan(identifier)
    pool.relay(backend.functions.send)
    return identifier


def chat(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"62812345{number:05}@c.us",
        "name": f"Ibu {number}",
        "unread_count": number % 3,
        "last_message_at": to_wire(NOON - timedelta(minutes=number)),
        "is_group": False,
    } | changes


def sync(backend: Backend, session_id: str) -> Any:
    return backend.post(f"/api/sessions/{session_id}/sync-chats")


def read(backend: Backend, session_id: str, query: str = "") -> Any:
    return backend.get(f"/api/sessions/{session_id}/chats{query}")


def stored(functions: LocalFunctions) -> int:
    count: int = rows(functions.services.database, "SELECT count(*) AS found FROM chats")[0]["found"]
    return count


def test_a_sync_is_read_page_by_page_newest_message_first(
    backend: Backend, pool: FakePool, session_id: str
) -> None:
    pool.chats = [chat(3), chat(1), chat(2), chat(9, last_message_at=None), chat(0, is_group=True)]
    synced = sync(backend, session_id)
    assert synced.status_code == 200
    body = synced.get_json()
    assert (body["session_id"], body["chats_count"], body["status"]) == (session_id, 5, "connected")
    seen, cursor = [], ""
    while cursor is not None:
        page = read(backend, session_id, f"?limit=2{cursor}").get_json()
        assert (page["synced_at"], page["chats_count"]) == (body["synced_at"], 5)
        seen += page["chats"]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert [one["name"] for one in seen] == ["Ibu 0", "Ibu 1", "Ibu 2", "Ibu 3", "Ibu 9"]
    assert seen[0] == chat(0, is_group=True)
    assert seen[4]["last_message_at"] is None


def test_the_backend_is_told_how_many_and_not_which(
    backend: Backend, pool: FakePool, functions: LocalFunctions, session_id: str
) -> None:
    pool.chats = [chat(1), chat(2)]
    synced_at = sync(backend, session_id).get_json()["synced_at"]
    (delivery, *_) = functions.services.deliveries.page(backend.workspace_id)
    assert delivery.type == "chats_synced"
    assert (delivery.data["chats_count"], delivery.data["synced_at"]) == (2, synced_at)
    assert "Ibu" not in json.dumps(dict(delivery.data))
    session = backend.session(session_id)
    assert session["chats"] == {"count": 2, "synced_at": synced_at}
    assert session["version"] == delivery.data["version"]


def test_nothing_is_synced_by_itself(backend: Backend, pool: FakePool, session_id: str) -> None:
    pool.chats = [chat(1)]
    response = read(backend, session_id)
    assert (response.status_code, response.get_json()["code"]) == (409, "never_synced")
    assert backend.session(session_id)["chats"] is None
    assert not any(path.endswith("/chats") for _, path, _ in pool.calls)


def test_a_sync_replaces_what_the_one_before_found(
    backend: Backend, pool: FakePool, functions: LocalFunctions, session_id: str
) -> None:
    pool.chats = [chat(number) for number in range(5)]
    sync(backend, session_id)
    pool.chats = [chat(7)]
    for _ in range(2):
        assert sync(backend, session_id).get_json()["chats_count"] == 1
    assert [one["name"] for one in read(backend, session_id).get_json()["chats"]] == ["Ibu 7"]
    assert stored(functions) == 1


def test_a_cursor_of_an_earlier_sync_is_refused(backend: Backend, pool: FakePool, session_id: str) -> None:
    pool.chats = [chat(number) for number in range(5)]
    sync(backend, session_id)
    cursor = read(backend, session_id, "?limit=2").get_json()["next_cursor"]
    while read(backend, session_id, f"?cursor={cursor}").status_code == 200:
        sync(backend, session_id)  # at least a millisecond later
    response = read(backend, session_id, f"?cursor={cursor}")
    assert (response.status_code, response.get_json()["code"]) == (409, "cursor_outdated")


@pytest.mark.parametrize("query", ["?cursor=x", "?cursor=eA", "?limit=0", "?limit=201", "?page=2"])
def test_a_wrong_parameter_is_refused_by_name(
    backend: Backend, pool: FakePool, session_id: str, query: str
) -> None:
    sync(backend, session_id)
    response = read(backend, session_id, query)
    assert response.status_code == 422
    assert response.get_json()["errors"][0]["field"] == query[1:].partition("=")[0]


def test_an_account_without_chats_was_synced_as_well(
    backend: Backend, pool: FakePool, session_id: str
) -> None:
    assert sync(backend, session_id).get_json()["chats_count"] == 0
    page = read(backend, session_id).get_json()
    assert (page["chats"], page["next_cursor"]) == ([], None)


def test_a_session_that_is_not_connected_has_none_to_read(
    backend: Backend, pool: FakePool, functions: LocalFunctions, session_id: str
) -> None:
    fresh = backend.create()["id"]
    pool.emit(session_id, E.SESSION_DISCONNECTED)
    pool.relay(functions.send)
    for one in (fresh, session_id):
        response = sync(backend, one)
        assert (response.status_code, response.get_json()["code"]) == (409, "not_connected")


def test_a_fresh_link_whose_chats_are_still_coming_says_so(
    backend: Backend, pool: FakePool, session_id: str
) -> None:
    pool.synced = False
    response = sync(backend, session_id)
    assert (response.status_code, response.get_json()["code"]) == (409, "still_syncing")
    pool.synced = True
    assert sync(backend, session_id).status_code == 200


def test_a_sleeping_session_is_woken_and_asked_again(
    backend: Backend, pool: FakePool, functions: LocalFunctions, session_id: str
) -> None:
    pool.chats = [chat(1)]
    backend.post(f"/api/sessions/{session_id}/hibernate")
    for _ in range(2):
        waking = sync(backend, session_id)
        assert (waking.status_code, waking.get_json()["status"]) == (202, "hibernated")
        assert waking.get_json()["synced_at"] is None
        assert int(waking.headers["Retry-After"]) > 0
    assert session_id in pool.held
    pool.emit(session_id, E.SESSION_WOKEN)
    pool.relay(functions.send)
    assert sync(backend, session_id).get_json()["chats_count"] == 1


def test_more_chats_than_are_read_at_once_are_refused_with_the_number(
    backend: Backend, pool: FakePool, session_id: str
) -> None:
    pool.refusal = (422, {"code": "too_many_chats", "detail": "the account has 20001 chats; …"})
    response = sync(backend, session_id)
    assert (response.status_code, response.get_json()["code"]) == (409, "too_many_chats")
    assert "20001" in response.get_json()["detail"]
    pool.refusal = None
    pool.chats = [{}] * (MAX_CHATS + 1)
    assert sync(backend, session_id).get_json()["code"] == "node_confused"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": 7},
        {"id": "x" * 101},
        {"name": ["Ibu"]},
        {"name": "x" * 201},
        {"unread_count": -1},
        {"unread_count": 1.5},
        {"unread_count": 2**40},
        {"unread_count": True},
        {"last_message_at": 1735732800},
        {"last_message_at": "noon"},
        {"is_group": 1},
    ],
    ids=str,
)
def test_a_node_that_makes_no_sense_changes_nothing(
    backend: Backend, pool: FakePool, session_id: str, changes: dict[str, Any]
) -> None:
    pool.chats = [chat(1)]
    sync(backend, session_id)
    pool.chats = [chat(1), chat(2, **changes)]
    response = sync(backend, session_id)
    assert (response.status_code, response.get_json()["code"]) == (503, "node_confused")
    assert read(backend, session_id).get_json()["chats_count"] == 1


def test_a_session_that_ends_while_its_node_is_asked_keeps_no_chats(
    backend: Backend, pool: FakePool, functions: LocalFunctions, session_id: str
) -> None:
    services = functions.services
    session, held = services.registry.sessions.get(session_id), pool.held[session_id]
    backend.delete(f"/api/sessions/{session_id}")
    pool.held[session_id], pool.chats = held, [chat(1)]  # its node has not heard of it yet
    with pytest.raises(Conflict, match="is deleted now"):
        services.chat_sync.sync(session)
    assert stored(functions) == 0


@pytest.mark.parametrize("end", ["deleted", "replaced", "another account"])
def test_chats_go_with_the_account(
    backend: Backend, pool: FakePool, functions: LocalFunctions, session_id: str, end: str
) -> None:
    pool.chats = [chat(1), chat(2)]
    sync(backend, session_id)
    match end:
        case "deleted":
            backend.delete(f"/api/sessions/{session_id}")
        case "replaced":
            pool.scan(backend.create()["id"], "+6281234567890")
            pool.relay(functions.send)
        case "another account":
            backend.post(f"/api/sessions/{session_id}/logout")
            backend.post(f"/api/sessions/{session_id}/restart")
    assert stored(functions) == 0
    assert read(backend, session_id).get_json()["code"] == "never_synced"


def test_chats_outlive_a_restart_of_the_same_account(
    backend: Backend, pool: FakePool, session_id: str
) -> None:
    pool.chats = [chat(1)]
    sync(backend, session_id)
    backend.post(f"/api/sessions/{session_id}/restart")
    assert read(backend, session_id).get_json()["chats_count"] == 1


def test_no_name_of_a_chat_is_logged(
    backend: Backend, pool: FakePool, session_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    pool.chats = [chat(1)]
    sync(backend, session_id)
    read(backend, session_id)
    pool.chats = [chat(1, unread_count="Ibu 1")]
    assert "Ibu" not in sync(backend, session_id).get_data(as_text=True)
    assert not any("Ibu" in str(record.__dict__) for record in caplog.records)


def test_names_of_any_script_come_back_as_they_are(backend: Backend, pool: FakePool, session_id: str) -> None:
    names = ["Ayu 🌺", "عائلة", 'O\'Brien "Bob"', "a\nb\\u0041", "名前"]
    pool.chats = [chat(number, name=name) for number, name in enumerate(names)]
    sync(backend, session_id)
    assert [one["name"] for one in read(backend, session_id).get_json()["chats"]] == names
