"""A store that tries again. Retrying is decided here and nowhere else.

Rule: only StoreUnavailable is tried again. Reads, plain writes and deletes are simply repeated; a conditional
write that got no answer may have been done, so a later PreconditionFailed is believed only after the object
was read and is not what we wrote. Hence no two writers may ever write equal bytes with `put_if`, and a key
that `put` writes has one writer.

What cannot be found out: a write whose answer was lost and which somebody has overwritten since. It ends in
PreconditionFailed, too; whoever reads again then looks whether the new content was built on his.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

from storage.clock import Clock, SystemClock
from storage.objects import (
    Listed,
    ObjectMissing,
    ObjectStore,
    PreconditionFailed,
    Stored,
    StoreUnavailable,
)
from storage.retry_news import RetryNews

Answer = TypeVar("Answer")

BUDGET = timedelta(seconds=60)
"""No attempt begins later than this after the first that failed: a store that restarts is back by then, and
whoever waits for a snapshot wants to hear of a longer failure."""

FIRST_PAUSE = timedelta(milliseconds=100)
"""For the single lost connection. Doubled each time."""

LONGEST_PAUSE = timedelta(seconds=5)
"""So that a store that is back is noticed soon."""


class RetryingStore:
    """Any other store, more patient.

    `wait` gets seconds; when it answers True, nothing is tried again. So a service that stops hands in the
    `wait` of its event.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        budget: timedelta = BUDGET,
        clock: Clock | None = None,
        wait: Callable[[float], bool | None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._budget = budget.total_seconds()
        self._clock = clock or SystemClock()
        self._news = RetryNews(self._clock)
        self._wait = wait
        self._jitter = jitter

    @property
    def url(self) -> str:
        return self._store.url

    def get(self, key: str) -> Stored:
        return self._retried(lambda: self._store.get(key))

    def put(self, key: str, data: bytes) -> None:
        self._retried(lambda: self._store.put(key, data))

    def put_if(self, key: str, data: bytes, *, version: str | None) -> str:
        outcome_unknown = False

        def attempt() -> str:
            nonlocal outcome_unknown
            try:
                return self._store.put_if(key, data, version=version)
            except StoreUnavailable:
                outcome_unknown = True
                raise
            except PreconditionFailed:
                own = self._version_if_ours(key, data) if outcome_unknown else None
                if own is None:
                    raise
                return own

        return self._retried(attempt)

    def size(self, key: str) -> int:
        return self._retried(lambda: self._store.size(key))

    def list(self, prefix: str) -> Iterator[Listed]:
        """All of it is fetched before the first line is given, so that it can be repeated."""
        return iter(self._retried(lambda: [*self._store.list(prefix)]))

    def delete(self, key: str) -> None:
        self._retried(lambda: self._store.delete(key))

    def _version_if_ours(self, key: str, data: bytes) -> str | None:
        """The version of our own earlier attempt, when it is what the object holds."""
        try:
            found = self._store.get(key)
        except ObjectMissing:
            return None
        return found.version if found.data == data else None

    def _retried(self, attempt: Callable[[], Answer]) -> Answer:
        pauses = self._pauses()
        while True:
            try:
                answer = attempt()
            except StoreUnavailable as error:
                self._pause(pauses, error)
            else:
                self._news.answered()
                return answer

    def _pause(self, pauses: Iterator[float], error: StoreUnavailable) -> None:
        """Wait for the next attempt, or give the error to the caller."""
        pause = next(pauses, None)
        if pause is None:
            raise error
        self._news.retried(error)
        if self._wait(pause):
            raise error

    def _pauses(self) -> Iterator[float]:
        """Seconds between attempts, until the budget is spent. Half is random: many meet one store."""
        deadline = self._clock.monotonic() + self._budget
        longest = FIRST_PAUSE.total_seconds()
        while True:
            pause = longest * (0.5 + 0.5 * self._jitter())
            if self._clock.monotonic() + pause > deadline:
                return
            yield pause
            longest = min(2 * longest, LONGEST_PAUSE.total_seconds())
