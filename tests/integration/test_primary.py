"""The primary account of a workspace: the first that is linked, and the oldest other when it goes."""

import pytest

from storage.duplicates import DuplicatePolicy
from storage.events import EventType
from tests.fakes import fixtures
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool

functions = fixtures.functions
backend = fixtures.backend
idle_pool = fixtures.idle_pool
pool = fixtures.pool

E = EventType


def link(backend: Backend, pool: FakePool, number: int) -> str:
    session_id: str = backend.create()["id"]
    pool.scan(session_id, f"+6281234567{number:03}")
    pool.relay(backend.functions.send)
    return session_id


def primaries(backend: Backend, *session_ids: str) -> list[str]:
    return [session_id for session_id in session_ids if backend.session(session_id)["is_primary"]]


@pytest.mark.parametrize("end", ["phone logs out", "fails", "logged out", "deleted", "replaced"])
def test_the_oldest_other_link_follows_a_primary_that_ends(
    backend: Backend, pool: FakePool, functions: LocalFunctions, end: str
) -> None:
    first, second, third = (link(backend, pool, number) for number in range(3))
    match end:
        case "phone logs out":
            pool.emit(first, E.SESSION_LOGGED_OUT)
        case "fails":
            pool.emit(first, E.SESSION_FAILED, reason_code="browser_crash")
        case "logged out":
            backend.post(f"/api/sessions/{first}/logout")
        case "deleted":
            backend.delete(f"/api/sessions/{first}")
        case "replaced":
            link(backend, pool, 0)
    pool.relay(functions.send)
    assert primaries(backend, first, second, third) == [second]


def test_going_away_for_a_while_does_not_cost_the_flag(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    first, second = link(backend, pool, 0), link(backend, pool, 1)
    backend.post(f"/api/sessions/{first}/hibernate")
    assert primaries(backend, first, second) == [first]
    backend.post(f"/api/sessions/{first}/wake")
    backend.post(f"/api/sessions/{first}/restart")
    assert primaries(backend, first, second) == [first]


def test_naming_the_primary_twice_changes_nothing_more(backend: Backend, pool: FakePool) -> None:
    first, second = link(backend, pool, 0), link(backend, pool, 1)
    named = backend.post(f"/api/sessions/{second}/primary")
    again = backend.post(f"/api/sessions/{second}/primary")
    assert (again.status_code, again.get_json()) == (200, named.get_json())
    assert again.headers["ETag"] == named.headers["ETag"]
    assert primaries(backend, first, second) == [second]


def test_the_flag_is_seen_by_who_watches_the_version(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    first, second = link(backend, pool, 0), link(backend, pool, 1)
    etag = backend.get(f"/api/sessions/{second}").headers["ETag"]
    pool.emit(first, E.SESSION_LOGGED_OUT)
    pool.relay(functions.send)
    assert backend.get(f"/api/sessions/{second}", headers={"If-None-Match": etag}).status_code == 200


def test_every_workspace_has_its_own(backend: Backend, pool: FakePool, functions: LocalFunctions) -> None:
    other = functions.workspace("Other")
    mine, theirs = link(backend, pool, 0), link(other, pool, 0)
    assert (primaries(backend, mine), primaries(other, theirs)) == ([mine], [theirs])


def test_the_primary_that_is_replaced_as_the_only_one_hands_the_flag_to_its_successor(
    backend: Backend, pool: FakePool
) -> None:
    first = link(backend, pool, 0)
    assert primaries(backend, first, again := link(backend, pool, 0)) == [again]


def test_a_refused_link_is_never_primary(backend: Backend, pool: FakePool, functions: LocalFunctions) -> None:
    functions.services.workspaces.set_duplicate_policy(backend.workspace_id, DuplicatePolicy.REFUSE)
    first, refused = link(backend, pool, 0), link(backend, pool, 0)
    assert primaries(backend, first, refused) == [first]


def test_a_session_that_is_restarted_into_a_new_link_does_not_take_the_flag_back(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    first, second = link(backend, pool, 0), link(backend, pool, 1)
    pool.emit(first, E.SESSION_LOGGED_OUT)
    pool.relay(functions.send)
    backend.post(f"/api/sessions/{first}/restart")
    pool.scan(first, "+6281234567000")
    pool.relay(functions.send)
    assert primaries(backend, first, second) == [second]
