"""What is forgotten, and when."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from storage.attempts import Tried
from storage.deliveries import DeliveryStatus
from storage.endpoints import Endpoints
from storage.events import EventType
from storage.retention import BATCH, DEAD_KEPT, Retention
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
