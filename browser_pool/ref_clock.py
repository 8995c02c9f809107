"""How long a QR lives, learned from the page. The site decides, and it has changed before.

WhatsApp gives the first QR of a batch 60 s and the others 20 s. A countdown that is wrong is worse than
none, so every QR that is seen to be followed by another corrects the figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

SHORTEST = timedelta(milliseconds=300)
"""Two refs closer together than this are a correction of the display, not a life."""


@dataclass(kw_only=True)
class RefLives:
    """What a node has learned, shared by its sessions."""

    first: timedelta = timedelta(seconds=60)
    following: timedelta = timedelta(seconds=20)


class RefClock:
    """One session's place in its batch of refs."""

    def __init__(self, lives: RefLives) -> None:
        self._lives = lives
        self._shown_at: float | None = None
        self._is_first = True

    def shown(self, now: float, *, mid_batch: bool = False) -> timedelta:
        """A new ref is on display at `now` (monotonic seconds); how long it will live."""
        self._learn(now)
        self._is_first = self._shown_at is None and not mid_batch
        self._shown_at = now
        return self._lives.first if self._is_first else self._lives.following

    def went_stale(self, now: float) -> None:
        """The ref on display died, and the page waits to be asked for another batch."""
        self._learn(now)
        self._shown_at = None

    def _learn(self, now: float) -> None:
        if self._shown_at is None:
            return
        lived = timedelta(seconds=now - self._shown_at)
        if lived >= SHORTEST and self._is_first:
            self._lives.first = lived
        elif lived >= SHORTEST:
            self._lives.following = lived

    def batch_ended(self) -> None:
        """What comes next is no successor of the ref on display: asked for, or scanned."""
        self._shown_at = None
