"""Endpoints take turns, and one that does not answer is left alone for a while."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from functions.deliver import SENDERS
from storage.attempts import Tried
from storage.circuit import FAILURES_TO_OPEN, FIRST_PAUSE
from storage.deliveries import QUICK_TURNS, SLOW_TURNS, Claim
from storage.endpoints import Endpoint, Endpoints
from storage.events import EventType
from storage.replays import Replays
from storage.sessions import Session
from tests.contract.test_registry_events import World
from tests.fakes import fixtures, webhook_fixtures
from tests.fakes.databases import registry_in
from tests.fakes.functions import LocalFunctions
from tests.fakes.pool import FakePool
from tests.fakes.receiver import Received, Receiver
from tests.fakes.webhook_fixtures import StartDeliverer, log_of
from tests.waiting import eventually

idle_pool = fixtures.idle_pool
receiver = fixtures.receiver
functions = webhook_fixtures.functions
pool = webhook_fixtures.pool
deliver = webhook_fixtures.deliver

CLAIM_FOR = timedelta(minutes=1)


class Told(World):
    """A registry whose workspace has the endpoints that a test adds."""

    def __init__(self, directory: Path) -> None:
        super().__init__(registry_in(directory))
        self.endpoints = Endpoints(self.database, self.clock)
        self.replays = Replays(self.database, self.clock)
        (first,) = self.endpoints.page(self.workspace.id)
        self.first = first.id

    def owes(self, sessions: int, *events: EventType) -> list[Session]:
        made = [self.session() for _ in range(sessions)]
        for session in made:
            for event in events or (EventType.SESSION_AUTHENTICATED,):
                self.tell(session, event)
        return made

    def claim(self, limit: int = 100, slow_limit: int | None = None) -> Claim:
        return self.deliveries.claim_due(limit, CLAIM_FOR, slow_limit)

    def tried(self, status_code: int | None, took_ms: int = 5) -> Tried:
        return Tried(
            started_at=self.clock.now(), took=timedelta(milliseconds=took_ms), status_code=status_code
        )

    def fail(self, claim: Claim, status_code: int | None = 503) -> None:
        later = self.clock.now() + timedelta(seconds=5)
        for delivery in claim.deliveries:
            tried = self.tried(status_code)
            assert self.deliveries.failed(delivery, claim.token, tried, next_attempt_at=later)

    def succeed(self, claim: Claim, took_ms: int = 5) -> None:
        for delivery in claim.deliveries:
            assert self.deliveries.delivered(delivery, claim.token, self.tried(200, took_ms))

    def open_circuit(self) -> None:
        """Let the first endpoint fail until nothing is sent to it; every delivery is due again then."""
        failures = 0
        while failures < FAILURES_TO_OPEN:
            claim = self.claim()
            failures += len(claim.deliveries)
            self.fail(claim)
            self.clock.advance(timedelta(seconds=5))
        assert self.endpoint().state(self.clock.now()) == "open"

    def endpoint(self) -> Endpoint:
        return self.endpoints.get(self.workspace.id, self.first)

    def attempts(self) -> int:
        return sum(delivery.attempts for delivery in self.deliveries.page(self.workspace.id, limit=200))


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    made = Told(tmp_path)
    yield made
    made.database.close()


# ── the circuit ──────────────────────────────────────────────────────────────


def test_nothing_is_claimed_of_an_open_endpoint_and_no_attempt_is_spent(told: Told) -> None:
    told.owes(10)
    told.open_circuit()
    spent = told.attempts()
    assert told.claim().deliveries == []
    told.clock.advance(FIRST_PAUSE / 2 - timedelta(milliseconds=1))
    assert told.claim().deliveries == []
    assert told.attempts() == spent


def test_after_the_pause_one_delivery_at_a_time_tries(told: Told) -> None:
    told.owes(10)
    told.open_circuit()
    told.clock.advance(FIRST_PAUSE)
    (probe,) = (claim := told.claim()).deliveries
    assert told.claim().deliveries == []
    told.fail(claim)
    assert told.claim().deliveries == []
    told.clock.advance(FIRST_PAUSE * 2 - timedelta(milliseconds=1))
    assert told.claim().deliveries == []
    told.clock.advance(timedelta(milliseconds=1))
    assert [one.id for one in told.claim().deliveries] != [probe.id]  # the others have waited longer


def test_a_delivery_is_not_tried_before_its_time_only_because_the_circuit_lets_one_through(
    told: Told,
) -> None:
    told.owes(1)
    far = told.clock.now() + timedelta(hours=1)
    for _ in range(FAILURES_TO_OPEN):
        claim = told.claim()
        (delivery,) = claim.deliveries
        told.deliveries.failed(delivery, claim.token, told.tried(None), next_attempt_at=told.clock.now())
    told.clock.advance(FIRST_PAUSE)
    claim = told.claim()
    told.deliveries.failed(claim.deliveries[0], claim.token, told.tried(None), next_attempt_at=far)
    told.clock.advance(FIRST_PAUSE * 2)
    assert told.claim().deliveries == []
    told.clock.advance(timedelta(hours=1))
    assert len(told.claim().deliveries) == 1


def test_a_success_closes_it(told: Told) -> None:
    told.owes(10)
    told.open_circuit()
    told.clock.advance(FIRST_PAUSE)
    told.succeed(told.claim())
    assert told.endpoint().state(told.clock.now()) == "closed"
    assert len(told.claim().deliveries) == QUICK_TURNS


def test_an_endpoint_that_refuses_some_deliveries_is_well(told: Told) -> None:
    told.owes(10)
    for _ in range(FAILURES_TO_OPEN):
        told.fail(told.claim(), status_code=400)
    assert told.endpoint().state(told.clock.now()) == "closed"


def test_a_retry_by_hand_may_try_at_once(told: Told) -> None:
    told.owes(3)
    told.open_circuit()
    (oldest, *_) = reversed(told.deliveries.page(told.workspace.id))
    told.replays.retry(told.workspace.id, oldest.id)
    assert len(told.claim().deliveries) == 1
    assert told.claim().deliveries == []


def test_another_address_and_enabling_start_with_a_closed_circuit(told: Told) -> None:
    told.owes(10)
    told.open_circuit()
    told.endpoints.change(told.workspace.id, told.first, url="https://example.com/new")
    claim = told.claim()
    assert {one.endpoint_url for one in claim.deliveries} == {"https://example.com/new"}
    told.fail(claim)
    told.clock.advance(timedelta(seconds=5))
    told.open_circuit()
    told.endpoints.enable(told.first)
    assert len(told.claim().deliveries) == SLOW_TURNS


def test_an_open_endpoint_is_nobody_elses_trouble(told: Told) -> None:
    told.owes(10)
    told.open_circuit()
    other = told.endpoints.add(told.workspace.id, "https://example.com/other")
    told.owes(3)
    assert {one.endpoint_id for one in told.claim().deliveries} == {other.id}


# ── turns ────────────────────────────────────────────────────────────────────


def test_a_new_endpoint_gets_few_turns_a_quick_one_more_and_a_slow_one_few_again(told: Told) -> None:
    told.owes(20)
    first = told.claim()
    assert len(first.deliveries) == SLOW_TURNS
    told.succeed(first)
    quick = told.claim()
    assert len(quick.deliveries) == QUICK_TURNS
    assert told.claim().deliveries == []
    told.succeed(quick, took_ms=1500)
    assert len(told.claim().deliveries) == SLOW_TURNS


def test_nobodys_second_turn_goes_before_anothers_first(told: Told) -> None:
    told.owes(10)
    for number in range(3):
        told.endpoints.add(told.workspace.id, f"https://example.com/{number}")
        told.clock.advance(timedelta(seconds=1))
    told.owes(1)
    claim = told.claim(limit=5)
    assert sorted(Counter(one.endpoint_id for one in claim.deliveries).values()) == [1, 1, 1, 2]


def test_slow_endpoints_together_leave_senders_to_quick_ones(told: Told) -> None:
    told.owes(1)
    told.succeed(told.claim())  # the first endpoint is quick now
    for number in range(5):
        told.endpoints.add(told.workspace.id, f"https://example.com/{number}")
    told.owes(3)
    claim = told.claim(limit=10, slow_limit=2)
    found = Counter(one.sending.quick for one in claim.deliveries if one.sending)
    assert (found[True], found[False]) == (3, 2)
    assert [one.sending.quick for one in told.claim(limit=10, slow_limit=0).deliveries if one.sending] == []


def test_sessions_of_one_endpoint_go_in_parallel_and_each_in_order(told: Told) -> None:
    told.owes(1)
    told.succeed(told.claim())
    told.owes(2, EventType.SESSION_AUTHENTICATED, EventType.SESSION_READY)
    for expected in ("session_authenticated", "session_ready"):
        claim = told.claim()
        assert [one.type for one in claim.deliveries] == [expected] * 2
        told.succeed(claim)


def test_one_dead_endpoint_among_two_hundred_delays_no_other(
    functions: LocalFunctions, pool: FakePool, receiver: Receiver, deliver: StartDeliverer
) -> None:
    """While the dead one hangs with everything it is given, all others get all they are owed, in order."""
    pool.capacity = 100
    pool.heartbeat(functions.send)
    released = threading.Event()

    def answer(one: Received) -> tuple[int, dict[str, str]]:
        if one.path == "/dead":
            released.wait(60)
        return 200, {}

    receiver.answer = answer
    dead = functions.workspace("Dead", receiver.url("/dead"))
    for _ in range(SENDERS + 8):  # it could hold every sender, and is owed first
        dead.create()
    backend = functions.workspace("Two hundred")
    endpoints = functions.services.endpoints
    for number in range(199):
        endpoints.add(backend.workspace_id, receiver.url(f"/{number}"))
    session_id = backend.create()["id"]
    pool.scan(session_id)
    pool.relay(functions.send)
    deliver()
    try:
        eventually(lambda: len(receiver.paths()) >= 199 * 3 + SLOW_TURNS)
        assert Counter(receiver.paths()) == {"/dead": SLOW_TURNS} | {f"/{number}": 3 for number in range(199)}
        assert {one["attempts"] for one in log_of(dead)} == {0}  # still hanging
        for number in range(199):
            types = [one.body["type"] for one in receiver.received if one.path == f"/{number}"]
            assert types == ["qr_code_generated", "session_authenticated", "session_ready"]
    finally:
        released.set()
    eventually(lambda: {one["status"] for one in log_of(dead)} == {"delivered"})
