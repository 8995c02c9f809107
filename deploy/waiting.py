"""Waiting for a fact, with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from storage.clock import Clock
from storage.errors import LinkpoolError

LOOK_EVERY = timedelta(milliseconds=20)

T = TypeVar("T")


class TooLate(LinkpoolError):
    """A fact did not come true in time; the message says which."""


async def eventually(
    fact: Callable[[], Awaitable[T | None]], clock: Clock, within: timedelta, what: str
) -> T:
    """The first answer that is not None. Raises TooLate."""
    deadline = clock.monotonic() + within.total_seconds()
    while (answer := await fact()) is None:
        if clock.monotonic() > deadline:
            raise TooLate(f"waited {within.total_seconds():.0f} s until {what}")
        await asyncio.sleep(LOOK_EVERY.total_seconds())
    return answer
