"""The registry under several threads and processes at once."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.attempts import Tried
from storage.clock import SystemClock
from storage.database import Database
from storage.errors import RegistryError
from storage.event_log import Outcome
from storage.events import EventType, NodeEvent
from storage.ids import new_id
from tests.contract.test_registry_events import PHONE, World
from tests.fakes.processes import ROOT

APPLY = """
import json, sys
from storage.clock import SystemClock
from storage.database import Database
from storage.errors import RegistryError
from storage.deliveries import Deliveries
from storage.events import NodeEvent
from storage.registry import Registry
url, events = sys.argv[1], json.load(sys.stdin)
database, clock = Database(url), SystemClock()
registry = Registry(database, clock, Deliveries(database, clock))
print(json.dumps([registry.apply("node-1", NodeEvent.from_wire(event)) for event in events]))
database.close()
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.database.close()


def at_once(count: int, work: Callable[[int], object]) -> list[object]:
    """Run `work` in so many threads that start together."""
    barrier = threading.Barrier(count)

    def begin(number: int) -> object:
        barrier.wait(10)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def flapping(world: World, count: int) -> list[NodeEvent]:
    session = world.linked()
    types = (EventType.SESSION_DISCONNECTED, EventType.SESSION_RECONNECTED)
    return [world.event(session, types[number % 2]) for number in range(count)]


def test_two_processes_that_apply_the_same_events_apply_each_once(world: World) -> None:
    events = flapping(world, 60)
    wire = json.dumps([event.to_wire() for event in events])
    url = f"sqlite:///{world.database.path}"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", APPLY, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(2)
    ]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda racer: racer.communicate(wire, 30)[0], racers))
    outcomes = Counter(outcome for answer in answers for outcome in json.loads(answer))
    assert outcomes[Outcome.DUPLICATE] == 60
    assert outcomes[Outcome.APPLIED] + outcomes[Outcome.STALE] == 60
    assert len(world.owed()) == outcomes[Outcome.APPLIED] + 1  # and the session_ready before


def test_threads_that_apply_one_event_apply_it_once(world: World) -> None:
    session = world.session()
    event = world.event(session, EventType.SESSION_READY, phone_number=PHONE)
    outcomes = Counter(at_once(8, lambda _: world.registry.apply("node-1", event)))
    assert outcomes == {Outcome.APPLIED: 1, Outcome.DUPLICATE: 7}
    assert world.now(session).version == session.version + 1


def test_accounts_that_get_ready_at_once_make_one_primary(world: World) -> None:
    sessions = [world.session() for _ in range(8)]
    events = [
        world.event(session, EventType.SESSION_READY, phone_number=f"+62812345678{number:02}")
        for number, session in enumerate(sessions)
    ]
    at_once(8, lambda number: world.registry.apply("node-1", events[number]))
    assert sum(world.now(session).is_primary for session in sessions) == 1


def answered(status_code: int) -> Tried:
    """An attempt on a fast endpoint."""
    return Tried(started_at=datetime.now(UTC), took=timedelta(milliseconds=5), status_code=status_code)


def test_no_delivery_is_claimed_twice(world: World) -> None:
    for number in range(40):
        session = world.session()
        world.tell(session, EventType.SESSION_READY, phone_number=f"+62812345678{number:02}")

    def claim(_: int) -> list[str]:
        claimed = []
        while (batch := world.deliveries.claim_due(3, timedelta(minutes=1))).deliveries:
            for delivery in batch.deliveries:
                claimed.append(delivery.id)
                assert world.deliveries.delivered(delivery, batch.token, answered(200))
        return claimed

    claimed = Counter(delivery for batch in at_once(4, claim) for delivery in batch)  # type: ignore[attr-defined]
    assert len(claimed) == 40
    assert set(claimed.values()) == {1}


def test_of_one_session_only_the_oldest_delivery_can_be_claimed(world: World) -> None:
    session = world.session()
    for type_ in (EventType.SESSION_AUTHENTICATED, EventType.SESSION_READY, EventType.SESSION_DISCONNECTED):
        world.tell(session, type_)
    order = []
    while True:
        claim = world.deliveries.claim_due(10, timedelta(minutes=1))
        if not claim.deliveries:
            break
        (delivery,) = claim.deliveries
        order.append(delivery.type)
        assert world.deliveries.delivered(delivery, claim.token, answered(200))
    assert order == ["session_authenticated", "session_ready", "session_disconnected"]


def test_a_claim_that_was_not_settled_ends_by_itself(world: World) -> None:
    world.linked()
    lost = world.deliveries.claim_due(10, timedelta(minutes=1))
    assert world.deliveries.claim_due(10, timedelta(minutes=1)).deliveries == []
    world.clock.advance(timedelta(minutes=1))
    again = world.deliveries.claim_due(10, timedelta(minutes=1))
    assert [one.id for one in again.deliveries] == [one.id for one in lost.deliveries]
    assert not world.deliveries.delivered(lost.deliveries[0], lost.token, answered(200))
    assert world.deliveries.delivered(again.deliveries[0], again.token, answered(200))


def test_processes_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deep/er/registry.db"

    def migrate(_: int) -> list[str]:
        database = Database(url)
        try:
            return database.migrate()
        finally:
            database.close()

    applied = [name for names in at_once(8, migrate) for name in names]  # type: ignore[attr-defined]
    written = Path(__file__).parents[2] / "storage" / "sql" / "migrations"
    assert applied == sorted(path.stem for path in written.glob("*.sql"))


def test_a_new_file_that_many_open_at_once_is_locked_for_nobody(tmp_path: Path) -> None:
    """Each with connections of its own, as processes have; one in twenty failed."""

    def open_it(path: Path) -> bool:
        database = Database(f"sqlite:///{path}")
        try:
            database.migrate()
            return database.answers()
        finally:
            database.close()

    for number in range(40):
        path = tmp_path / f"{number}.db"
        assert at_once(4, lambda _, path=path: open_it(path)) == [True] * 4


def test_the_registry_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/data/registry.db")
    database.migrate()
    directory = tmp_path / "data"
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    database.close()


def test_a_write_lock_that_is_never_given_back_is_an_error_and_hangs_nobody(world: World) -> None:
    impatient = Database(f"sqlite:///{world.database.path}", busy_timeout_ms=20)
    with world.database.transaction():
        with pytest.raises(RegistryError, match="write lock"), impatient.transaction():
            raise AssertionError("two writers")
        assert impatient.one("ping") is None  # readers are not held up
    impatient.close()


def test_a_half_done_transaction_leaves_nothing(world: World) -> None:
    session = world.session()
    event = world.event(session, EventType.SESSION_AUTHENTICATED)

    def break_off() -> None:
        with world.database.transaction():
            world.registry.apply("node-1", event)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        break_off()
    assert world.now(session) == session
    assert world.recorded() == []
    assert new_id(SystemClock().now())  # and the connection still works
    assert world.registry.apply("node-1", event) is Outcome.APPLIED
