"""The figures as a table and as a picture: how each grows from the smallest fleet to the largest.

Rule: what heartbeats cost by themselves is taken off the moves, so that a figure is of what its row names.
"""

from __future__ import annotations

from math import log10
from typing import Any
from xml.sax.saxutils import escape

from bench.picture import STYLE

QUIET = "heartbeats, nothing new"
CREATE = "create to QR"
EVERY_SECONDS = 2.0  # HEARTBEAT_SECONDS
WIDTH, HEIGHT, LEFT, TOP, FOOT = 940, 420, 70, 84, 60
RIGHT = 330  # for the names
COLORS = ("#1a7f5a", "#3b6fd4", "#c4432b", "#9a6700", "#8250df", "#6e7781")


def _costs(size: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {cost["what"]: cost for cost in size["costs"]}


def _each(size: dict[str, Any], what: str, field: str) -> float:
    """Of one unit; milliseconds for what is counted in seconds."""
    costs = _costs(size)
    cost, quiet = costs[what], costs[QUIET]
    whole = cost[field]
    if what != QUIET and cost["rounds"]:
        whole = max(0.0, whole - cost["heartbeats"] * quiet[field] / quiet["units"])
    return float(whole) / max(1, cost["units"]) * (1000 if field.endswith("seconds") else 1)


def markdown(whole: dict[str, Any]) -> str:
    """One table of what a unit costs, one of what the fleet costs by itself."""
    sizes, about = whole["sizes"], whole["about"]
    lines = [
        "CPU of functions + CPU of PostgreSQL in ms, statements and WAL for one unit of each row.",
        "",
        "| one | "
        + " | ".join(f"{size['sessions']:,} sessions, {size['nodes']} nodes" for size in sizes)
        + " |",
        "|---|" + "---|" * len(sizes),
    ]
    for what in _costs(sizes[0]):
        cells = (
            f"{_each(size, what, 'functions_cpu_seconds'):.1f}"
            f" + {_each(size, what, 'database_cpu_seconds'):.1f} ms,"
            f" {_each(size, what, 'statements'):.0f} st, {_each(size, what, 'wal_bytes') / 1000:.1f} kB"
            for size in sizes
        )
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    lines += ["", "Heartbeats alone, one of each node every 2 s (extrapolated from CPU, not from time):", ""]
    lines += [
        "| | " + " | ".join(f"{size['sessions']:,}" for size in sizes) + " |",
        "|---|" + "---|" * len(sizes),
    ]
    for name, field, unit, scale in (
        ("cores of functions", "functions_cpu_seconds", "", 0.001),
        ("cores of PostgreSQL", "database_cpu_seconds", "", 0.001),
        ("statements a second", "statements", "", 1.0),
        ("WAL a second", "wal_bytes", " kB", 0.001),
        ("received by nodes a second", "bytes_received", " kB", 0.001),
    ):
        if not _costs(sizes[0])[QUIET][field]:
            continue  # was not kept
        cells = (
            f"{_each(size, QUIET, field) * scale * size['nodes'] / EVERY_SECONDS:,.2f}{unit}"
            for size in sizes
        )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "Losses and moves:", ""]
    lines += [
        "| | " + " | ".join(f"{size['sessions']:,}" for size in sizes) + " |",
        "|---|" + "---|" * len(sizes),
    ]
    for what, cost in _costs(sizes[0]).items():
        if not cost["rounds"] or what in (QUIET, CREATE):
            continue
        cells = []
        for size in sizes:
            one = _costs(size)[what]
            cells.append(
                f"{one['units']:,} sessions, {one['rounds']} rounds of heartbeats, longest answer"
                f" {one['request_ms_most']:.0f} ms; at most"
                f" {one['most_on_one_node']} more on one node"
            )
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    statements = [
        (one["mean_ms"], one["query"], size["sessions"])
        for size in sizes
        for cost in size["costs"]
        for one in cost["statements_by_time"]
    ]
    if statements:
        mean_ms, query, sessions = max(statements)
        most = max(cost["connections"] for size in sizes for cost in size["costs"])
        lines += [
            "",
            f"Slowest statement by its mean: `{query}`, {mean_ms:.1f} ms at {sessions:,} sessions. At most"
            f" {most} connections.",
        ]
    lines += [
        "",
        f"Commit {about['commit']}, {about['date']}, {about['cores']} cores shared by everything, PostgreSQL"
        " with fsync off and else as in production; gunicorn with 2 workers of 8 threads over loopback.",
        *_circumstances(sizes, about["cores"]),
    ]
    return "\n".join(lines) + "\n"


