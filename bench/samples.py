"""What a series of measurements says. Rule: no sample is dropped, smoothed or repeated."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


def median(values: Sequence[float]) -> float:
    """The middle one, or the mean of the two in the middle."""
    return float(statistics.median(values))


def p95(values: Sequence[float]) -> float:
    """Nearest rank: the smallest sample that at least 95 of 100 do not exceed. Always a measured value; of
    20 samples the 19th, of fewer the largest."""
    if not values:
        raise ValueError("p95 of nothing")
    ordered = sorted(values)
    return ordered[math.ceil(0.95 * len(ordered)) - 1]


@dataclass(frozen=True, kw_only=True)
class Series:
    """All samples of one metric, one side and one number of sessions, in the order they were taken."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a series has at least one sample")

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def p95(self) -> float:
        return p95(self.values)

    @property
    def worst(self) -> float:
        return max(self.values)

    def to_json(self) -> dict[str, Any]:
        """The figures and what they were made of."""
        return {
            "samples": len(self.values),
            "median": round(self.median, 6),
            "p95": round(self.p95, 6),
            "best": round(min(self.values), 6),
            "worst": round(self.worst, 6),
            "values": [round(value, 6) for value in self.values],
        }
