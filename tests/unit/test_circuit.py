"""When an endpoint's circuit opens, for how long, and what closes it."""

from datetime import UTC, datetime, timedelta

import pytest

from storage.circuit import FAILURES_TO_OPEN, FIRST_PAUSE, LONGEST_PAUSE, QUICK, Circuit, is_failure

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def failed(circuit: Circuit, times: int, now: datetime = NOW) -> Circuit:
    for _ in range(times):
        circuit = circuit.after_failure(now)
    return circuit


def test_it_opens_after_failures_in_a_row_and_not_before() -> None:
    assert failed(Circuit(), FAILURES_TO_OPEN - 1).open_until is None
    assert failed(Circuit(), FAILURES_TO_OPEN).open_until == NOW + FIRST_PAUSE


def test_an_answer_between_failures_starts_the_count_anew() -> None:
    almost = failed(Circuit(), FAILURES_TO_OPEN - 1).after_answer(timedelta(0))
    assert failed(almost, FAILURES_TO_OPEN - 1).open_until is None


def test_each_failed_try_doubles_the_pause_up_to_the_longest() -> None:
    circuit, now, pauses = failed(Circuit(), FAILURES_TO_OPEN - 1), NOW, []
    for _ in range(20):
        circuit = circuit.after_failure(now)
        assert circuit.open_until is not None
        pauses.append(circuit.open_until - now)
        now = circuit.open_until
    assert pauses[:3] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    assert pauses[-1] == LONGEST_PAUSE
    assert pauses == sorted(pauses)


def test_attempts_begun_before_it_opened_do_not_make_the_pause_longer() -> None:
    opened = failed(Circuit(), FAILURES_TO_OPEN)
    assert failed(opened, 3).open_until == opened.open_until


def test_a_receiver_may_ask_for_a_longer_pause_but_not_for_ever() -> None:
    almost = failed(Circuit(), FAILURES_TO_OPEN - 1)
    assert almost.after_failure(NOW, timedelta(minutes=1)).open_until == NOW + timedelta(minutes=1)
    assert almost.after_failure(NOW, timedelta(seconds=1)).open_until == NOW + FIRST_PAUSE
    assert almost.after_failure(NOW, timedelta(days=1)).open_until == NOW + LONGEST_PAUSE


def test_an_answer_closes_it_and_forgets_how_often_it_opened() -> None:
    assert failed(Circuit(), 20).after_answer(QUICK) == Circuit(quick=True)


def test_a_late_answer_makes_an_endpoint_slow() -> None:
    assert not Circuit(quick=True).after_answer(QUICK + timedelta(milliseconds=1)).quick
    assert not Circuit(quick=True).after_failure(NOW).quick


@pytest.mark.parametrize(
    ("status_code", "counts"),
    [(None, True), (500, True), (503, True), (429, True), (200, False), (404, False), (302, False)],
)
def test_what_counts_is_no_answer_or_one_that_says_not_now(status_code: int | None, counts: bool) -> None:
    assert is_failure(status_code) is counts
