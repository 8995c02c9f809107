"""The log of attempts: when each was made, how long it took and what came of it.

Rule: of the answer only a short beginning is kept, as harmless text, and none of a deleted session's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage.clock import from_wire, to_wire
from storage.database import Database

LONGEST_ANSWER_BYTES = 200
"""Enough for the first line of an error page."""

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\u1fff\u3000-\ud7ff\uf900-\ufdff]+")
"""Control characters, and those that turn or hide text: the log may be read in a terminal."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try to deliver."""

    number: int
    started_at: datetime
    took: timedelta
    status_code: int | None
    error: str | None
    answer: str | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Attempt:
        return cls(
            number=row["number"],
            started_at=from_wire(row["started_at"]),
            took=timedelta(milliseconds=row["took_ms"]),
            status_code=row["status_code"],
            error=row["error"],
            answer=row["answer"],
        )


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What a sender says of its attempt."""

    started_at: datetime
    took: timedelta
    status_code: int | None = None
    error: str | None = None
    answer: bytes = b""


def answer_text(answer: bytes) -> str | None:
    """The beginning of an answer as text that harms no reader."""
    text = _UNPRINTABLE.sub(" ", answer[:LONGEST_ANSWER_BYTES].decode("utf-8", "replace")).strip()
    return text or None


class Attempts:
    """The attempts of the registry."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, delivery_id: str, tried: Tried) -> None:
        """Write an attempt down; inside the transaction that settles its delivery."""
        self._database.run(
            "insert_attempt",
            delivery_id=delivery_id,
            started_at=to_wire(tried.started_at),
            took_ms=max(0, round(tried.took.total_seconds() * 1000)),
            status_code=tried.status_code,
            error=tried.error,
            answer=answer_text(tried.answer),
        )

    def of(self, delivery_id: str) -> list[Attempt]:
        """Every attempt of a delivery, oldest first."""
        return [
            Attempt.from_row(row)
            for row in self._database.all("attempts_of_delivery", delivery_id=delivery_id)
        ]

    def empty(self, session_id: str) -> None:
        """Keep nothing that a receiver said of a deleted session's account."""
        self._database.run("empty_attempts_of_session", session_id=session_id)
