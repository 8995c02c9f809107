"""What each strategy does, and whom none of them chooses."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from functions.placement import Strategy, choose_node
from tests.unit.test_placement import LEASE, NOW, SESSION, chosen, node


def by(strategy: Strategy, nodes: list, session=SESSION, **more) -> str | None:  # type: ignore[no-untyped-def,type-arg]
    found = choose_node(nodes, session, NOW, LEASE, strategy=strategy, **more)
    return None if found is None else found.id


def test_machines_of_different_sizes_fill_alike() -> None:
    large = replace(node(0, live=20), capacity=100)
    assert chosen([large, node(1, live=2)]) == "node-0"


def test_a_workspaces_sessions_are_spread_among_nodes_that_are_as_full() -> None:
    nodes = [replace(node(index), capacity=50, live=index) for index in range(2)]
    assert by(Strategy.LEAST_LOADED, nodes, spread={"node-0": 3}) == "node-1"


def test_a_node_without_memory_is_full_whatever_its_slots_say() -> None:
    assert chosen([replace(node(0), room=0), node(1, live=4)]) == "node-1"


@pytest.mark.parametrize(
    "change",
    [{"cordoned": True}, {"drained": True}, {"lost": True}, {"avoid_until": NOW + timedelta(seconds=1)}],
)
@pytest.mark.parametrize("strategy", list(Strategy))
def test_nobody_chooses_a_node_that_takes_nothing(strategy: Strategy, change: dict[str, object]) -> None:
    assert by(strategy, [replace(node(0), **change), node(1, live=5)]) == "node-1"  # type: ignore[arg-type]
    assert by(strategy, [replace(node(0), **change)]) is None  # type: ignore[arg-type]


def test_least_connections_counts_and_does_not_ask_for_sizes() -> None:
    large = replace(node(0, live=3), capacity=100)
    assert by(Strategy.LEAST_CONNECTIONS, [large, node(1, live=2)]) == "node-1"


def test_round_robin_takes_one_after_the_other() -> None:
    spread: Counter[str] = Counter()
    for _ in range(6):
        spread[str(by(Strategy.ROUND_ROBIN, [node(index) for index in range(3)], spread=spread))] += 1
    assert set(spread.values()) == {2}


def test_a_hash_keeps_its_node_and_moves_only_what_was_on_one_that_goes() -> None:
    nodes = [replace(node(index), capacity=1000) for index in range(5)]
    sessions = [replace(SESSION, id=f"s{number}") for number in range(200)]
    before = {one.id: by(Strategy.HASH_BY_SESSION, nodes, one) for one in sessions}
    after = {one.id: by(Strategy.HASH_BY_SESSION, nodes[:-1], one) for one in sessions}
    assert len(set(before.values())) == 5
    assert {one for one in before if before[one] != after[one]} == {
        one for one in before if before[one] == "node-4"
    }
