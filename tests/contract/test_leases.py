"""Leases of nodes, and what happens to the sessions of one that is lost, on both databases."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from functions.placement import Strategy
from functions.placer import Placer
from storage.errors import NotFound
from storage.event_log import Outcome
from storage.events import EventType
from storage.models import SessionStatus, Wanted
from storage.nodes import FIRST_PAUSE, LONGEST_PAUSE, Nodes
from storage.sessions import Session
from tests.contract.test_registry_concurrency import at_once
from tests.contract.test_registry_events import World, heartbeat

TTL = timedelta(seconds=15)


class TestNodes(Nodes):
    """By the test's clock, also where the server has one of its own."""

    __test__ = False

    def now(self) -> datetime:
        return self._clock.now()


class Fleet(World):
    """A registry with two nodes that hold leases."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.nodes = TestNodes(self.database, self.clock)
        self.placer = Placer(self.registry, self.nodes, TTL, Strategy.LEAST_LOADED)
        self.clock.advance(timedelta(minutes=1))
        for _ in range(2):
            self.beat("node-1", "node-2")

    def beat(self, *node_ids: str, leased: bool = True) -> list[bool]:
        return [self.nodes.report(replace(heartbeat(one), leased=leased), TTL) for one in node_ids]

    def pass_time(self, by: timedelta, *heard: str) -> None:
        """While these nodes are heard every other second, and the last time now."""
        end = self.clock.now() + by
        while (left := end - self.clock.now()) > timedelta(0):
            self.clock.advance(min(left, timedelta(seconds=2)))
            self.beat(*heard)

    def homes(self, sessions: list[Session]) -> Counter[str | None]:
        return Counter(self.now(one).node_id for one in sessions)


@pytest.fixture
def fleet(registry_url: str) -> Iterator[Fleet]:
    made = Fleet(registry_url)
    yield made
    made.database.close()


def test_sessions_of_a_silent_node_go_to_a_live_one_with_a_new_generation(fleet: Fleet) -> None:
    session = fleet.linked()
    fleet.beat("node-1")
    fleet.pass_time(TTL - timedelta(milliseconds=1), "node-2")
    fleet.placer.take_over()
    assert fleet.now(session).node_id == "node-1"
    fleet.clock.advance(timedelta(milliseconds=1))
    fleet.placer.take_over()
    taken = fleet.now(session)
    assert (taken.node_id, taken.status, taken.reason_code) == (
        "node-2",
        SessionStatus.RECONNECTING,
        "node_lost",
    )
    assert taken.generation == taken.owned_since == session.generation + 1
    assert fleet.owed()[-1][0] == "session_disconnected"
    stale = replace(fleet.event(session, EventType.SESSION_LOGGED_OUT), generation=session.generation)
    assert fleet.registry.apply("node-1", stale) is Outcome.STALE_GENERATION


def test_a_logout_that_a_lost_node_was_asked_for_is_another_nodes_to_do(fleet: Fleet) -> None:
    session = fleet.linked()
    fleet.registry.request_logout(session.id)
    fleet.beat("node-1")
    fleet.pass_time(TTL, "node-2")
    fleet.placer.take_over()
    taken = fleet.now(session)
    assert (taken.node_id, taken.wanted, taken.status) == (
        "node-2",
        Wanted.LOGGED_OUT,
        SessionStatus.RECONNECTING,
    )
    fleet.registry.apply("node-2", replace(fleet.event(taken, EventType.SESSION_LOGGED_OUT)))
    fleet.beat("node-1")
    fleet.pass_time(TTL, "node-1")
    fleet.placer.take_over()
    assert fleet.now(session).node_id == "node-2", "what has ended is nobody's to do"


def test_a_node_that_trusts_itself_for_good_loses_nothing_until_the_operator_says_so(fleet: Fleet) -> None:
    session = fleet.linked()
    fleet.beat("node-1", leased=False)  # it was alone and has not heard of the other yet
    fleet.clock.advance(timedelta(days=1))
    fleet.beat("node-2")
    fleet.placer.take_over()
    assert fleet.now(session).node_id == "node-1"
    fleet.nodes.mark("node-1", lost=True)
    fleet.placer.take_over()
    assert fleet.now(session).node_id == "node-2"
    fleet.beat("node-1")
    assert not fleet.nodes.get("node-1").lost  # it is back; what was taken stays where it is
    assert fleet.now(session).node_id == "node-2"


def test_a_node_is_told_that_it_is_alone_only_while_nobody_else_lives(fleet: Fleet) -> None:
    assert fleet.beat("node-1") == [False]
    fleet.clock.advance(TTL)
    assert fleet.beat("node-1") == [True]
    assert not fleet.nodes.get("node-1").leased  # it may believe so from this moment on
    assert fleet.beat("node-2", "node-1") == [False, False]


def test_sessions_of_a_lost_node_are_each_taken_once_however_many_take(fleet: Fleet) -> None:
    sessions = [fleet.linked(f"+62812345678{number:02}") for number in range(12)]
    fleet.beat("node-1", "node-2")
    fleet.pass_time(TTL, "node-2", "node-3")
    at_once(6, lambda _: fleet.placer.take_over())
    assert {fleet.now(one).generation for one in sessions} == {2}
    homes = fleet.homes(sessions)
    assert set(homes) == {"node-2", "node-3"}
    assert min(homes.values()) >= 3


def test_a_node_that_comes_back_in_time_keeps_its_sessions(fleet: Fleet) -> None:
    session = fleet.linked()
    fleet.pass_time(TTL, "node-2")
    assert [node.id for node in fleet.nodes.lost(TTL)] == ["node-1"]
    fleet.beat("node-1")  # between the look and the taking
    assert not fleet.nodes.is_lost("node-1", TTL)
    taken = fleet.registry.placements.take_over(
        session.id, "node-1", "node-2", lambda: fleet.nodes.is_lost("node-1", TTL)
    )
    assert taken is None
    assert fleet.now(session).node_id == "node-1"


def test_after_an_outage_of_ours_every_node_has_a_whole_lease_to_say_that_it_lives(fleet: Fleet) -> None:
    session = fleet.linked()
    fleet.clock.advance(timedelta(hours=1))
    fleet.beat("node-2")  # the first that is heard again
    fleet.placer.take_over()
    fleet.pass_time(TTL - timedelta(milliseconds=1), "node-2")
    fleet.placer.take_over()
    assert fleet.now(session).node_id == "node-1"
    fleet.clock.advance(timedelta(milliseconds=1))
    fleet.placer.take_over()
    assert fleet.now(session).node_id == "node-2"


def test_renewals_and_takings_that_race_agree(fleet: Fleet) -> None:
    """Whoever commits second sees the first: never both a renewed lease and a session taken under it."""
    for number in range(10):
        session = fleet.linked(f"+62812345678{number:02}")
        fleet.pass_time(TTL, "node-2")
        work = [lambda: fleet.placer.take_over(), lambda: fleet.beat("node-1")]
        at_once(2, lambda index, work=work: work[index]())
        after = fleet.now(session)
        assert (after.node_id, after.generation) in {("node-1", 1), ("node-2", 2)}


def test_new_nodes_that_report_at_once_get_numbers_of_their_own(fleet: Fleet) -> None:
    at_once(8, lambda number: fleet.beat(f"new-{number}"))
    indexes = [node.instance_index for node in fleet.nodes.all()]
    assert indexes == list(range(10))


def test_where_a_session_was_before_is_older_than_what_it_became_elsewhere(fleet: Fleet) -> None:
    session = fleet.linked()
    assert session.owned_since == 0
    moved = fleet.registry.placements.give(session.id, "node-1", "node-2")
    back = fleet.registry.placements.give(session.id, "node-2", "node-1")
    assert (moved.owned_since, back.owned_since) == (2, 3)
    assert fleet.registry.placements.give(session.id, "node-2", "node-1") == back  # not its node any more
    assert fleet.registry.placements.give(session.id, "node-1", "node-2", version=moved.version) == back


def test_a_node_that_does_not_answer_is_called_by_one_after_a_pause_that_grows(fleet: Fleet) -> None:
    for failures, pause in enumerate([FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]):
        assert fleet.nodes.may_be_called("node-1"), failures
        fleet.nodes.failed("node-1")
        assert not fleet.nodes.may_be_called("node-1")
        fleet.clock.advance(pause)
    assert Counter(at_once(6, lambda _: fleet.nodes.may_be_called("node-1")))[True] == 1
    fleet.nodes.answered("node-1")
    assert at_once(3, lambda _: fleet.nodes.may_be_called("node-1")) == [True] * 3
    for _ in range(20):
        fleet.nodes.failed("node-1")
    avoid_until = fleet.nodes.get("node-1").avoid_until
    assert avoid_until == fleet.clock.now() + LONGEST_PAUSE


def test_what_an_operator_says_of_a_node_that_never_was_is_refused(fleet: Fleet) -> None:
    with pytest.raises(NotFound):
        fleet.nodes.mark("node-9", cordoned=True)