def _circumstances(sizes: list[dict[str, Any]], cores: int) -> list[str]:
    """What else the machine did, which seconds show and CPU hardly does."""
    each = "; ".join(
        f"{size['sessions']:,} sessions: load average {size['load_before']} at its begin,"
        f" {size['load_after']} at its end, {size['seconds'] / 60:.1f} minutes,"
        f" {sum(cost['repeated'] for cost in size['costs'])} requests asked again,"
        f" {sum(cost['late'] for cost in size['costs'])} creates served by a heartbeat"
        for size in sizes
    )
    crowded = max(size["load_before"] for size in sizes) > 4 * cores
    warning = (
        " Others worked on the machine: CPU costs more then (caches, and threads that wait for each other),"
        " rounds and longest answers mean little; statements and bytes are as always."
    )
    return ["", f"{each}.{warning if crowded else ''}"]


def svg(whole: dict[str, Any]) -> str:
    """CPU of one unit, functions and database together, over the size of the fleet; both axes in tenfolds."""
    sizes = whole["sizes"]
    rows = [what for what in _costs(sizes[0]) if not what.startswith(("GET", "nodes"))]
    values = {
        what: [
            max(0.1, _each(size, what, "functions_cpu_seconds") + _each(size, what, "database_cpu_seconds"))
            for size in sizes
        ]
        for what in rows
    }
    low, high = 0.1, 100.0
    first, last = log10(sizes[0]["sessions"]), log10(max(sizes[-1]["sessions"], sizes[0]["sessions"] * 10))

    def x(sessions: int) -> float:
        return LEFT + (log10(sessions) - first) / (last - first) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        part = (log10(min(value, high)) - log10(low)) / (log10(high) - log10(low))
        return HEIGHT - FOOT - part * (HEIGHT - FOOT - TOP)

    title = "What one of each costs as the fleet grows"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" aria-labelledby="t">',
        f'<title id="t">{title}</title><style>{STYLE}</style>',
        f'<rect class="ground" x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
        f'<text class="title" x="20" y="32">{title}</text>',
        '<text class="soft" x="20" y="53">CPU of functions and database together; flat lines scale.</text>',
    ]
    for tenfold in (0.1, 1.0, 10.0, 100.0):
        parts.append(
            f'<line class="one" opacity=".3" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tenfold):.1f}" '
            f'y2="{y(tenfold):.1f}"/><text class="soft" x="{LEFT - 8}" y="{y(tenfold) + 4:.1f}" '
            f'text-anchor="end">{tenfold:g} ms</text>'
        )
    for size in sizes:
        parts.append(
            f'<text class="soft" x="{x(size["sessions"]):.1f}" y="{HEIGHT - FOOT + 22}" text-anchor="middle">'
            f"{size['sessions']:,}</text>"
        )
    ends: list[float] = []
    order = sorted(rows, key=lambda one: y(values[one][-1]))
    for place, what in enumerate(order):
        color = COLORS[place % len(COLORS)]
        points = [(x(size["sessions"]), y(value)) for size, value in zip(sizes, values[what], strict=True)]
        line = " ".join(f"{across:.1f},{down:.1f}" for across, down in points)
        label = max(points[-1][1] + 4, (ends[-1] + 18) if ends else 0.0)
        ends.append(label)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3.5" fill="{color}"/>' for across, down in points
        ]
        parts.append(
            f'<text x="{WIDTH - RIGHT + 14}" y="{label:.1f}" style="fill:{color}">{escape(what)}'
            f" {values[what][-1]:.1f} ms</text>"
        )
    parts.append(
        f'<text class="soft" x="20" y="{HEIGHT - 14}">Sessions of the fleet, 100 on a node. Commit '
        f"{whole['about']['commit']}, {whole['about']['date']}.</text></svg>"
    )
    return "\n".join(parts) + "\n"
