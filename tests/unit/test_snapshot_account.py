"""When a session's login is due to be saved."""

from __future__ import annotations

from datetime import timedelta

from browser_pool.snapshot_account import RETRY_AT_MOST, SnapshotAccount, SnapshotTimes

TIMES = SnapshotTimes(quiet=timedelta(seconds=10), every=timedelta(seconds=60), keep=3)


def test_what_is_saved_already_is_not_due() -> None:
    account = SnapshotAccount(saved="a", known=True)
    assert not account.is_due("a", 1000.0, TIMES)
    assert account.dirty_since is None


def test_a_change_is_due_when_nothing_has_changed_for_a_while() -> None:
    account = SnapshotAccount(saved="a", known=True)
    assert not account.is_due("b", 100.0, TIMES)
    assert not account.is_due("b", 109.0, TIMES)
    assert account.is_due("b", 110.0, TIMES)


def test_a_login_that_never_rests_is_due_when_it_has_waited_long_enough() -> None:
    account = SnapshotAccount(saved="a", known=True)
    due = [second for second in range(100, 170, 5) if account.is_due(f"at {second}", float(second), TIMES)]
    assert due[0] == 160


def test_a_change_that_was_taken_back_is_forgotten() -> None:
    account = SnapshotAccount(saved="a", known=True)
    account.is_due("b", 100.0, TIMES)
    account.is_due("a", 105.0, TIMES)
    assert not account.is_due("c", 170.0, TIMES)
    assert account.dirty_since == 170.0


def test_each_failure_waits_twice_as_long_up_to_a_limit() -> None:
    account = SnapshotAccount()
    pauses = []
    for _ in range(12):
        account.failed(0.0, give_way=False)
        pauses.append(account.not_before)
    assert pauses[:3] == [5.0, 10.0, 20.0]
    assert pauses[-1] == RETRY_AT_MOST.total_seconds()


def test_another_nodes_session_is_left_alone_for_as_long_as_ever() -> None:
    account = SnapshotAccount()
    account.failed(0.0, give_way=True)
    assert account.not_before == RETRY_AT_MOST.total_seconds()
