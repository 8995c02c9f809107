"""What is forgotten, and when."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from storage.attempts import Tried
from storage.audit import AuditFilter, AuditLog
from storage.chats import Chat
from storage.database import is_postgres
from storage.delivery import DeliveryStatus
from storage.endpoints import Endpoints
from storage.events import EventType
from storage.models import SessionStatus, Wanted
from storage.queries import QUERIES
from storage.retention import BATCH, DEAD_KEPT, Retention
from storage.sessions import Session
from storage.workspaces import Workspace
from tests.contract.test_registry_events import World

KEEP = timedelta(days=30)


@pytest.fixture
def world(registry_url: str) -> Iterator[World]:
    made = World(registry_url)
    yield made
    made.database.close()


def prune(world: World) -> int:
    """Every batch; gives how many there were."""
    retention, batches = Retention(world.database, world.clock, KEEP), 1
    while retention.prune():
        batches += 1
    return batches


def settle(world: World, status_code: int) -> None:
    """Deliver (200), or give up, whatever can be claimed."""
    while (claim := world.deliveries.claim_due(100, timedelta(minutes=1))).deliveries:
        for delivery in claim.deliveries:
            tried = Tried(started_at=world.clock.now(), took=timedelta(0), status_code=status_code)
            if status_code == 200:
                world.deliveries.delivered(delivery, claim.token, tried)
            else:
                world.deliveries.failed(delivery, claim.token, tried, next_attempt_at=None)


def count(world: World, table: str) -> int:
    found: int = world.rows(f"SELECT count(*) AS found FROM {table}")[0]["found"]  # noqa: S608
    return found


def test_what_was_delivered_is_forgotten_with_its_attempts_and_event_when_it_is_old(world: World) -> None:
    session = world.session()
    world.tell(session, EventType.SESSION_AUTHENTICATED)
    settle(world, 200)
    world.clock.advance(KEEP)
    world.tell(session, EventType.SESSION_READY)
    settle(world, 200)
    prune(world)
    assert count(world, "deliveries") == 2
    world.clock.advance(timedelta(milliseconds=1))
    prune(world)
    assert [type_ for type_, _ in world.owed()] == ["session_ready"]
    assert [type_ for type_, _ in world.recorded()] == ["session_ready"]
    assert count(world, "delivery_attempts") == 1


def test_dead_letters_are_kept_longer_and_their_events_with_them(world: World) -> None:
    world.tell(world.session(), EventType.SESSION_AUTHENTICATED)
    settle(world, 400)
    world.clock.advance(DEAD_KEPT)
    prune(world)
    assert (count(world, "deliveries"), count(world, "events")) == (1, 1)
    world.clock.advance(timedelta(milliseconds=1))
    prune(world)
    assert (count(world, "deliveries"), count(world, "events")) == (0, 0)


def test_what_nobody_took_for_so_long_is_dead_and_not_yet_forgotten(world: World) -> None:
    world.tell(world.session(), EventType.SESSION_AUTHENTICATED)
    world.clock.advance(KEEP + timedelta(milliseconds=1))
    prune(world)
    (owed,) = world.deliveries.page(world.workspace.id)
    assert owed.status is DeliveryStatus.DEAD
    assert "given up" in str(owed.last_error)


def test_it_is_done_in_batches(world: World) -> None:
    session = world.session()
    for number in range(BATCH * 2 + 1):
        world.tell(session, EventType.SESSION_PROGRESSED, percent=number % 100)
    world.clock.advance(KEEP + timedelta(milliseconds=1))
    assert Retention(world.database, world.clock, KEEP).prune()
    assert count(world, "events") == BATCH + 1
    assert prune(world) == 2
    assert count(world, "events") == 0


def test_a_deleted_endpoint_is_forgotten_after_its_last_delivery(world: World) -> None:
    endpoints = Endpoints(world.database, world.clock)
    world.tell(world.session(), EventType.SESSION_AUTHENTICATED)
    (endpoint,) = endpoints.page(world.workspace.id)
    endpoints.delete(world.workspace.id, endpoint.id)
    world.clock.advance(KEEP + timedelta(milliseconds=1))
    prune(world)
    assert count(world, "endpoints") == 1
    world.clock.advance(DEAD_KEPT)
    prune(world)
    assert count(world, "endpoints") == 0


def test_a_deleted_session_is_forgotten_when_it_is_erased_and_nothing_names_it(world: World) -> None:
    kept, gone = world.session(), world.session()
    world.registry.request_delete(gone.id)
    world.clock.advance(KEEP + timedelta(milliseconds=1))
    prune(world)
    assert count(world, "sessions") == 2, "its node has not erased it"
    world.registry.mark_erased(gone.id)
    prune(world)
    assert count(world, "sessions") == 2, "it was erased a moment ago"
    world.clock.advance(KEEP + timedelta(milliseconds=1))
    prune(world)
    assert [row["id"] for row in world.rows("SELECT id FROM sessions")] == [kept.id]


# ── each workspace by its own days ───────────────────────────────────────────


def keep(world: World, workspace: Workspace, **days: int | None) -> None:
    world.workspaces.change(workspace.id, lambda before: replace(before, **days))


def in_workspace(world: World, workspace: Workspace) -> Session:
    """A session of it, linked, of which it was told."""
    mine, world.workspace = world.workspace, workspace
    session = world.linked()
    world.workspace = mine
    return session


def test_each_workspace_is_remembered_for_as_long_as_it_wants(world: World) -> None:
    plain = world.workspace
    short, long = (world.workspaces.create(name, "https://example.com/x").workspace for name in "AB")
    keep(world, short, events_keep_days=2)
    keep(world, long, events_keep_days=400)
    for workspace in (plain, short, long):
        in_workspace(world, workspace)
    settle(world, 200)

    def remembered() -> list[str]:
        names = {plain.id: "plain", short.id: "short", long.id: "long"}
        found = [
            {names[row["workspace_id"]] for row in world.rows(f"SELECT workspace_id FROM {table}")}  # noqa: S608
            for table in ("deliveries", "events", "stream")
        ]
        assert found[0] == found[1] == found[2]
        return sorted(found[0])

    prune(world)
    assert remembered() == ["long", "plain", "short"]
    world.clock.advance(timedelta(days=2))
    prune(world)
    assert remembered() == ["long", "plain"]
    world.clock.advance(timedelta(days=28))
    prune(world)
    assert remembered() == ["long"]
    world.clock.advance(timedelta(days=370))
    prune(world)
    assert remembered() == []


def test_what_was_given_up_is_kept_for_the_days_that_a_workspace_has_chosen(world: World) -> None:
    keep(world, world.workspace, events_keep_days=3)
    in_workspace(world, world.workspace)
    settle(world, 400)
    world.clock.advance(timedelta(days=3))
    prune(world)
    assert (count(world, "deliveries"), count(world, "events")) == (0, 0)


def test_choosing_fewer_days_holds_for_what_is_there_and_null_goes_back(world: World) -> None:
    in_workspace(world, world.workspace)
    settle(world, 200)
    world.clock.advance(timedelta(days=5))
    keep(world, world.workspace, events_keep_days=10)
    prune(world)
    assert count(world, "deliveries") == 1
    keep(world, world.workspace, events_keep_days=None)
    prune(world)
    assert count(world, "deliveries") == 1
    keep(world, world.workspace, events_keep_days=4)
    prune(world)
    assert count(world, "deliveries") == 0


def test_events_of_sessions_that_nobody_knew_go_with_the_rest(world: World) -> None:
    stranger = replace(world.session(), id="01JD3Z0V5M8Q4T2X9Y7W6R1K0B")
    event = replace(world.event(world.linked(), EventType.SESSION_READY), session_id=stranger.id)
    assert world.registry.apply("node-1", event).value == "unknown_session"
    world.clock.advance(KEEP + timedelta(milliseconds=1))
    prune(world)
    assert not world.rows(f"SELECT 1 AS x FROM events WHERE session_id = '{stranger.id}'")  # noqa: S608


# ── ended sessions ───────────────────────────────────────────────────────────


def ended(world: World, workspace: Workspace) -> Session:
    session = in_workspace(world, workspace)
    world.registry.store_chats(
        session.id,
        session.generation,
        [Chat(id="62812@c.us", name="Ayu", unread_count=1, last_message_at=None, is_group=False)],
    )
    assert world.tell(session, EventType.SESSION_LOGGED_OUT).value == "applied"
    return world.now(session)


def prune_ended(world: World, ended_keep: timedelta | None = None) -> None:
    retention = Retention(world.database, world.clock, timedelta(days=3650), ended_keep=ended_keep)
    while retention.prune():
        pass


def test_ended_sessions_are_erased_after_the_days_of_their_workspace(world: World) -> None:
    plain = world.workspace
    short, long, never = (world.workspaces.create(name).workspace for name in "ABC")
    for workspace, days in ((short, 1), (long, 100), (never, 0)):
        keep(world, workspace, ended_keep_days=days)
    sessions = [ended(world, workspace) for workspace in (plain, short, long, never)]
    linked = in_workspace(world, short)

    def kept(ended_keep: timedelta | None) -> list[bool]:
        prune_ended(world, ended_keep)
        return [world.now(session).status is SessionStatus.LOGGED_OUT for session in sessions]

    assert kept(None) == [True, True, True, True]
    world.clock.advance(timedelta(days=2))
    assert kept(None) == [True, False, True, True]
    world.clock.advance(timedelta(days=200))
    assert kept(None) == [True, False, False, True], "nobody says how long those of the first are kept"
    assert kept(timedelta(days=30)) == [False, False, False, True]
    assert world.now(linked).status is SessionStatus.CONNECTED


def test_nothing_of_its_account_is_left_of_an_ended_session_and_the_audit_log_says_who_did_it(
    world: World,
) -> None:
    session = ended(world, world.workspace)
    settle(world, 200)
    world.clock.advance(timedelta(days=2))
    prune_ended(world, timedelta(days=1))
    after = world.now(session)
    assert (after.status, after.wanted) == (SessionStatus.DELETED, Wanted.ERASED)
    assert (after.phone_number, after.display_name, after.chats_count) == (None, None, None)
    assert count(world, "chats") == 0
    for table in ("events", "stream", "deliveries"):
        assert {row["data"] for row in world.rows(f"SELECT data FROM {table}")} == {"{}"}, table  # noqa: S608
    (line,) = AuditLog(world.database, world.clock).page(world.workspace.id, AuditFilter())
    assert (line.actor, line.action, line.subjects) == (
        "retention",
        "sessions.delete",
        {"session_id": session.id},
    )


def test_a_session_that_was_started_again_is_left_alone(world: World) -> None:
    session = ended(world, world.workspace)
    world.clock.advance(timedelta(days=2))
    world.registry.request_restart(session.id, "node-1")
    prune_ended(world, timedelta(days=1))
    assert world.now(session).status is SessionStatus.CREATED


def test_what_is_old_is_found_by_an_index(world: World) -> None:
    if is_postgres(world.url):
        pytest.skip("PostgreSQL reads small tables whole, and rightly")
    for query, index in (
        ("old_delivered", "idx_deliveries_delivered"),
        ("old_dead", "idx_deliveries_given_up"),
        ("old_events", "idx_events_old"),
        ("ended_sessions", "idx_sessions_ended"),
    ):
        statement = re.sub(r":\w+", "1", QUERIES[query])
        plan = [row["detail"] for row in world.rows(f"EXPLAIN QUERY PLAN {statement}")]
        assert any(index in step for step in plan), (query, plan)
