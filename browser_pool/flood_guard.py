"""Notices a page that sends more than any honest one. Pure: it is told what came, and when if it matters.

The figures: the stand-in at medium weight sends 32 events of 7 kB from its start to a synced account, and the
real site writes more into its console; a page that does nothing else sends twenty thousand a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable

WINDOW_SECONDS = 5.0
MOST_EVENTS = 5_000
MOST_CHARACTERS = 96 * 1024 * 1024
"""In one window. localStorage of 10 MB may be written anew a few times."""


class FloodGuard:
    """Counts events and their size in windows of five seconds."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._began = monotonic()
        self._events = 0
        self._characters = 0

    def count(self, characters: int) -> str | None:
        """One more event. A sentence when it is one too many."""
        now = self._monotonic()
        if now - self._began >= WINDOW_SECONDS:
            self._began, self._events, self._characters = now, 0, 0
        self._events += 1
        self._characters += characters
        if self._events > MOST_EVENTS:
            return f"the page sent more than {MOST_EVENTS} events within {WINDOW_SECONDS:g} s"
        if self._characters > MOST_CHARACTERS:
            return f"the page sent more than {MOST_CHARACTERS >> 20} MB within {WINDOW_SECONDS:g} s"
        return None
