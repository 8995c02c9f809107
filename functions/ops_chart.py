"""Latency over the last hours as inline SVG: median and p95 of each stretch of time.

Rule: numbers in, markup out; colours come from the page's style, so that both schemes are its affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from markupsafe import Markup

WIDTH, HEIGHT = 640, 150
LEFT, TOP, BOTTOM = 46, 10, 22
STRETCHES = 36
_STEPS = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300)
"""Tops of the scale, in seconds."""


@dataclass(frozen=True)
class Sample:
    """One measurement."""

    at: datetime
    milliseconds: int


def quantile(values: Sequence[float], share: float) -> float:
    """Nearest rank: a value that was measured, not one in between."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * share - 1e-9) - 1)]


def chart(samples: Sequence[Sample], now: datetime, over: timedelta, title: str) -> Markup:
    """The last `over` until now."""
    stretch = over / STRETCHES
    begin = now - over
    buckets: list[list[float]] = [[] for _ in range(STRETCHES)]
    for sample in samples:
        index = int((sample.at - begin) / stretch)
        if 0 <= index < STRETCHES:
            buckets[index].append(sample.milliseconds / 1000)
    points = [
        (index, quantile(bucket, 0.5), quantile(bucket, 0.95))
        for index, bucket in enumerate(buckets)
        if bucket
    ]
    top = next((step for step in _STEPS if step >= max((high for *_, high in points), default=0)), _STEPS[-1])
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{_said(title, points)}">',
        *(_line(share, top) for share in (0, 0.5, 1)),
        *(_hour(moment, begin, over) for moment in _hours(begin, now)),
        *(_bar(index, median, high, top) for index, median, high in points),
        "</svg>",
    ]
    return Markup("".join(parts))  # noqa: S704 - numbers and our own words only


def _said(title: str, points: Sequence[tuple[int, float, float]]) -> str:
    if not points:
        return f"{title}: nothing in this time"
    worst = max(high for *_, high in points)
    return f"{title}: median now {points[-1][1]:.2f} s, worst p95 {worst:.2f} s"


def _y(value: float, top: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(value, top) / top), 1)


def _x(share: float) -> float:
    return round(LEFT + (WIDTH - LEFT - 6) * share, 1)


def _line(share: float, top: float) -> str:
    y = _y(top * share, top)
    label = f"{top * share:g} s"
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - 6}" y1="{y}" y2="{y}"/>'
        f'<text class="axis end" x="{LEFT - 6}" y="{y + 4}">{label}</text>'
    )


def _hours(begin: datetime, now: datetime) -> list[datetime]:
    first = (begin + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    return [first + timedelta(hours=hour) for hour in range(24) if first + timedelta(hours=hour) <= now]


def _hour(moment: datetime, begin: datetime, over: timedelta) -> str:
    x = _x((moment - begin) / over)
    return f'<text class="axis middle" x="{x}" y="{HEIGHT - 6}">{moment:%H:%M}</text>'


def _bar(index: int, median: float, high: float, top: float) -> str:
    """The median as a mark, and above it a line up to p95."""
    x = _x((index + 0.5) / STRETCHES)
    return (
        f'<line class="spread" x1="{x}" x2="{x}" y1="{_y(high, top)}" y2="{_y(median, top)}"/>'
        f'<circle class="p95" cx="{x}" cy="{_y(high, top)}" r="2.5"/>'
        f'<circle class="median" cx="{x}" cy="{_y(median, top)}" r="3.5"/>'
    )
