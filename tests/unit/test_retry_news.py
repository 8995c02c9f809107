"""A store that does not answer is one line a minute in the log."""

from datetime import timedelta

import pytest

from storage.clock import ManualClock
from storage.objects import StoreUnavailable
from storage.retry_news import RetryNews

AWAY = StoreUnavailable("put", "v1/x", "connection refused", "it is tried again")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def news(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> RetryNews:
    caplog.set_level("INFO", "storage")
    return RetryNews(clock)


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int]]:
    return [(record.getMessage(), record.__dict__["times"]) for record in caplog.records]


def test_the_first_is_told_at_once_and_an_hour_of_them_once_a_minute(
    news: RetryNews, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    news.retried(AWAY)
    assert said(caplog) == [("store_retry", 1)]
    for _ in range(3600):
        clock.advance(timedelta(seconds=1))
        news.retried(AWAY)
    assert said(caplog)[1:] == [("store_retry", 60)] * 60


def test_its_end_is_told_with_what_was_not(
    news: RetryNews, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        news.retried(AWAY)
    news.answered()
    clock.advance(timedelta(minutes=1))
    news.answered()
    news.answered()
    assert said(caplog) == [("store_retry", 1), ("store_retries_over", 4)]
    news.retried(AWAY)
    assert said(caplog)[2:] == [("store_retry", 1)]


def test_a_store_that_fails_now_and_then_is_no_flood(
    news: RetryNews, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(600):
        news.retried(AWAY)
        news.answered()
        clock.advance(timedelta(seconds=1))
    assert len(said(caplog)) <= 20
    assert sum(times for _, times in said(caplog)) >= 540


def test_a_good_store_is_no_news(news: RetryNews, caplog: pytest.LogCaptureFixture) -> None:
    news.answered()
    assert said(caplog) == []
