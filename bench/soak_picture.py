"""What a soak held over time, as an SVG: one small chart a figure, faults as ticks below.

Like `bench/picture.py` it brings its own ground and follows the reader's colour scheme.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from bench.picture import STYLE
from bench.soak_faults import Happened
from bench.soak_samples import Point

CHART_WIDTH = 440
CHART_HEIGHT = 96
COLUMNS = 2
GAP = 24
TOP = 76
MB = 1024 * 1024
MOST_POINTS = 400
"""For each line; more cannot be seen."""

CHARTS = {
    "pool memory": ("pool memory",),
    "functions memory": ("functions memory", "functions worker memory", "functions worker 1 memory"),
    "deliverer memory": ("deliverer memory",),
    "driver memory": ("driver memory",),
    "memory of each browser": ("browser memory",),
    "descriptors": (
        "pool descriptors",
        "functions worker descriptors",
        "deliverer descriptors",
        "driver descriptors",
    ),
    "processes": ("processes",),
    "browsers and zombies": ("browsers", "zombies"),
    "profiles on disk": ("entries of profiles",),
    "files outside profiles": ("files outside profiles",),
    "temporary entries": ("entries of the temporary directory", "entries of snapshot-staging"),
    "rows kept by retention": (
        "rows of registry events",
        "rows of registry deliveries",
        "rows of registry sessions",
    ),
    "outbox and journal": ("rows of pool.db outbox", "rows of pool.db journal"),
}
_LINES = "polyline{fill:none;stroke:#1a7f5a;stroke-width:1.3}.fault{stroke:#c4432b;stroke-width:1}"
_DARK = "@media (prefers-color-scheme:dark){polyline{stroke:#3fb984}.fault{stroke:#f0735c}}"


def svg(points: Sequence[Point], happened: Sequence[Happened], about: dict[str, Any]) -> str:
    """Charts without a figure are left out."""
    drawn = [(title, _lives(points, names)) for title, names in CHARTS.items()]
    drawn = [(title, lives) for title, lives in drawn if lives]
    end = max((point.at for point in points), default=1.0)
    rows = -(-len(drawn) // COLUMNS)
    width = GAP + COLUMNS * (CHART_WIDTH + GAP)
    height = TOP + rows * (CHART_HEIGHT + 2 * GAP) + 30
    title = f"{about['minutes']:g} minutes with links, logouts, crashes and restarts at random"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="t d">',
        f'<title id="t">{escape(title)}</title>',
        f'<desc id="d">{escape("; ".join(name for name, _ in drawn))} over time</desc>',
        f"<style>{STYLE}{_LINES}{_DARK}</style>",
        f'<rect class="ground" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8"/>',
        f'<text class="title" x="20" y="32">{escape(title)}</text>',
        '<text class="soft" x="20" y="53">One line a process; ticks are faults. Our own processes are killed '
        "in the first two fifths and followed from then on.</text>",
    ]
    for place, (name, lives) in enumerate(drawn):
        left = GAP + (place % COLUMNS) * (CHART_WIDTH + GAP)
        top = TOP + (place // COLUMNS) * (CHART_HEIGHT + 2 * GAP)
        parts += _chart(name, lives, happened, left, top, end)
    parts.append(
        f'<text class="soft" x="20" y="{height - 12}">{about["cores"]} cores, commit {about["commit"]}, '
        f"{about['date']}, seed {about['seed']}.</text>"
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _lives(points: Sequence[Point], names: tuple[str, ...]) -> list[list[Point]]:
    lives: dict[tuple[str, int], list[Point]] = defaultdict(list)
    for point in points:
        if point.series in names:
            lives[point.series, point.life].append(point)
    return list(lives.values())


def _chart(
    name: str, lives: list[list[Point]], happened: Sequence[Happened], left: int, top: int, end: float
) -> list[str]:
    most = max(max(point.value for point in life) for life in lives) or 1.0
    memory = "memory" in name
    said = f"{most / MB:.0f} MB" if memory else f"{most:,.0f}"
    bottom = top + GAP + CHART_HEIGHT
    parts = [
        f'<text x="{left}" y="{top + 14}">{escape(name)}'
        f'<tspan class="soft" dx="8">most {said}</tspan></text>',
        f'<line class="one" x1="{left}" y1="{bottom}" x2="{left + CHART_WIDTH}" y2="{bottom}"/>',
    ]
    for life in lives:
        every = max(1, len(life) // MOST_POINTS)
        line = " ".join(
            f"{left + point.at / end * CHART_WIDTH:.1f},{bottom - point.value / most * CHART_HEIGHT:.1f}"
            for point in [*life[::every], life[-1]]
        )
        parts.append(f'<polyline points="{line}"/>')
    for one in happened:
        x = left + one.at / end * CHART_WIDTH
        parts.append(f'<line class="fault" x1="{x:.1f}" y1="{bottom}" x2="{x:.1f}" y2="{bottom + 4}"/>')
    return parts
