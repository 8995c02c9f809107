"""One account linked twice to a workspace: which link stays, and what becomes of the other's device."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.node_reports import DEVICE_REMOVAL_PATIENCE
from storage.clock import ManualClock
from storage.duplicates import DuplicatePolicy
from storage.events import EventType
from storage.queries import QUERIES
from storage.sqlite_database import SqliteDatabase
from tests.fakes import fixtures
from tests.fakes.databases import rows
from tests.fakes.functions import POOL_SECRET, Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.waiting import eventually

functions = fixtures.functions
idle_pool = fixtures.idle_pool
pool = fixtures.pool

PHONE = "+6281234567890"
E = EventType


@pytest.fixture
def backend(functions: LocalFunctions) -> Backend:
    """A workspace that is owed webhooks."""
    return functions.workspace(webhook_url="https://example.com/hooks")


def link(backend: Backend, pool: FakePool, phone_number: str | None = PHONE) -> str:
    session_id: str = backend.create()["id"]
    pool.scan(session_id, phone_number)
    pool.relay(backend.functions.send)
    return session_id


def resolve(backend: Backend, pool: FakePool, session_id: str, phone_number: str = PHONE) -> None:
    pool.emit(session_id, E.PHONE_RESOLVED, phone_number=phone_number)
    pool.relay(backend.functions.send)


def statuses(backend: Backend, *session_ids: str) -> list[str]:
    return [backend.session(session_id)["status"] for session_id in session_ids]


def told(backend: Backend, session_id: str) -> list[tuple[str, dict[str, Any]]]:
    page = backend.functions.services.deliveries.page(backend.workspace_id, session_id=session_id)
    return [(one.type, dict(one.data)) for one in reversed(page) if one.type != "qr_code_generated"]


def types(backend: Backend, session_id: str) -> list[str]:
    return [type_ for type_, _ in told(backend, session_id)]


def policy(backend: Backend, wanted: DuplicatePolicy) -> None:
    backend.functions.services.workspaces.set_duplicate_policy(backend.workspace_id, wanted)


def asked_to_log_out(pool: FakePool, session_id: str) -> bool:
    return ("POST", f"/sessions/{session_id}/logout", {"generation": 1}) in pool.calls


# ── replace ──────────────────────────────────────────────────────────────────


def test_a_newer_link_of_the_same_number_replaces_the_older(backend: Backend, pool: FakePool) -> None:
    older, newer = link(backend, pool), link(backend, pool)
    replaced, stays = backend.session(older), backend.session(newer)
    assert (replaced["status"], replaced["reason_code"], replaced["phone_number"]) == (
        "replaced",
        "duplicate",
        None,
    )
    assert replaced["replaced_by"] == newer
    assert (stays["status"], stays["phone_number"], stays["is_primary"]) == ("connected", PHONE, True)
    assert stays["replaced_by"] is None


def test_the_backend_is_told_of_the_older_by_name_of_the_newer(backend: Backend, pool: FakePool) -> None:
    older, newer = link(backend, pool), link(backend, pool)
    type_, data = told(backend, older)[-1]
    assert type_ == "session_replaced"
    assert (data["replaced_by"], data["phone_number"], data["status"], data["reason_code"]) == (
        newer,
        PHONE,
        "replaced",
        "duplicate",
    )
    type_, data = told(backend, newer)[-1]
    assert (type_, data["phone_number"], data["is_primary"]) == ("session_ready", PHONE, True)
    assert data["version"] == backend.session(newer)["version"]


def test_the_older_device_is_logged_out_at_once_and_the_heartbeat_finds_it_done(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    older, newer = link(backend, pool), link(backend, pool)
    eventually(lambda: older not in pool.profiles)
    assert asked_to_log_out(pool, older)
    pool.relay(functions.send)
    answer = pool.heartbeat(functions.send).get_json()
    assert (answer["log_out"], answer["close"], answer["erase"]) == ([], [], [])
    assert [spec["id"] for spec in answer["run"]] == [newer]
    pool.heartbeat(functions.send)
    assert functions.services.registry.sessions.get(older).erased_at is not None
    assert types(backend, older)[-1] == "session_replaced", "its logout is no news"


def test_snapshots_of_a_replaced_link_are_destroyed_even_if_its_node_forgot(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    older = link(backend, pool)
    saved = {"snapshot_id": "snap", "saved_at": "2026-01-01T00:00:00.000Z", "size_bytes": 7}
    pool.emit(older, E.SNAPSHOT_SAVED, **saved)
    link(backend, pool)
    eventually(lambda: older not in pool.profiles)
    pool.heartbeat(functions.send)
    assert pool.heartbeat(functions.send).get_json()["erase"] == [older]
    functions.services.node_reports.heartbeat(replace(pool.report(), erased=[older]))
    assert pool.heartbeat(functions.send).get_json()["erase"] == []


def test_who_reads_the_stream_hears_of_the_end_as_well(backend: Backend, pool: FakePool) -> None:
    older, newer = link(backend, pool), link(backend, pool)
    events = backend.get("/api/events").get_json()["events"]
    heard = [(one["type"], one["data"].get("session_id")) for one in events]
    assert heard[-2:] == [("session_replaced", older), ("session_ready", newer)]


def test_a_node_that_was_away_is_told_until_the_login_is_gone(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    older = link(backend, pool)
    newer = backend.create()["id"]
    pool.refusal = (503, {"code": "busy"})
    pool.scan(newer, PHONE)
    pool.relay(functions.send)
    for _ in range(2):
        assert pool.heartbeat(functions.send).get_json()["log_out"] == [older]
    del pool.held[older]
    assert pool.heartbeat(functions.send).get_json()["log_out"] == [older], "its login is still on disk"
    pool.profiles.discard(older)
    for _ in range(2):
        answer = pool.heartbeat(functions.send).get_json()
        assert (answer["log_out"], answer["close"], answer["erase"]) == ([], [], [])


def test_after_a_day_the_login_is_destroyed_even_if_the_device_could_not_be_reached(tmp_path: Path) -> None:
    clock = ManualClock()
    functions = LocalFunctions(tmp_path, clock)
    with FakePool(POOL_SECRET) as pool:
        # the fake node signs with the machine's clock, so it is asked through the services here
        services = functions.services
        backend = functions.workspace()
        older, newer = (_link_directly(functions, backend, pool, clock) for _ in range(2))
        assert services.registry.sessions.get(older).replaced_by == newer
        report = pool.report()
        assert services.node_reports.heartbeat(report).log_out == [older]
        clock.advance(DEVICE_REMOVAL_PATIENCE)
        answer = services.node_reports.heartbeat(report)
        assert (answer.log_out, answer.erase) == ([], [older])
        pool.held.pop(older)
        pool.profiles.discard(older)
        answer = services.node_reports.heartbeat(pool.report())
        assert (answer.log_out, answer.erase, answer.close) == ([], [], [])
        assert services.registry.sessions.get(older).erased_at == clock.now()
    functions.close()


def _link_directly(functions: LocalFunctions, backend: Backend, pool: FakePool, clock: ManualClock) -> str:
    functions.services.node_reports.heartbeat(pool.report())
    pool.refusal = None
    session_id: str = backend.create()["id"]
    pool.refusal = (503, {"code": "busy"})
    pool.scan(session_id, PHONE)
    functions.services.node_reports.events(pool.node_id, pool.outbox)
    pool.outbox.clear()
    clock.advance(timedelta(seconds=1))
    return session_id


@pytest.mark.parametrize(
    "type_",
    [E.SESSION_RECONNECTED, E.SESSION_READY, E.SESSION_WOKEN, E.SESSION_DISCONNECTED, E.PHONE_RESOLVED],
)
def test_its_node_does_not_bring_a_replaced_session_back(
    backend: Backend, pool: FakePool, functions: LocalFunctions, type_: EventType
) -> None:
    older, newer = link(backend, pool), link(backend, pool)
    before = backend.session(older)
    pool.emit(older, type_, generation=1, phone_number=PHONE)
    outcomes = pool.relay(functions.send).get_json()["outcomes"]
    assert outcomes[-1]["outcome"] == "does_not_fit"
    assert backend.session(older) == before
    assert statuses(backend, newer) == ["connected"]


def test_a_hibernated_link_is_replaced_as_well(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    older = link(backend, pool)
    backend.post(f"/api/sessions/{older}/hibernate")
    newer = link(backend, pool)
    assert statuses(backend, older, newer) == ["replaced", "connected"]
    eventually(lambda: older not in pool.profiles)


def test_another_number_and_another_workspace_are_left_alone(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    elsewhere = functions.workspace("Other")
    mine, other_number = link(backend, pool), link(backend, pool, "+6281234567891")
    theirs = link(elsewhere, pool)
    assert statuses(backend, mine, other_number) == ["connected", "connected"]
    assert statuses(elsewhere, theirs) == ["connected"]


def test_coming_back_is_no_new_link(backend: Backend, pool: FakePool, functions: LocalFunctions) -> None:
    policy(backend, DuplicatePolicy.KEEP_BOTH)
    older, newer = link(backend, pool), link(backend, pool)
    policy(backend, DuplicatePolicy.REPLACE)
    for session_id in (older, newer):
        pool.emit(session_id, E.SESSION_DISCONNECTED)
        pool.emit(session_id, E.SESSION_RECONNECTED)
        pool.emit(session_id, E.SESSION_HIBERNATED)
        pool.emit(session_id, E.SESSION_WOKEN)
    pool.emit(older, E.SESSION_READY, phone_number=PHONE)
    pool.relay(functions.send)
    assert statuses(backend, older, newer) == ["connected", "connected"]


def test_all_older_links_end_when_a_workspace_stops_keeping_both(backend: Backend, pool: FakePool) -> None:
    policy(backend, DuplicatePolicy.KEEP_BOTH)
    first, second = link(backend, pool), link(backend, pool)
    policy(backend, DuplicatePolicy.REPLACE)
    third = link(backend, pool)
    assert statuses(backend, first, second, third) == ["replaced", "replaced", "connected"]
    assert backend.session(third)["is_primary"] is True
    assert {backend.session(one)["replaced_by"] for one in (first, second)} == {third}


def test_a_failed_link_that_comes_back_with_its_login_counts_as_the_newer(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    older = link(backend, pool)
    pool.emit(older, E.SESSION_FAILED, reason_code="browser_crash")
    pool.relay(functions.send)
    newer = link(backend, pool)
    assert statuses(backend, older, newer) == ["failed", "connected"], "a failed link holds no account"
    backend.post(f"/api/sessions/{older}/restart")
    pool.scan(older, PHONE)
    pool.relay(functions.send)
    assert statuses(backend, older, newer) == ["connected", "replaced"]


def test_a_link_that_is_being_logged_out_ends_no_other(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    older, newer = link(backend, pool), backend.create()["id"]
    pool.emit(newer, E.SESSION_AUTHENTICATED, phone_number=PHONE)
    pool.relay(functions.send)
    pool.refusal = (503, {"code": "busy"})
    backend.post(f"/api/sessions/{newer}/logout")
    pool.emit(newer, E.SESSION_READY, phone_number=PHONE)
    pool.relay(functions.send)
    assert statuses(backend, older, newer) == ["connected", "connected"]


def test_a_replaced_session_cannot_be_used_again_but_deleted(backend: Backend, pool: FakePool) -> None:
    older, _ = link(backend, pool), link(backend, pool)
    codes = {
        call: backend.post(f"/api/sessions/{older}/{call}").get_json()["code"]
        for call in ("restart", "qr", "logout", "hibernate", "wake", "primary", "sync-chats")
    }
    assert codes == {
        "restart": "session_ended",
        "qr": "session_ended",
        "logout": "not_linked",
        "hibernate": "not_connected",
        "wake": "not_linked",
        "primary": "not_linked",
        "sync-chats": "not_connected",
    }
    assert backend.delete(f"/api/sessions/{older}").get_json()["status"] == "deleted"


# ── keep both, refuse ────────────────────────────────────────────────────────


def test_a_workspace_may_keep_both(backend: Backend, pool: FakePool, functions: LocalFunctions) -> None:
    policy(backend, DuplicatePolicy.KEEP_BOTH)
    older, newer = link(backend, pool), link(backend, pool)
    assert statuses(backend, older, newer) == ["connected", "connected"]
    assert [backend.session(one)["is_primary"] for one in (older, newer)] == [True, False]
    assert pool.heartbeat(functions.send).get_json()["log_out"] == []


def test_a_workspace_may_refuse_the_newer(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    policy(backend, DuplicatePolicy.REFUSE)
    older, newer = link(backend, pool), link(backend, pool)
    refused = backend.session(newer)
    assert (refused["status"], refused["reason_code"], refused["phone_number"], refused["is_primary"]) == (
        "failed",
        "duplicate",
        None,
        False,
    )
    assert statuses(backend, older) == ["connected"]
    type_, data = told(backend, newer)[-1]
    assert (type_, data["reason_code"], data["duplicate_of"], data["phone_number"]) == (
        "session_failed",
        "duplicate",
        older,
        PHONE,
    )
    assert "session_ready" not in types(backend, newer), "a link that is refused was never ready"
    eventually(lambda: newer not in pool.profiles)
    assert asked_to_log_out(pool, newer)
    assert not asked_to_log_out(pool, older)


def test_a_refused_session_starts_anew_once_its_device_is_gone(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    policy(backend, DuplicatePolicy.REFUSE)
    link(backend, pool)
    newer = backend.create()["id"]
    pool.refusal = (503, {"code": "busy"})
    pool.scan(newer, PHONE)
    pool.relay(functions.send)
    for call in ("restart", "qr"):
        response = backend.post(f"/api/sessions/{newer}/{call}")
        assert (response.status_code, response.get_json()["code"]) == (409, "device_being_removed")
    pool.refusal = None
    pool.call("POST", f"/sessions/{newer}/logout", {"generation": 1})
    pool.heartbeat(functions.send)
    again = backend.post(f"/api/sessions/{newer}/restart")
    assert (again.status_code, again.get_json()["status"]) == (202, "qr_scanning")
    assert pool.held[newer].fresh, "the refused login must not come back"
    pool.scan(newer, "+6281234567891")
    pool.relay(functions.send)
    assert statuses(backend, newer) == ["connected"]


# ── a number that comes late ─────────────────────────────────────────────────


def test_a_number_that_comes_late_replaces_the_older(backend: Backend, pool: FakePool) -> None:
    older, newer = link(backend, pool), link(backend, pool, None)
    assert statuses(backend, older, newer) == ["connected", "connected"]
    resolve(backend, pool, newer)
    assert statuses(backend, older, newer) == ["replaced", "connected"]
    assert types(backend, newer)[-1] == "phone_resolved"
    assert backend.session(newer)["is_primary"] is True


def test_a_late_number_of_the_older_link_does_not_make_it_the_newer(backend: Backend, pool: FakePool) -> None:
    older, newer = link(backend, pool, None), link(backend, pool)
    resolve(backend, pool, older)
    assert statuses(backend, older, newer) == ["replaced", "connected"]
    assert types(backend, older)[-1] == "session_replaced"
    assert "phone_resolved" not in types(backend, older)
    assert backend.session(newer)["is_primary"] is True
    eventually(lambda: older not in pool.profiles)


def test_a_late_number_of_the_older_link_ends_the_newer_where_duplicates_are_refused(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    policy(backend, DuplicatePolicy.REFUSE)
    older, newer = link(backend, pool, None), link(backend, pool)
    resolve(backend, pool, older)
    assert statuses(backend, older, newer) == ["connected", "failed"]
    assert pool.heartbeat(functions.send).get_json()["log_out"] == [newer]


# ── the registry ─────────────────────────────────────────────────────────────


def test_the_number_of_a_replaced_link_is_in_its_row_no_more(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    older = backend.create(phone=PHONE)["id"]
    pool.scan(older, PHONE)
    pool.relay(functions.send)
    link(backend, pool)
    assert PHONE not in repr(functions.services.registry.sessions.get(older))


def test_the_clean_up_reads_one_account_by_its_index(functions: LocalFunctions) -> None:
    database = getattr(functions.services.database, "plain", functions.services.database)
    if not isinstance(database, SqliteDatabase):
        pytest.skip("a plan of SQLite; PostgreSQL reads so small a table whole")
    wanted = {"workspace_id": "w", "phone_numbers": f'["{PHONE}"]', "without": "s"}
    plan = rows(database, "EXPLAIN QUERY PLAN " + QUERIES["linked_to_number"], **wanted)
    steps = [row["detail"] for row in plan]
    assert any("idx_cleanup (workspace_id=? AND phone_number=? AND deleted_at=?)" in step for step in steps)


def test_no_number_is_logged(backend: Backend, pool: FakePool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    older, newer = link(backend, pool), link(backend, pool)
    (ended,) = [record for record in caplog.records if record.getMessage() == "duplicate_ended"]
    assert (ended.__dict__["session_id"], ended.__dict__["kept_session_id"]) == (older, newer)
    assert not any(PHONE in str(record.__dict__) for record in caplog.records)
