"""Who took how much, as rows of the registry: for functions on many machines, such as Lambda.

Rule: one statement takes, so that two machines cannot take the same. It is a write for each request; on one
machine the file of `functions.limit_table` costs microseconds.
"""

from __future__ import annotations

from storage.database import Database

_MICRO = 1_000_000


class LimitRows:
    """The rows of the registry. Times are seconds of the epoch; the rows hold microseconds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, who: str, *, now: float, interval: float, window: float) -> tuple[float, bool]:
        """Take one; give when this caller is full again, and whether one was there."""
        now_us, interval_us = round(now * _MICRO), round(interval * _MICRO)
        with self._database.transaction():
            row = self._database.one(
                "take_limit",
                who=who,
                now_us=now_us,
                fresh_us=now_us + interval_us,
                interval_us=interval_us,
                last_us=now_us + round(window * _MICRO) - interval_us,
                window_us=now_us + round(window * _MICRO),
            )
        assert row is not None
        return row["full_at_us"] / _MICRO, not row["refused"]

    def look(self, who: str) -> float:
        """When this caller is full again."""
        row = self._database.one("look_limit", who=who)
        return 0.0 if row is None else row["full_at_us"] / _MICRO

    def forget(self, now: float) -> int:
        """Remove who is full again."""
        with self._database.transaction():
            return self._database.run("forget_limits", now_us=round(now * _MICRO))
