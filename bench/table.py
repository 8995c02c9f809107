"""The rows as a Markdown table, for the README and for whoever compares two runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.rows import Row, Unit, figure
from bench.samples import Series

HEAD = (
    "| what | seeds | target | linkpool, median · p95 | whatsapp-web.js, median · p95 | samples | ratio "
    "| reached |"
)
RULE = "|---|---|---|---|---|---|---|---|"
NOTHING = "-"


def markdown(rows: Sequence[Row], about: dict[str, Any], remarks: Sequence[str] = ()) -> str:
    """Table, footnotes, what it was measured on, what went wrong."""
    notes: list[str] = []
    lines = [HEAD, RULE, *(_line(row, notes) for row in rows)]
    lines += ["", *(f"<sup>{place}</sup> {note}  " for place, note in enumerate(notes, 1))]
    lines += ["", _measured_on(about), *(line for remark in remarks for line in ("", remark))]
    return "\n".join(lines) + "\n"


def _line(row: Row, notes: list[str]) -> str:
    spec = row.spec
    ours = _series(row.ours, spec.unit)
    if row.note is not None:
        ours = row.note if row.ours is None else ours + _mark(row.note, notes)
    peer = _series(row.peer, spec.unit)
    if row.peer is not None and spec.peer_note is not None:
        peer += _mark(spec.peer_note, notes)
    target = NOTHING if spec.target is None else spec.target.text(spec.unit)
    asked = [spec.what, spec.seeds or NOTHING, target]
    cells = [*asked, ours, peer, _samples(row), ratio_text(row), _reached(row)]
    return f"| {' | '.join(cells)} |"


def _samples(row: Row) -> str:
    counts = [str(len(series.values)) for series in (row.ours, row.peer) if series is not None]
    return " · ".join(counts) or NOTHING


def ratio_text(row: Row) -> str:
    """Of the medians; of the p95 in brackets."""
    if row.ratio is None or row.p95_ratio is None:
        return NOTHING
    return f"{_ratio(row.ratio)} ({_ratio(row.p95_ratio)})"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def _series(series: Series | None, unit: Unit) -> str:
    if series is None:
        return NOTHING
    if unit is Unit.PER_SECOND:  # where more is better, a p95 says nothing
        return figure(series.median, unit)
    return f"{figure(series.median, unit)} · {figure(series.p95, unit)}"


def _mark(note: str, notes: list[str]) -> str:
    if note not in notes:
        notes.append(note)
    return f" <sup>{notes.index(note) + 1}</sup>"


def _reached(row: Row) -> str:
    return {True: "yes", False: "**no**", None: NOTHING}[row.reached]


def _measured_on(about: dict[str, Any]) -> str:
    changed = " with changes" if about["uncommitted_changes"] else ""
    memory = round(about["memory_bytes"] / 2**30)
    return (
        f"Commit {about['commit']}{changed}, {about['date']}; "
        f"{about['cores']} cores, {memory} GB, {about['system']}; {about['chromium_of_the_peer']}, "
        f"Node {about['node']}, whatsapp-web.js {about['whatsapp_web_js']}, "
        "all on one stand-in at medium weight. "
        "The seeds' figures are from the real site and another machine. Ratios compare medians, and p95 in "
        "brackets; below 1 is better for us."
    )
