"""API keys over HTTP: scopes, expiry, rotation, and that nobody locks themselves out by mistake."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.auth import GUARDS, Guard
from functions.scopes import SCOPES
from storage.api_key_table import MOST_KEYS
from storage.api_keys import Scope
from storage.clock import ManualClock, from_wire, to_wire
from tests.fakes import fixtures
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.integration.test_functions_auth import address, routes

clock = fixtures.clock
backend = fixtures.backend


@pytest.fixture
def functions(tmp_path: Path, clock: ManualClock) -> Iterator[LocalFunctions]:
    local = LocalFunctions(tmp_path, clock)
    yield local
    local.close()


def make(backend: Backend, *scopes: str, **more: Any) -> tuple[Backend, dict[str, Any]]:
    """A key of the same workspace, and how it was shown."""
    answer = backend.post("/api/keys", json={"scopes": list(scopes), **more})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = answer.get_json()
    key = Backend(backend.functions, body["api_key"], backend.workspace_id, backend.webhook_secret)
    return key, body


def listed(backend: Backend) -> dict[str, dict[str, Any]]:
    return {key["prefix"]: key for key in backend.get("/api/keys").get_json()["keys"]}


def prefix(backend: Backend) -> str:
    return backend.api_key.split("_")[1]


def test_every_route_of_a_workspace_says_which_scope_it_needs() -> None:
    assert set(SCOPES) == {name for name, guard in GUARDS.items() if guard is Guard.WORKSPACE}


@pytest.mark.parametrize("scope", list(Scope))
def test_a_key_does_what_its_scope_says_and_nothing_else(
    functions: LocalFunctions, backend: Backend, scope: Scope
) -> None:
    allowed = {Scope.READ: {Scope.READ}, Scope.SESSIONS: {Scope.READ, Scope.SESSIONS}}.get(scope, set(Scope))
    for rule, method in routes(functions.app):
        if GUARDS[rule.endpoint] is not Guard.WORKSPACE:
            continue
        key, _ = make(backend, scope)
        answer = key.call(method, address(rule))
        is_refused = answer.status_code == 403 and answer.get_json()["code"] == "scope_missing"
        assert is_refused is (SCOPES[rule.endpoint] not in allowed), f"{scope} {method} {rule.rule}"
        backend.delete(f"/api/keys/{prefix(key)}")


def test_a_key_that_only_reads_sees_no_way_to_link(tmp_path: Path) -> None:
    functions = LocalFunctions(tmp_path)
    with FakePool("p00l-secret-for-tests-0123456789abcdef") as pool:
        pool.heartbeat(functions.send)
        owner = functions.workspace()
        session = owner.create(phone="+6281234567890")
        assert session["qr"] or session["pairing_code"]
        reader, _ = make(owner, "read")
        path = f"/api/sessions/{session['id']}"
        shown = reader.get(path)
        token = session["link_url"].rpartition("/")[2]
        for text in (shown.text, reader.get("/api/sessions").text, reader.get("/api/events").text):
            assert token not in text
            assert "2@" not in text
            assert "ABCD-EFGH" not in text
        body = shown.get_json()
        assert (body["link_url"], body["qr"], body["pairing_code"]) == (None, None, None)
        assert body["status"] == session["status"]
        # what one key has kept is not taken for what another may see
        stale = owner.get(path, headers={"If-None-Match": shown.headers["ETag"]})
        assert (stale.status_code, stale.get_json()["link_url"]) == (200, session["link_url"])
    functions.close()


def test_a_key_is_shown_once_and_described_ever_after(backend: Backend) -> None:
    _, shown = make(backend, "sessions", name="Shop backend")
    assert re.fullmatch(r"lp_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}", shown["api_key"])
    described = listed(backend)[shown["prefix"]]
    assert described == {name: value for name, value in shown.items() if name != "api_key"}
    assert (described["name"], described["scopes"], described["status"]) == (
        "Shop backend",
        ["sessions"],
        "active",
    )
    assert shown["api_key"].rpartition("_")[2] not in backend.get("/api/keys").text
    assert listed(backend)[prefix(backend)]["is_current"] is True


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "scopes"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"scopes": ["read", "read"]}, "scopes"),
        ({"scopes": ["read"], "name": " x"}, "name"),
        ({"scopes": ["read"], "name": "x" * 101}, "name"),
        ({"scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"scopes": ["read"], "expires_at": "tomorrow"}, "expires_at"),
        ({"scopes": ["read"], "prefix": "AAAAAAAA"}, "prefix"),
    ],
    ids=str,
)
def test_a_wrong_wish_for_a_key_is_told_by_its_field(
    backend: Backend, body: dict[str, Any], field: str
) -> None:
    answer = backend.post("/api/keys", json=body)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"].startswith(field)


def test_a_key_opens_nothing_once_it_has_expired(backend: Backend, clock: ManualClock) -> None:
    key, shown = make(backend, "read", expires_at=to_wire(clock.now() + timedelta(hours=1)))
    clock.advance(timedelta(minutes=59))
    assert key.get("/api/sessions").status_code == 200
    clock.advance(timedelta(minutes=1))
    assert key.get("/api/sessions").status_code == 401
    assert listed(backend)[shown["prefix"]]["status"] == "expired"


def test_both_keys_work_for_the_grace_of_a_rotation(backend: Backend, clock: ManualClock) -> None:
    old, _ = make(backend, "sessions", name="Shop")
    rotated = backend.post(f"/api/keys/{prefix(old)}/rotate", json={"grace_seconds": 3600})
    assert rotated.status_code == 201
    body = rotated.get_json()
    new = Backend(backend.functions, body["api_key"], backend.workspace_id, "")
    assert (body["name"], body["scopes"], body["expires_at"]) == ("Shop", ["sessions"], None)
    assert body["previous"]["replaced_by"] == body["prefix"]
    assert from_wire(body["previous"]["expires_at"]) == clock.now() + timedelta(hours=1)
    assert (old.get("/api/sessions").status_code, new.get("/api/sessions").status_code) == (200, 200)
    clock.advance(timedelta(hours=1))
    assert (old.get("/api/sessions").status_code, new.get("/api/sessions").status_code) == (401, 200)


def test_a_rotation_without_grace_ends_the_old_key_at_once(backend: Backend) -> None:
    old, _ = make(backend, "read")
    assert backend.post(f"/api/keys/{prefix(old)}/rotate", json={"grace_seconds": 0}).status_code == 201
    assert old.get("/api/sessions").status_code == 401


def test_a_rotated_key_lives_as_long_as_the_one_before_was_given(
    backend: Backend, clock: ManualClock
) -> None:
    month = timedelta(days=30)
    old, _ = make(backend, "read", expires_at=to_wire(clock.now() + month))
    clock.advance(timedelta(days=29))
    for _ in range(2):  # the answer to the first call was lost
        body = backend.post(f"/api/keys/{prefix(old)}/rotate", json={"grace_seconds": 7 * 86_400}).get_json()
        assert from_wire(body["expires_at"]) == clock.now() + month
        assert from_wire(body["previous"]["expires_at"]) == clock.now() + timedelta(days=1)


def test_a_rotation_whose_answer_was_lost_is_repeated_and_leaves_no_unknown_key(backend: Backend) -> None:
    old, _ = make(backend, "read")
    lost, found = (
        backend.post(f"/api/keys/{prefix(old)}/rotate", json={}).get_json()["prefix"] for _ in range(2)
    )
    keys = listed(backend)
    assert (keys[lost]["status"], keys[found]["status"]) == ("revoked", "active")
    assert keys[prefix(old)]["replaced_by"] == found


def test_a_key_whose_successor_is_in_use_is_not_rotated_again(backend: Backend) -> None:
    old, _ = make(backend, "read")
    new = backend.post(f"/api/keys/{prefix(old)}/rotate", json={}).get_json()
    Backend(backend.functions, new["api_key"], "", "").get("/api/sessions")
    again = backend.post(f"/api/keys/{prefix(old)}/rotate", json={})
    assert (again.status_code, again.get_json()["code"]) == (409, "already_rotated")
    assert new["prefix"] in again.get_json()["detail"]


def test_a_revoked_key_is_not_rotated(backend: Backend) -> None:
    old, _ = make(backend, "read")
    assert [backend.delete(f"/api/keys/{prefix(old)}").status_code for _ in range(2)] == [204, 204]
    assert old.get("/api/sessions").status_code == 401
    again = backend.post(f"/api/keys/{prefix(old)}/rotate", json={})
    assert (again.status_code, again.get_json()["code"]) == (409, "key_ended")


def test_the_last_admin_key_cannot_be_revoked(backend: Backend) -> None:
    make(backend, "sessions")
    own = f"/api/keys/{prefix(backend)}"
    refused = backend.delete(own)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "last_admin_key")
    assert backend.get("/api/sessions").status_code == 200
    other, _ = make(backend, "admin")
    assert backend.delete(own).status_code == 204
    assert backend.get("/api/sessions").status_code == 401
    assert other.delete(f"/api/keys/{prefix(other)}").status_code == 409


def test_an_expired_admin_key_does_not_count_as_another(backend: Backend, clock: ManualClock) -> None:
    make(backend, "admin", expires_at=to_wire(clock.now() + timedelta(hours=1)))
    clock.advance(timedelta(hours=1))
    assert backend.delete(f"/api/keys/{prefix(backend)}").status_code == 409


def test_a_workspace_has_so_many_keys_and_no_more(backend: Backend) -> None:
    keys = backend.functions.services.workspaces.keys
    for _ in range(MOST_KEYS - 1):
        keys.create(backend.workspace_id, [Scope.READ])
    refused = backend.post("/api/keys", json={"scopes": ["read"]})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "too_many_keys")
    assert backend.post(f"/api/keys/{prefix(backend)}/rotate", json={}).status_code == 409


def test_keys_are_listed_page_by_page_newest_first(backend: Backend, clock: ManualClock) -> None:
    made = [prefix(backend)]
    for number in range(6):
        clock.advance(timedelta(seconds=number % 2))  # some in the same millisecond
        made.append(make(backend, "read")[1]["prefix"])
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = backend.get(f"/api/keys?limit=2{cursor}").get_json()
        seen += [key["prefix"] for key in page["keys"]]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert sorted(seen) == sorted(made)
    times = [listed(backend)[one]["created_at"] for one in seen]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("cursor", ["x", "eA", "IA", "AAAA"])
def test_a_cursor_that_is_none_is_refused(backend: Backend, cursor: str) -> None:
    assert backend.get(f"/api/keys?cursor={cursor}").status_code == 422
