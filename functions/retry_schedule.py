"""When a failed webhook is tried again: design section 9, the schedule of Standard Webhooks."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Pauses after the first attempt and each retry: a hiccup, a deploy, a night, a weekend."""

JITTER = 0.1
"""Up to a tenth is added, so that a receiver that comes back is not met by everything at once."""

LONGEST_RETRY_AFTER = timedelta(hours=24)
"""A receiver may ask for more time, not for ever."""


def next_attempt_at(
    attempts: int,
    now: datetime,
    retry_after: timedelta | None = None,
    jitter: Callable[[], float] = random.random,
    schedule: Sequence[timedelta] = SCHEDULE,
) -> datetime | None:
    """When to try again after the given number of failed attempts; None when they are used up."""
    if attempts > len(schedule):
        return None
    pause = schedule[attempts - 1] * (1 + JITTER * jitter())
    if retry_after is not None:
        pause = max(pause, min(retry_after, LONGEST_RETRY_AFTER))
    return now + pause


def read_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """The Retry-After header: seconds or an HTTP date. None for one that is neither."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return timedelta(seconds=int(text))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment - now, timedelta(0))
