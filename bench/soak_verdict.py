"""Did anything grow? A robust line through every life of every figure, from the end of its warm-up.

Rule: growth needs all three, a slope above the limit that is more than chance, one that goes on in the later
half, and a rise that is worth a word. What bends and ends is a beginning. Tables that are kept on purpose are
not judged by their slope; retention has to be able to empty them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from bench.soak_samples import Point
from bench.trend import Trend, trend

MB = 1024 * 1024
HOUR = 3600.0
WARM_UP_SECONDS = 300.0
"""Of each life. Python's heaps, SQLite's caches and Node's code grow for some minutes and stay."""
LEAST_SECONDS = 600.0
"""After the warm-up. A shorter life says nothing about an hour, and is said to be too short."""
LEAST_POINTS = 20

KEPT = {
    "events": "EVENTS_KEEP_DAYS",
    "deliveries": "EVENTS_KEEP_DAYS",
    "delivery_attempts": "with their delivery",
    "sessions": "EVENTS_KEEP_DAYS after they were deleted",
    "audit": "AUDIT_KEEP_DAYS",
    "idempotency_keys": "24 hours",
    "chats": "with their session",
    "stream": "with their event",
    "nonces": "11 minutes, `storage.nodes.NONCE_LIFE`",
}
"""Tables of registry and pool.db that grow with what was done, and what ends it."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What a figure may grow by in an hour, and the least rise that is worth a word."""

    per_hour: float
    least_rise: float


MEMORY = Limit(per_hour=24 * MB, least_rise=6 * MB)
"""The hour has a thousand links, more than a node in use has in a week, so this is 24 kB each: what an
allocator may strew about. `bench.leaks` counts what stays of each by its type."""
BROWSER = Limit(per_hour=48 * MB, least_rise=16 * MB)
"""Chromium collects its rubbish when it likes; MEMORY_RECYCLE_MB ends what grows for days."""
COUNT = Limit(per_hour=6, least_rise=4)
DIAGNOSES = Limit(per_hour=math.inf, least_rise=math.inf)
"""Capped by number and age; `browser_pool.diagnosis` holds that."""


class Verdict(StrEnum):
    """Of one life of one figure."""

    GREW = "grew"
    FLAT = "flat"
    TOO_SHORT = "too short"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One life of one figure, from the end of its warm-up."""

    series: str
    life: int
    seconds: float
    """That were judged; 0 when the life was too short."""
    first: float
    """The line's height at the end of the warm-up; of a life that is too short, the figure itself."""
    last: float
    per_hour: float
    least_per_hour: float
    late_per_hour: float
    """Of the later half alone."""
    limit_per_hour: float
    verdict: Verdict

    @property
    def grew(self) -> bool:
        return self.verdict is Verdict.GREW

    @property
    def rise(self) -> float:
        return self.last - self.first


def limit_of(series: str) -> Limit | None:
    """None: not judged by its slope."""
    if series.startswith("rows of ") and series.split()[-1] in KEPT:
        return None
    if series.startswith("bytes of "):
        return None  # follows from the rows, and from what the log says of each
    if series == "entries of diagnoses":
        return DIAGNOSES
    if series == "browser memory":
        return BROWSER
    return MEMORY if series.endswith(" memory") else COUNT


def findings(
    points: Iterable[Point], *, warm_up: float = WARM_UP_SECONDS, least: float = LEAST_SECONDS
) -> list[Finding]:
    """Every life, the fastest growing of each figure first; those too short to judge come last."""
    lives: dict[tuple[str, int], list[Point]] = defaultdict(list)
    for point in points:
        lives[point.series, point.life].append(point)
    found = []
    for (series, life), of_life in lives.items():
        limit = limit_of(series)
        if limit is None:
            continue
        warm = [point for point in of_life if point.at >= of_life[0].at + warm_up]
        if len(warm) < LEAST_POINTS or warm[-1].at - warm[0].at < least:
            found.append(_too_short(series, life, of_life, limit))
        else:
            found.append(_judged(series, life, warm, limit))
    return sorted(
        found, key=lambda one: (one.series, one.verdict is Verdict.TOO_SHORT, -one.per_hour, -one.last)
    )


def _judged(series: str, life: int, warm: Sequence[Point], limit: Limit) -> Finding:
    whole, late = _line(warm), _line(warm[len(warm) // 2 :])
    first, last = whole.at(warm[0].at), whole.at(warm[-1].at)
    goes_on = min(whole.slope, late.slope) * HOUR > limit.per_hour and whole.least > 0
    grew = goes_on and last - first > limit.least_rise
    return Finding(
        series=series,
        life=life,
        seconds=warm[-1].at - warm[0].at,
        first=first,
        last=last,
        per_hour=whole.slope * HOUR,
        least_per_hour=whole.least * HOUR,
        late_per_hour=late.slope * HOUR,
        limit_per_hour=limit.per_hour,
        verdict=Verdict.GREW if grew else Verdict.FLAT,
    )


def _line(points: Sequence[Point]) -> Trend:
    return trend([point.at for point in points], [point.value for point in points])


def _too_short(series: str, life: int, of_life: Sequence[Point], limit: Limit) -> Finding:
    return Finding(
        series=series,
        life=life,
        seconds=0.0,
        first=of_life[0].value,
        last=of_life[-1].value,
        per_hour=0.0,
        least_per_hour=0.0,
        late_per_hour=0.0,
        limit_per_hour=limit.per_hour,
        verdict=Verdict.TOO_SHORT,
    )


def to_json(finding: Finding) -> dict[str, Any]:
    """Rounded: a tenth of a byte is no finding."""
    return {
        name: None if value == math.inf else round(value, 1) if isinstance(value, float) else value
        for name, value in asdict(finding).items()
    }
