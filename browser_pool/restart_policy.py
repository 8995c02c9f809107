"""How often a browser may be started again, and after which pause.

Rule: a session that was linked is given up only for what a new start cannot mend. A site that does not
answer is waited for, however long; a browser that keeps dying is not.
"""

from __future__ import annotations

from browser_pool.errors import LoginLost, NothingToRestore, PageUnreachable, SlotError, StoreAway
from storage.clock import Clock

UNLINKED_TRIES = 2
"""Somebody waits in front of the page: one retry, then the truth."""
LINKED_TRIES = 3
FORGIVEN_AFTER_SECONDS = 600.0
"""A browser that ran this long failed for a new reason."""
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 60.0


class RestartPolicy:
    """Counts the failures of one session."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: list[float] = []
        self._unreachable = 0

    def pause_before_next(self, error: SlotError, *, linked: bool) -> float | None:
        """Seconds to wait before the next start; None when there is to be none."""
        if isinstance(error, LoginLost | NothingToRestore):
            return None  # the runner tries the snapshots before it asks here
        if linked and isinstance(error, PageUnreachable | StoreAway):
            self._unreachable += 1
            return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self._unreachable, 10))
        now = self._clock.monotonic()
        self._failures = [at for at in self._failures if now - at < FORGIVEN_AFTER_SECONDS]
        self._failures.append(now)
        if len(self._failures) >= (LINKED_TRIES + 1 if linked else UNLINKED_TRIES):
            return None
        return FIRST_PAUSE_SECONDS * (len(self._failures) - 1)

    def is_well(self) -> None:
        """The session got where it should: unreachability is over, and so is the fault of the start."""
        self._unreachable = 0
