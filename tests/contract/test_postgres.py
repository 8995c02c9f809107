"""What only PostgreSQL can do wrong: go away, and remember."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

from storage.database import check_database_url, open_database
from storage.errors import ConfigError, RegistryError, RegistryUnavailable
from storage.event_log import Outcome
from storage.events import EventType
from storage.postgres_database import PostgresDatabase
from storage.postgres_sql import migration_to_postgres, query_to_postgres
from tests.contract.test_registry_concurrency import at_once
from tests.contract.test_registry_events import World
from tests.postgres import PostgresServer, running


@pytest.fixture
def world(postgres_url: str) -> Iterator[World]:
    made = World(postgres_url)
    yield made
    made.database.close()


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """One that may be stopped."""
    with running() as server:
        yield server


def test_a_server_that_was_restarted_is_used_again_and_nobody_sees_an_error(
    own_server: PostgresServer,
) -> None:
    world = World(own_server.make())
    at_once(6, lambda _: world.database.answers())  # several connections that will be broken
    own_server.stop()
    own_server.start()
    session = world.session()
    assert at_once(6, lambda _: world.now(session).id) == [session.id] * 6
    assert world.tell(session, EventType.SESSION_AUTHENTICATED) is Outcome.APPLIED
    world.database.close()


def test_a_server_that_is_away_is_a_typed_error_and_leaves_nothing_half_done(
    own_server: PostgresServer,
) -> None:
    url = own_server.make()
    world, impatient = World(url), PostgresDatabase(url, connections=2, wait_seconds=0.2)
    session = world.session()
    assert impatient.answers()

    def lose_it() -> None:
        with world.database.transaction():
            world.registry.sessions.hold([session.id])
            world.registry.remember_phone(session.id, "+6281234567890")
            own_server.stop()
            world.now(session)

    with pytest.raises(RegistryUnavailable):
        lose_it()
    assert not impatient.answers()
    with pytest.raises(RegistryUnavailable, match="try again"), impatient.transaction():
        raise AssertionError("began without a server")
    own_server.start()
    assert impatient.answers()
    assert world.now(session) == session
    impatient.close()
    world.database.close()


def test_nothing_is_left_on_a_connection_that_pgbouncer_would_hand_on(world: World) -> None:
    world.linked()
    for _ in range(10):  # psycopg prepares after five
        world.database.answers()
    assert world.rows("SELECT name FROM pg_prepared_statements") == []
    for name, value in (("lock_timeout", "0"), ("idle_in_transaction_session_timeout", "0")):
        assert world.rows(f"SHOW {name}") == [{name: value}]


def test_two_names_are_held_at_once_and_one_name_by_one(world: World) -> None:
    held, tried = threading.Event(), threading.Event()
    order = []

    def first() -> None:
        with world.database.transaction():
            world.database.hold("a")
            held.set()
            assert tried.wait(10)
            order.append("first")

    def second() -> None:
        assert held.wait(10)
        with world.database.transaction():
            world.database.hold("b")
            tried.set()
            world.database.hold("a")
            order.append("second")

    at_once(2, lambda number: (first, second)[number]())
    assert order == ["first", "second"]


def test_two_who_hold_crosswise_cost_one_of_them_a_typed_error(world: World) -> None:
    both = threading.Barrier(2)

    def cross(number: int) -> str:
        try:
            with world.database.transaction():
                world.database.hold("ab"[number])
                both.wait(10)
                world.database.hold("ba"[number])
        except RegistryError as error:
            return str(error)
        return "done"

    outcomes = at_once(2, cross)
    assert "done" in outcomes
    assert any("try again" in str(one) for one in outcomes)


def test_somebody_elses_commit_changes_the_data_version_and_a_look_does_not(
    world: World, postgres_url: str
) -> None:
    other = open_database(postgres_url)
    before = other.data_version()
    assert other.data_version() == before
    world.session()
    with psycopg.connect(postgres_url) as connection:
        (now,) = connection.execute("SELECT pg_current_snapshot()::text").fetchone() or ()
    assert now != before
    other.close()


def test_a_write_outside_of_a_transaction_is_refused(world: World) -> None:
    with pytest.raises(RegistryError, match="outside of a transaction"):
        world.database.run("prune_nonces", oldest="")


def test_words_of_sqlite_become_words_of_postgresql() -> None:
    assert query_to_postgres("SELECT ':a', b::text, 5 % 2 WHERE c = :c_1") == (
        "SELECT ':a', b::text, 5 %% 2 WHERE c = %(c_1)s"
    )
    assert query_to_postgres("IN (SELECT value FROM json_each(:ids))") == (
        "IN (SELECT value FROM json_array_elements_text(CAST(%(ids)s AS json)) AS each (value))"
    )
    assert migration_to_postgres(
        "-- INTEGER; of TEXT\nCREATE TABLE t (a INTEGER) STRICT, WITHOUT ROWID;"
    ) == ("\nCREATE TABLE t (a BIGINT);")


@pytest.mark.parametrize(
    "url", ["postgresql://", "postgresql://host", "postgresql://host/", "postgres://h:x/d"]
)
def test_an_address_without_a_database_is_refused_and_never_shown(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        check_database_url(url.replace("//", "//user:s3cret@"))
    assert "s3cret" not in str(raised.value)
