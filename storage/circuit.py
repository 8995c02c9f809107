"""An endpoint's circuit: when nothing is sent to it because it does not answer.

Rule: it opens after some failures in a row, for longer each time; then one delivery at a time tries, and any
answer closes it. A pause spends no attempt of a delivery.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from storage.clock import from_wire, to_wire

FAILURES_TO_OPEN = 5
"""One failure is a hiccup; two or three in a row happen in a deploy when several sessions speak at once."""

FIRST_PAUSE = timedelta(seconds=10)
"""As long as an attempt may hang, so that a dead endpoint holds one sender at most half of the time."""

LONGEST_PAUSE = timedelta(minutes=15)
"""A backend that was down for days hears of us a quarter of an hour after it is back, at the latest."""

QUICK = timedelta(seconds=1)
"""An endpoint that took longer gets fewer senders: standard webhooks are stored and answered at once."""


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """How an endpoint did lately."""

    failures: int = 0
    """In a row."""
    openings: int = 0
    """In a row; each doubles the pause."""
    open_until: datetime | None = None
    quick: bool = False
    """The last attempt was answered within QUICK."""

    def after_answer(self, took: timedelta) -> Circuit:
        """The endpoint answered, even if it said no."""
        return Circuit(quick=took <= QUICK)

    def after_failure(self, now: datetime, retry_after: timedelta | None = None) -> Circuit:
        """No answer, or one that says that the endpoint does not work now."""
        after = replace(self, failures=self.failures + 1, quick=False)
        open_already = self.open_until is not None and now < self.open_until
        if after.failures < FAILURES_TO_OPEN or open_already:  # begun before it opened, and counted then
            return after
        pause = min(FIRST_PAUSE * 2 ** min(self.openings, 10), LONGEST_PAUSE)
        if retry_after is not None:
            pause = max(pause, min(retry_after, LONGEST_PAUSE))
        return replace(after, openings=self.openings + 1, open_until=now + pause)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Circuit:
        return cls(
            failures=row["failures"],
            openings=row["openings"],
            open_until=None if row["open_until"] is None else from_wire(row["open_until"]),
            quick=bool(row["quick"]),
        )

    def to_row(self) -> dict[str, Any]:
        """Parameters of `save_circuit`."""
        return {
            "failures": self.failures,
            "openings": self.openings,
            "open_until": None if self.open_until is None else to_wire(self.open_until),
            "quick": int(self.quick),
        }


def is_failure(status_code: int | None) -> bool:
    """Whether an attempt says something of the endpoint rather than of one delivery."""
    return status_code is None or status_code >= 500 or status_code == 429
