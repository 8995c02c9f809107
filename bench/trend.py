"""The slope of noisy figures: Theil-Sen, the median of the slopes of all pairs, and how far it may be off.

Rule: half of the points but one may lie anywhere, so a collection of rubbish, a burst or a restart next door
moves nothing. A least-squares line would follow them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

MOST_POINTS = 300
"""45,000 pairs; more points in the same time say nothing new. Longer series are thinned by medians."""
Z_95 = 1.96


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Units of y for each unit of x."""

    slope: float
    least: float
    """The slope is not smaller, with 97.5 % confidence, if the points do not hang together; they do a bit."""
    most: float
    start: float
    """The line's height at x = 0."""

    def at(self, x: float) -> float:
        return self.start + self.slope * x


def trend(xs: Sequence[float], ys: Sequence[float]) -> Trend:
    """Of at least two points at different places."""
    xs, ys = _thinned(xs, ys)
    slopes = sorted(
        (ys[j] - ys[i]) / (xs[j] - xs[i])
        for i in range(len(xs))
        for j in range(i + 1, len(xs))
        if xs[i] != xs[j]
    )
    slope = statistics.median(slopes)
    start = statistics.median([y - slope * x for x, y in zip(xs, ys, strict=True)])
    n = len(xs)
    wide = Z_95 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    lower = max(0, round((len(slopes) - wide) / 2))
    upper = min(len(slopes) - 1, round((len(slopes) + wide) / 2))
    return Trend(slope=slope, least=slopes[lower], most=slopes[upper], start=start)


def _thinned(xs: Sequence[float], ys: Sequence[float]) -> tuple[list[float], list[float]]:
    every = math.ceil(len(xs) / MOST_POINTS)
    places = range(0, len(xs), every)
    return (
        [statistics.median(xs[place : place + every]) for place in places],
        [statistics.median(ys[place : place + every]) for place in places],
    )
