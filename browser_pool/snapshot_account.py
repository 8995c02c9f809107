"""What is remembered of one session between looks, and whether its login is due to be saved.

Rule: a change is saved when nothing has changed for a while, and at the latest when it has waited long
enough; after a failure each try waits twice as long.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

RETRY_AFTER = timedelta(seconds=5)
RETRY_AT_MOST = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class SnapshotTimes:
    """When changes are saved; see PoolConfig for the reasons."""

    quiet: timedelta
    every: timedelta
    keep: int


@dataclass(kw_only=True)
class SnapshotAccount:
    """Times are monotonic."""

    saved: str | None = None
    """Signature of what the newest snapshot holds."""
    known: bool = False
    """`saved` was read from the disk."""
    saves: int = 0
    failures: int = 0
    """In a row."""
    dirty_since: float | None = None
    """Since when something is not saved."""
    not_before: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the one save at a time."""
    _seen: str | None = None
    _seen_at: float = 0.0

    def is_due(self, seen: str, now: float, times: SnapshotTimes) -> bool:
        """A look found this signature; is it time to save?"""
        if seen == self.saved:
            self.dirty_since = None
            return False
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
            self.dirty_since = self.dirty_since if self.dirty_since is not None else now
        quiet = now - self._seen_at >= times.quiet.total_seconds()
        waited = now - (self.dirty_since or now) >= times.every.total_seconds()
        return quiet or waited

    def was_saved(self, seen: str) -> None:
        """What the store has now is of this signature."""
        self.saved, self.known = seen, True
        self.saves += 1

    def failed(self, now: float, *, give_way: bool) -> None:
        """Wait before the next try; to `give_way`, as another node has the session, as long as ever."""
        self.failures += 1
        pause = min(RETRY_AT_MOST, RETRY_AFTER * 2.0 ** min(self.failures - 1, 10))
        self.not_before = now + (RETRY_AT_MOST if give_way else pause).total_seconds()
