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
from storage.database import open_database
from storage.duplicates import DuplicatePolicy
from storage.errors import RegistryError
from storage.event_log import Outcome
from storage.events import EventType, NodeEvent
from storage.ids import new_id
from storage.models import SessionStatus
from storage.sqlite_database import SqliteDatabase
from tests.contract.test_registry_events import PHONE, World
from tests.fakes.processes import ROOT

APPLY = """
import json, sys
from storage.clock import SystemClock
from storage.database import open_database
from storage.errors import RegistryError
from storage.deliveries import Deliveries
from storage.events import NodeEvent
from storage.registry import Registry
database, clock = open_database(sys.argv[1]), SystemClock()
registry = Registry(database, clock, Deliveries(database, clock))
database.answers()
print("ready", flush=True)
events = json.load(sys.stdin)
print(json.dumps([registry.apply("node-1", NodeEvent.from_wire(event)) for event in events]))
database.close()
"""


@pytest.fixture
def world(registry_url: str) -> Iterator[World]:
    made = World(registry_url)
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


def in_processes(world: World, batches: list[list[NodeEvent]]) -> list[list[str]]:
    """Apply each batch in a process of its own, all at once; give the outcomes."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", APPLY, world.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in batches
    ]

    def race(racer: subprocess.Popen[str], events: list[NodeEvent]) -> list[str]:
        wire = json.dumps([event.to_wire() for event in events])
        answer: list[str] = json.loads(racer.communicate(wire, 30)[0])
        return answer

    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"  # nobody is done before the other begins
    with ThreadPoolExecutor(len(batches)) as pool:
        return list(pool.map(race, racers, batches))


def flapping(world: World, count: int) -> list[NodeEvent]:
    session = world.linked()
    types = (EventType.SESSION_DISCONNECTED, EventType.SESSION_RECONNECTED)
    return [world.event(session, types[number % 2]) for number in range(count)]


def test_two_processes_that_apply_the_same_events_apply_each_once(world: World) -> None:
    events = flapping(world, 60)
    answers = in_processes(world, [events, events])
    outcomes = Counter(outcome for answer in answers for outcome in answer)
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


def test_of_links_of_one_account_that_get_ready_at_once_one_stays(world: World) -> None:
    sessions = [world.session() for _ in range(8)]
    events = [world.event(session, EventType.SESSION_READY, phone_number=PHONE) for session in sessions]
    at_once(8, lambda number: world.registry.apply("node-1", events[number]))
    states = Counter(world.now(session).status for session in sessions)
    assert states == {SessionStatus.CONNECTED: 1, SessionStatus.REPLACED: 7}
    (kept,) = [one for one in map(world.now, sessions) if one.status is SessionStatus.CONNECTED]
    assert (kept.phone_number, kept.is_primary) == (PHONE, True)
    told = Counter(type_ for type_, _ in world.owed())
    assert told == {"session_ready": 8, "session_replaced": 7}


@pytest.mark.parametrize(
    ("policy", "end"),
    [
        (DuplicatePolicy.REPLACE, SessionStatus.REPLACED),
        (DuplicatePolicy.REFUSE, SessionStatus.FAILED),
    ],
)
def test_two_processes_that_link_one_account_at_once_leave_one_link(
    world: World, policy: DuplicatePolicy, end: SessionStatus
) -> None:
    world.workspaces.set_duplicate_policy(world.workspace.id, policy)
    rounds = 20
    batches: list[list[NodeEvent]] = [[], []]
    pairs = []
    for number in range(rounds):
        pair = [world.session(), world.session()]
        pairs.append(pair)
        for batch, session in zip(batches, pair, strict=True):
            phone_number = f"+62812345678{number:02}"
            batch.append(world.event(session, EventType.SESSION_READY, phone_number=phone_number))
    answers = in_processes(world, batches)
    assert {outcome for answer in answers for outcome in answer} == {Outcome.APPLIED}
    for pair in pairs:
        assert {world.now(session).status for session in pair} == {SessionStatus.CONNECTED, end}
    linked = [one for pair in pairs for one in map(world.now, pair) if one.status is SessionStatus.CONNECTED]
    assert len({one.phone_number for one in linked}) == rounds
    assert sum(one.is_primary for one in linked) == 1


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


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_processes_that_start_at_once_migrate_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/deep/er/registry.db"
    if kind == "postgres":
        url = request.getfixturevalue("postgres").make(empty=True)

    def migrate(_: int) -> list[str]:
        database = open_database(url)
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
        database = open_database(f"sqlite:///{path}")
        try:
            database.migrate()
            return database.answers()
        finally:
            database.close()

    for number in range(40):
        path = tmp_path / f"{number}.db"
        assert at_once(4, lambda _, path=path: open_it(path)) == [True] * 4


def test_the_registry_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/data/registry.db")
    database.migrate()
    directory = tmp_path / "data"
    assert directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in directory.iterdir()} == {0o600}
    database.close()


def test_a_write_lock_that_is_never_given_back_is_an_error_and_hangs_nobody(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    database, impatient = open_database(url), SqliteDatabase(url, busy_timeout_ms=20)
    database.migrate()
    with database.transaction():
        with pytest.raises(RegistryError, match="write lock"), impatient.transaction():
            raise AssertionError("two writers")
        assert impatient.one("ping") is None  # readers are not held up
    impatient.close()
    database.close()


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
