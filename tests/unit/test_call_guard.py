"""Who may call the control API of a node."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from browser_pool.call_guard import CallGuard, Replayed
from browser_pool.pool_db import open_pool_db
from storage.clock import ManualClock
from storage.errors import Untrusted
from storage.node_signing import TOLERANCE, Direction, sign

OLD, NEW = "5e1f0c7a" * 8, "b7d94e20" * 8
URL = "http://10.0.0.7:8100"
CALL: tuple[Any, ...] = ("POST", "/sessions/x/qr", b"{}")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    opened = open_pool_db(tmp_path / "pool.db")
    yield opened
    opened.close()


def guard(db: Database, clock: ManualClock, *secrets: str, bearer: bool = True) -> CallGuard:
    return CallGuard(db, clock, secrets=secrets or (OLD,), node_url=URL + "/", bearer=bearer)


def signed(clock: ManualClock, secret: str = OLD, url: str = URL) -> dict[str, str]:
    return sign(secret, url, *CALL, clock.now(), Direction.CALL)


def test_a_call_is_taken_once(db: Database, clock: ManualClock) -> None:
    headers = signed(clock)
    guard(db, clock).check(headers, *CALL)
    with pytest.raises(Replayed):
        guard(db, clock).check(headers, *CALL)


def test_a_call_is_refused_by_the_next_process_too(tmp_path: Path, clock: ManualClock) -> None:
    headers = signed(clock)
    for attempt in range(2):
        db = open_pool_db(tmp_path / "pool.db")
        if attempt == 0:
            guard(db, clock).check(headers, *CALL)
        else:
            with pytest.raises(Replayed):
                guard(db, clock).check(headers, *CALL)
        db.close()


def test_a_nonce_is_remembered_as_long_as_its_signature_is_good_and_not_for_ever(
    db: Database, clock: ManualClock
) -> None:
    headers = signed(clock)
    judge = guard(db, clock)
    judge.check(headers, *CALL)
    clock.advance(TOLERANCE)
    with pytest.raises(Replayed):
        judge.check(headers, *CALL)
    clock.advance(3 * TOLERANCE)
    judge.check(signed(clock), *CALL)
    assert db["nonces"].count == 1


def test_a_call_for_another_node_is_refused(db: Database, clock: ManualClock) -> None:
    with pytest.raises(Untrusted, match="POOL_URL"):
        guard(db, clock).check(signed(clock, url="http://10.0.0.8:8100"), *CALL)
    assert db["nonces"].count == 0


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_two_secrets_are_good_while_one_replaces_the_other(
    db: Database, clock: ManualClock, secret: str
) -> None:
    judge = guard(db, clock, NEW, OLD)
    judge.check(signed(clock, secret), *CALL)
    judge.check({"Authorization": f"Bearer {secret}"}, *CALL)
    if secret == OLD:
        with pytest.raises(Untrusted):
            guard(db, clock, NEW).check(signed(clock, secret), *CALL)


def test_a_bearer_token_can_be_refused(db: Database, clock: ManualClock) -> None:
    with pytest.raises(Untrusted, match="CONTROL_BEARER"):
        guard(db, clock, bearer=False).check({"Authorization": f"Bearer {OLD}"}, *CALL)
    guard(db, clock, bearer=False).check(signed(clock), *CALL)


def test_a_wrong_signature_is_not_made_good_by_a_bearer_token(db: Database, clock: ManualClock) -> None:
    headers = signed(clock, NEW) | {"Authorization": f"Bearer {OLD}"}
    with pytest.raises(Untrusted):
        guard(db, clock).check(headers, *CALL)
