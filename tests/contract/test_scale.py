"""What keeps a registry of many nodes quick: found by bench/scale, held here."""

from datetime import timedelta

import psycopg

from storage.nodes import CLEARING
from storage.postgres_sql import query_to_postgres
from storage.queries import POSTGRES_QUERIES
from tests.contract import test_leases
from tests.contract.test_leases import TTL, Fleet

fleet = test_leases.fleet


def test_a_heartbeat_finds_its_sessions_by_index(postgres_url: str) -> None:
    statement = query_to_postgres(POSTGRES_QUERIES["sessions_for_node"])
    with psycopg.connect(postgres_url, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("SET enable_seqscan = off")  # a table this small would be read whole
        plan = connection.execute(f"EXPLAIN {statement}", {"node_id": "node-1", "reported": '["x"]'})  # type: ignore[arg-type]
        lines = "\n".join(row[0] for row in plan)
    assert "Seq Scan on sessions" not in lines


def test_one_heartbeat_at_a_time_clears_a_lost_node(fleet: Fleet) -> None:
    session = fleet.linked()
    fleet.beat("node-1")
    fleet.pass_time(TTL + timedelta(seconds=1), "node-2")
    claim = fleet.nodes.claim_lost("node-1")
    assert claim is not None
    fleet.placer.take_over()
    assert fleet.now(session).node_id == "node-1"
    fleet.nodes.release_lost("node-1", claim)
    fleet.placer.take_over()
    assert fleet.now(session).node_id == "node-2"


def test_a_claim_to_a_lost_node_ends_with_whoever_died_over_it(fleet: Fleet) -> None:
    session = fleet.linked()
    fleet.beat("node-1")
    fleet.pass_time(TTL + timedelta(seconds=1), "node-2")
    assert fleet.nodes.claim_lost("node-1") is not None
    fleet.pass_time(CLEARING + timedelta(seconds=1), "node-2")
    fleet.placer.take_over()
    assert fleet.now(session).node_id == "node-2"


def test_a_placement_counts_before_its_node_has_said_so(fleet: Fleet) -> None:
    before = fleet.nodes.get("node-2").live
    fleet.nodes.expect_one_more("node-2")
    assert fleet.nodes.get("node-2").live == before + 1
    fleet.beat("node-2")
    assert fleet.nodes.get("node-2").live == before
