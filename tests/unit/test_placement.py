"""Which node gets a session."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from functions.placement import choose_node
from storage.nodes import Node
from storage.sessions import Session

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=15)
SESSION = Session(id="s", workspace_id="w", created_at=NOW, last_activity_at=NOW)


def node(index: int, *, live: int = 0, region: str | None = None) -> Node:
    return Node(
        id=f"node-{index}",
        instance_index=index,
        url="http://node",
        region=region,
        capacity=5,
        live=live,
        warm=0,
        queued=0,
        draining=False,
        sandbox=True,
        last_seen_at=NOW,
    )


def chosen(nodes: list[Node], session: Session = SESSION) -> str | None:
    found = choose_node(nodes, session, NOW, LEASE)
    return None if found is None else found.id


def test_the_node_with_most_room_is_chosen_and_the_smaller_index_on_a_tie() -> None:
    assert chosen([node(0, live=3), node(1, live=1), node(2, live=1)]) == "node-1"


def test_a_session_stays_where_it_is_while_its_node_lives() -> None:
    mine = replace(SESSION, node_id="node-0")
    assert chosen([node(0, live=5), node(1)], mine) == "node-0"
    gone = replace(node(0), last_seen_at=NOW - LEASE)
    assert chosen([gone, node(1)], mine) == "node-1"


def test_the_region_comes_before_the_room() -> None:
    here = replace(SESSION, region="eu")
    assert chosen([node(0), node(1, live=4, region="eu")], here) == "node-1"
    assert chosen([node(0)], here) == "node-0"  # elsewhere is better than nowhere


def test_silent_and_draining_nodes_are_not_chosen() -> None:
    silent = replace(node(0), last_seen_at=NOW - LEASE)
    assert chosen([silent, replace(node(1), draining=True)]) is None


def test_a_full_node_is_a_choice_because_it_queues() -> None:
    assert chosen([node(0, live=9)]) == "node-0"
