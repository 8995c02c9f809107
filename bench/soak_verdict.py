"""Did anything grow? A straight line through the second half of the soak, for every life of every figure.

Rule: growth needs both, a slope above the bound and a rise that noise does not make. Tables that are kept on
purpose are not judged by their slope; retention has to be able to empty them.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.soak_samples import Point

MB = 1024 * 1024
LEAST_POINTS = 20
LEAST_SECONDS = 120.0
"""A shorter life says nothing about an hour."""
NOISE = 3.0
"""A rise counts from so many standard deviations around the line."""

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
class Bound:
    """What a figure may grow by in an hour, and the least rise that is worth a word."""

    per_hour: float
    least_rise: float


MEMORY = Bound(per_hour=24 * MB, least_rise=6 * MB)
"""A day of it would be half a gigabyte; less than 6 MB is an allocator at rest."""
COUNT = Bound(per_hour=6, least_rise=4)
DIAGNOSES = Bound(per_hour=math.inf, least_rise=math.inf)
"""Capped by number and age; `browser_pool.diagnosis` holds that."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One life of one figure."""

    series: str
    life: int
    seconds: float
    first: float
    last: float
    per_hour: float
    rise: float
    noise: float
    grew: bool


def bound_of(series: str) -> Bound | None:
    """None: not judged by its slope."""
    if series.startswith("rows of ") and series.split()[-1] in KEPT:
        return None
    if series.startswith("bytes of "):
        return None  # follows from the rows, and from what the log says of each
    if series == "entries of diagnoses":
        return DIAGNOSES
    return MEMORY if series.endswith(" memory") else COUNT


def findings(points: Iterable[Point], since: float) -> list[Finding]:
    """Lives that were long enough, the fastest growing of each figure first."""
    lives: dict[tuple[str, int], list[Point]] = defaultdict(list)
    for point in points:
        if point.at >= since:
            lives[point.series, point.life].append(point)
    found = []
    for (series, life), of_life in lives.items():
        bound = bound_of(series)
        if bound is None or len(of_life) < LEAST_POINTS or of_life[-1].at - of_life[0].at < LEAST_SECONDS:
            continue
        found.append(_judged(series, life, of_life, bound))
    return sorted(found, key=lambda one: (one.series, -one.per_hour))


def _judged(series: str, life: int, of_life: Sequence[Point], bound: Bound) -> Finding:
    times = [point.at for point in of_life]
    values = [point.value for point in of_life]
    slope, start = statistics.linear_regression(times, values)
    noise = statistics.pstdev([value - start - slope * at for at, value in zip(times, values, strict=True)])
    seconds = times[-1] - times[0]
    rise = slope * seconds
    grew = slope * 3600 > bound.per_hour and rise > max(bound.least_rise, NOISE * noise)
    return Finding(
        series=series,
        life=life,
        seconds=seconds,
        first=values[0],
        last=values[-1],
        per_hour=slope * 3600,
        rise=rise,
        noise=noise,
        grew=grew,
    )


def to_json(finding: Finding) -> dict[str, Any]:
    """Rounded: a tenth of a byte is no finding."""
    return {
        name: round(value, 1) if isinstance(value, float) else value
        for name, value in asdict(finding).items()
    }
