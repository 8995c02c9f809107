"""Several nodes behind one set of functions: who takes over, who hands over, who is not asked."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from storage.events import EventType
from storage.node_protocol import SessionSpec
from tests.fakes import fixtures
from tests.fakes.functions import POOL_SECRET, Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.fakes.processes import ROOT

functions, backend = fixtures.functions, fixtures.backend
idle_pool, pool = fixtures.idle_pool, fixtures.pool


@pytest.fixture
def other(pool: FakePool, functions: LocalFunctions) -> Iterator[FakePool]:
    with FakePool(POOL_SECRET, "node-2") as second:
        second.heartbeat(functions.send)
        pool.heartbeat(functions.send)
        yield second


def beat(pool: FakePool, functions: LocalFunctions) -> dict[str, Any]:
    answer: dict[str, Any] = pool.heartbeat(functions.send).get_json()
    for spec in answer["run"]:
        pool.held.setdefault(spec["id"], SessionSpec.from_wire(spec))
    for session_id in [*answer["drop"], *answer["close"]]:
        pool.held.pop(session_id, None)
    return answer


def linked(backend: Backend, pool: FakePool, functions: LocalFunctions) -> str:
    session_id: str = backend.create()["id"]
    assert backend.session(session_id)["node_id"] == pool.node_id
    pool.scan(session_id)
    pool.relay(functions.send)
    return session_id


def cli(functions: LocalFunctions, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "DATABASE_URL": functions.services.config.database_url}
    command = [sys.executable, "-m", "storage.cli", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done


def test_a_start_that_its_node_does_not_answer_shows_a_qr_on_another(
    backend: Backend, pool: FakePool, other: FakePool, functions: LocalFunctions
) -> None:
    pool.refusal = (503, {"status": 503, "code": "broken", "detail": "no browser here"})
    session = backend.create()
    assert (session["status"], session["node_id"]) == ("qr_scanning", "node-2")


def test_a_node_that_is_dead_costs_one_call_and_then_none(
    backend: Backend, pool: FakePool, other: FakePool, functions: LocalFunctions
) -> None:
    pool.__exit__()  # its heartbeats were heard a moment ago
    nodes = [backend.create()["node_id"] for _ in range(4)]
    assert nodes == ["node-2"] * 4
    assert functions.services.nodes.get("node-1").call_failures == 1


def test_a_drained_node_hands_over_what_is_linked_or_could_be_scanned(
    backend: Backend, pool: FakePool, other: FakePool, functions: LocalFunctions
) -> None:
    kept = linked(backend, pool, functions)
    cli(functions, "nodes", "cordon", "node-2")
    unlinked = backend.create()["id"]
    cli(functions, "nodes", "uncordon", "node-2")
    cli(functions, "nodes", "drain", "node-1")
    answer = beat(pool, functions)
    assert (sorted(answer["hand_over"]), answer["run"], answer["drop"]) == ([kept, unlinked], [], [])
    del pool.held[unlinked]  # nobody can scan it there any more
    pool.handed_over = [unlinked]
    assert beat(pool, functions)["hand_over"] == [kept]  # again, until it is done
    assert [spec["id"] for spec in beat(other, functions)["run"]] == [unlinked]
    pool.handed_over = [kept]
    assert beat(pool, functions)["hand_over"] == []
    (spec,) = [one for one in beat(other, functions)["run"] if one["id"] == kept]
    assert (spec["generation"], spec["owned_since"], spec["linked"]) == (2, 2, True)


def test_a_scan_that_only_its_node_knows_of_is_handed_over_and_not_given_away(
    backend: Backend, pool: FakePool, other: FakePool, functions: LocalFunctions
) -> None:
    session_id = backend.create()["id"]
    cli(functions, "nodes", "drain", "node-1")
    pool.scan(session_id)  # and before its relay brings that, its heartbeat comes
    answer = beat(pool, functions)
    assert (answer["hand_over"], answer["drop"]) == ([session_id], [])
    assert backend.session(session_id)["node_id"] == "node-1"


def test_a_drained_node_gives_away_at_once_what_it_does_not_show(
    backend: Backend, pool: FakePool, other: FakePool, functions: LocalFunctions
) -> None:
    cli(functions, "nodes", "cordon", "node-2")
    shown, closed = backend.create()["id"], backend.create()["id"]
    cli(functions, "nodes", "uncordon", "node-2")
    del pool.held[closed]  # its browser has been closed, with the pool
    pool.draining = True
    answer = beat(pool, functions)
    assert (answer["hand_over"], answer["drop"]) == ([shown], [])
    assert [spec["id"] for spec in beat(other, functions)["run"]] == [closed]


def test_of_a_node_that_stops_and_keeps_its_browsers_nothing_is_given_away(
    backend: Backend, pool: FakePool, other: FakePool, functions: LocalFunctions
) -> None:
    kept = linked(backend, pool, functions)
    cli(functions, "nodes", "cordon", "node-2")
    shown = backend.create()["id"]
    cli(functions, "nodes", "uncordon", "node-2")
    pool.draining = pool.keeps_browsers = True
    answer = beat(pool, functions)
    assert (answer["hand_over"], answer["drop"]) == ([], [])
    assert sorted(spec["id"] for spec in answer["run"]) == [kept, shown]
    assert backend.create()["node_id"] == "node-2"  # and nothing new is placed there


def test_a_drained_node_keeps_what_nobody_else_can_have(
    backend: Backend, pool: FakePool, functions: LocalFunctions
) -> None:
    session_id = linked(backend, pool, functions)
    cli(functions, "nodes", "drain", "node-1")
    answer = beat(pool, functions)
    assert (answer["hand_over"], [spec["id"] for spec in answer["run"]]) == ([], [session_id])


def test_one_session_is_moved_on_demand(
    backend: Backend, pool: FakePool, other: FakePool, functions: LocalFunctions
) -> None:
    session_id = linked(backend, pool, functions)
    cli(functions, "sessions", "move", session_id, "--to", "node-2")
    assert beat(pool, functions)["hand_over"] == [session_id]
    pool.handed_over = [session_id]
    beat(pool, functions)
    (spec,) = beat(other, functions)["run"]
    assert (spec["id"], spec["generation"]) == (session_id, 2)
    assert beat(pool, functions)["run"] == []
    assert backend.session(session_id)["node_id"] == "node-2"


def test_the_operator_sees_every_node(
    backend: Backend, pool: FakePool, other: FakePool, functions: LocalFunctions
) -> None:
    cli(functions, "nodes", "cordon", "node-1")
    shown = cli(functions, "nodes", "list").stdout
    assert "node-1" in shown
    assert "cordoned" in shown
    assert backend.create()["node_id"] == "node-2"


def test_what_a_stale_owner_says_is_refused_after_its_session_went(
    backend: Backend, pool: FakePool, other: FakePool, functions: LocalFunctions
) -> None:
    session_id = linked(backend, pool, functions)
    functions.services.registry.placements.give(session_id, "node-1", "node-2")
    pool.emit(session_id, EventType.SESSION_LOGGED_OUT, generation=1)
    outcomes = pool.relay(functions.send).get_json()["outcomes"]
    assert [one["outcome"] for one in outcomes] == ["stale_generation"]
    assert beat(pool, functions)["drop"] == [session_id]
    assert backend.session(session_id)["status"] == "connected"
