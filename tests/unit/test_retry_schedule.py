"""When a failed webhook is tried again."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.retry_schedule import LONGEST_RETRY_AFTER, SCHEDULE, next_attempt_at, read_retry_after

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_the_schedule_is_the_one_that_was_promised() -> None:
    hours = [pause.total_seconds() / 3600 for pause in SCHEDULE]
    assert hours[3:] == [2, 5, 10, 14, 20, 24]
    assert SCHEDULE[:3] == (timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30))


@pytest.mark.parametrize("attempts", range(1, 10))
def test_jitter_adds_up_to_a_tenth(attempts: int) -> None:
    least = next_attempt_at(attempts, NOW, jitter=lambda: 0.0)
    most = next_attempt_at(attempts, NOW, jitter=lambda: 1.0)
    assert least == NOW + SCHEDULE[attempts - 1]
    assert most == NOW + SCHEDULE[attempts - 1] * 1.1


def test_after_the_last_attempt_there_is_none() -> None:
    assert next_attempt_at(len(SCHEDULE) + 1, NOW) is None


def test_an_operator_can_have_a_schedule_of_their_own() -> None:
    own = (timedelta(seconds=1), timedelta(seconds=2))
    assert next_attempt_at(2, NOW, jitter=lambda: 0.0, schedule=own) == NOW + own[1]
    assert next_attempt_at(3, NOW, schedule=own) is None


def test_a_receiver_can_ask_for_more_time_but_not_for_less_or_for_ever() -> None:
    def pause(retry_after: timedelta) -> timedelta:
        at = next_attempt_at(1, NOW, retry_after, jitter=lambda: 0.0)
        assert at is not None
        return at - NOW

    assert pause(timedelta(seconds=1)) == SCHEDULE[0]
    assert pause(timedelta(minutes=2)) == timedelta(minutes=2)
    assert pause(timedelta(days=30)) == LONGEST_RETRY_AFTER


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta(0)),
        ("Thu, 01 Jan 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Thu, 01 Jan 2026 11:00:00 GMT", timedelta(0)),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("\u0661", None),
        ("9" * 400, None),
        ("1.5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, pause: timedelta | None) -> None:
    assert read_retry_after(text, NOW) == pause
