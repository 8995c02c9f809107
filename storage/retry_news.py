"""What the log says of a store that has to be asked again: the first time at once, then one line a minute.

Rule: a store that is away for an hour is one fact, not seven thousand lines; how often is counted, and told.
"""

from __future__ import annotations

import logging
import threading

from storage.clock import Clock
from storage.objects import StoreUnavailable

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0


class RetryNews:
    """One for a store, heard by all its threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._told_at: float | None = None
        """None while all is well."""
        self._untold = 0

    def retried(self, error: StoreUnavailable) -> None:
        """It did not answer, and is asked again."""
        now = self._clock.monotonic()
        with self._lock:
            self._untold += 1
            if self._told_at is not None and now - self._told_at < EVERY_SECONDS:
                return
            times, self._told_at, self._untold = self._untold, now, 0
        extra = {"operation": error.operation, "object": error.key, "why": str(error), "times": times}
        log.info("store_retry", extra=extra)

    def answered(self) -> None:
        """It did. Said of a trouble that nobody has heard the end of, when no more has come for a while."""
        if self._told_at is None:
            return
        now = self._clock.monotonic()
        with self._lock:
            if self._told_at is None or now - self._told_at < EVERY_SECONDS:
                return
            times, self._told_at, self._untold = self._untold, None, 0
        if times:
            log.info("store_retries_over", extra={"times": times})
