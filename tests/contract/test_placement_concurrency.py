"""Several functions processes give waiting sessions to nodes at once, on both databases."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from functions.placement import Strategy
from functions.placer import Placer
from storage.clock import SystemClock
from storage.models import Wanted
from storage.nodes import Nodes
from tests.contract.test_registry_events import World
from tests.fakes.processes import ROOT

WAITING = 40
RACERS = 4
TTL = timedelta(days=36500)
"""Of leases: the world's clock stands still, and the racers' does not."""

PLACE = f"""
import json, sys
from datetime import timedelta
from functions.placement import Strategy
from functions.placer import Placer
from storage.clock import SystemClock
from storage.database import open_database
from storage.deliveries import Deliveries
from storage.nodes import Nodes
from storage.placements import Placements
from storage.registry import Registry
database, clock = open_database(sys.argv[1]), SystemClock()
placed = []
class Noting(Placements):
    def place(self, session_id, node_id):
        after = super().place(session_id, node_id)
        placed.extend([session_id] if after is not None else [])
        return after
registry = Registry(database, clock, Deliveries(database, clock))
registry.placements = Noting(registry._changes)
placer = Placer(registry, Nodes(database, clock), timedelta(days={TTL.days}), Strategy.LEAST_LOADED, clock)
database.answers()
print("ready", flush=True)
sys.stdin.readline()
while registry.sessions.unplaced(1):
    placer.place_waiting()
print(json.dumps(placed))
database.close()
"""


@pytest.fixture
def world(registry_url: str) -> Iterator[World]:
    made = World(registry_url)
    yield made
    made.database.close()


def race(world: World) -> list[list[str]]:
    """What each of several processes placed, that began together."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", PLACE, world.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(RACERS)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    answers = [racer.communicate(timeout=60)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * RACERS
    return [json.loads(answer) for answer in answers]


def test_each_waiting_session_is_placed_once_and_counted_once(world: World) -> None:
    sessions = [world.session(node_id=None) for _ in range(WAITING)]
    before = sum(node.live for node in Nodes(world.database, world.clock).all())
    placed = [one for racer in race(world) for one in racer]
    assert sorted(placed) == sorted(one.id for one in sessions)
    after = [world.now(one) for one in sessions]
    assert {
        (one.generation, one.version - made.version) for one, made in zip(after, sessions, strict=True)
    } == {(2, 1)}
    live = {node.id: node.live for node in Nodes(world.database, world.clock).all()}
    assert sum(live.values()) - before == WAITING
    assert {node_id: sum(one.node_id == node_id for one in after) for node_id in live} == live


def test_who_comes_second_changes_nothing_and_counts_nothing(world: World) -> None:
    waiting, others = world.session(node_id=None), Nodes(world.database, world.clock)
    assert world.registry.placements.place(waiting.id, "node-1") is not None
    assert world.registry.placements.place(waiting.id, "node-2") is None
    assert (world.now(waiting).node_id, world.now(waiting).generation) == ("node-1", 2)
    placer = Placer(world.registry, others, TTL, Strategy.LEAST_LOADED, SystemClock())
    placer.place_waiting()
    assert [node.live for node in others.all()] == [0, 0]


@pytest.mark.parametrize("wanted", [Wanted.CLOSED, Wanted.ERASED, Wanted.LOGGED_OUT])
def test_a_session_that_nobody_wants_by_now_is_not_placed(world: World, wanted: Wanted) -> None:
    session = world.session(node_id=None, wanted=wanted)
    assert world.registry.placements.place(session.id, "node-1") is None
    assert world.now(session).node_id is None
