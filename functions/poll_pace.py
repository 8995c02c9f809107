"""How often open pages may look when there are very many of them.

Rule: only a page that waits for a person is slowed down. A page on which something is about to happen is not,
and there are never many of those.
"""

from __future__ import annotations

import threading
from datetime import timedelta

from functions.link_view import POLL_QUEUE, POLL_SCAN
from storage.clock import Clock

POLLS_PER_SECOND = 800
"""Of one process. A poll costs it 0.6 ms of CPU (bench: poll_cpu), so this is half of a core; the rest is for
those who create sessions and for the nodes."""
SLOWEST = timedelta(seconds=3)
"""What the seeds polled by; a page that looks less often seems dead."""
_WINDOW_SECONDS = 1.0
_AS_GOOD_AS_NONE = 1.05


class PollPace:
    """Counts the polls of this process. Every process has its own, and its share of the pages."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since = clock.monotonic()
        self._polls = 0
        self._stretch = self._stretch_before = 1.0

    def after(self, wait: timedelta) -> timedelta:
        """How long a page should wait that would like to look again after `wait`. Counts as one poll."""
        now = self._clock.monotonic()
        with self._lock:
            self._polls += 1
            took = now - self._since
            if took >= _WINDOW_SECONDS:
                self._adjust(self._polls / took)
                self._since, self._polls = now, 0
            stretch = self._stretch
        if stretch == 1.0 or not POLL_SCAN <= wait <= POLL_QUEUE:
            return wait
        return min(wait * stretch, SLOWEST)

    def _adjust(self, polls_per_second: float) -> None:
        """Those who came in this window were told when in the one before, so its stretch says what they would
        ask for unstretched. Half of the way at a time: going all of it swings for ever."""
        goal = max(1.0, polls_per_second * self._stretch_before / POLLS_PER_SECOND)
        self._stretch_before, self._stretch = self._stretch, (self._stretch * goal) ** 0.5
        if self._stretch < _AS_GOOD_AS_NONE:
            self._stretch = 1.0
