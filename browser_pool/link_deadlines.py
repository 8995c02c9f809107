"""What a session waits for, and how long: one deadline of each kind, or none.

Rule: a deadline that has passed is named once, and then it is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum

from storage.clock import Clock

DISCONNECT_GRACE = timedelta(seconds=2)
"""The page reconnects a lost socket by itself within a second or two; only longer gaps are news."""
PASSKEY_LIFE = timedelta(minutes=10)
"""How long WhatsApp waits for the owner's passkey."""
NUMBER_LATE = timedelta(seconds=18)
"""The seeds gave up on the number here; we say connected without it, and it follows."""
NUMBER_LATE_AFTER_SYNC = timedelta(seconds=5)
UNPAIRED_DOUBT = timedelta(seconds=5)
"""A linked page that says UNPAIRED shows its QR at once; without a QR it may only be reconnecting."""
TAKE_OVER_AFTER = timedelta(seconds=5)
"""Opened elsewhere: let the other one finish its start, then take the account back."""


class Due(StrEnum):
    """What has not come when its deadline passes."""

    SCAN = "scan"
    PASSKEY = "passkey"
    LINK = "link"
    """The phone accepted; the page has to finish."""
    SOCKET = "socket"
    """A connection was lost, and the page may bring it back."""
    DOUBT = "doubt"
    """Whether a login is gone that the page does not show."""
    TAKE_OVER = "take_over"
    NUMBER = "number"


OF_THE_PAGE = frozenset(Due) - {Due.SCAN}
"""They end with their browser; somebody in front of a QR has the same time whatever becomes of it."""


class LinkDeadlines:
    """Of one session; monotonic."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: dict[Due, float] = {}

    def __contains__(self, due: Due) -> bool:
        return due in self._at

    def set(self, due: Due, after: timedelta) -> None:
        """From now on, whatever was set before."""
        self._at[due] = self._clock.monotonic() + after.total_seconds()

    def set_once(self, due: Due, after: timedelta) -> None:
        """The first call counts."""
        self._at.setdefault(due, self._clock.monotonic() + after.total_seconds())

    def lift(self, *dues: Due) -> None:
        """It came, or is waited for no more."""
        for due in dues:
            self._at.pop(due, None)

    def next(self) -> float | None:
        """When the first of them passes."""
        return min(self._at.values(), default=None)

    def passed(self) -> Iterator[Due]:
        """Those that have passed by now, each lifted as it is named."""
        now = self._clock.monotonic()
        for due in [due for due, at in self._at.items() if at <= now]:
            del self._at[due]
            yield due
