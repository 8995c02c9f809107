"""The ratios as an SVG, written by hand: one bar a row, the peer at 1, a tick where the target is.

It brings its own ground and follows the reader's colour scheme, so it can stand on a light and a dark page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from bench.rows import Limit, Row, figure

WIDTH = 940
LABELS = 356  # pixels for what a row is
BARS = 330
TOP = 92
STEP = 30
BAR = 16
FOOT = 34
LEAST_BAR = 2.0  # pixels; a ratio of 0.003 is still to be seen
MOST_RATIO = 1.5  # longer bars are cut

STYLE = """
text{font:13px -apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328}
.ground{fill:#fff;stroke:#d0d7de}
.title{font-size:16px;font-weight:600}.soft{fill:#59636e}.value{font-weight:600}
.bar{fill:#1a7f5a}.missed{fill:#c4432b}.plain{fill:#6e7781}
.one{stroke:#59636e;stroke-width:1}.tick{stroke:#1f2328;stroke-width:2}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.ground{fill:#0d1117;stroke:#30363d}.soft{fill:#9198a1}
.bar{fill:#3fb984}.missed{fill:#f0735c}.plain{fill:#8b949e}
.one{stroke:#9198a1}.tick{stroke:#e6edf3}}
"""


def svg(rows: Sequence[Row], about: dict[str, Any]) -> str:
    """Rows that have no ratio are left out."""
    drawn = [row for row in rows if row.ratio is not None]
    scale = BARS / max([1.0, *(min(row.ratio or 0.0, MOST_RATIO) for row in drawn)])
    height = TOP + STEP * len(drawn) + FOOT
    one = LABELS + scale
    title = f"linkpool beside whatsapp-web.js {about['whatsapp_web_js']}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-labelledby="t d">',
        f'<title id="t">{escape(title)}</title><desc id="d">{escape(_in_words(drawn))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>',
        f'<text class="title" x="20" y="32">{escape(title)}</text>',
        '<text class="soft" x="20" y="53">Median of linkpool by median of whatsapp-web.js, same stand-in,'
        " same machine, same run. Shorter is better.</text>",
        f'<text class="soft" x="{one:.0f}" y="{TOP - 12}" text-anchor="middle">whatsapp-web.js = 1</text>',
        *(_bar(row, TOP + STEP * place, scale) for place, row in enumerate(drawn)),
        f'<line class="one" x1="{one:.1f}" y1="{TOP - 6}" x2="{one:.1f}" y2="{TOP + STEP * len(drawn)}"/>',
        f'<text class="soft" x="20" y="{height - 14}">Ticks are targets; green: reached, red: not, grey: '
        f"none set. {about['cores']} cores, commit {about['commit']}, {about['date']}.</text>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bar(row: Row, top: int, scale: float) -> str:
    ratio = row.ratio or 0.0
    long = max(LEAST_BAR, min(ratio, MOST_RATIO) * scale)
    kind = {True: "bar", False: "missed", None: "plain"}[row.reached]
    line = top + STEP / 2 + 4.5
    parts = [
        f'<text x="{LABELS - 12}" y="{line}" text-anchor="end">{escape(_label(row))}</text>',
        f'<rect class="{kind}" x="{LABELS}" y="{top + (STEP - BAR) / 2:g}" width="{long:.1f}" '
        f'height="{BAR}" rx="2"/>',
    ]
    target = row.spec.target
    if target is not None and target.limit is Limit.RATIO:
        at = LABELS + target.most * scale
        parts.append(f'<line class="tick" x1="{at:.1f}" y1="{top + 4}" x2="{at:.1f}" y2="{top + STEP - 4}"/>')
    parts.append(
        f'<text x="{LABELS + BARS + 14}" y="{line}"><tspan class="value">{_ratio(ratio)}</tspan>'
        f'<tspan class="soft" dx="8">{escape(_figures(row))}</tspan></text>'
    )
    return "".join(parts)


def _label(row: Row) -> str:
    return SHORT.get(row.spec.metric, row.spec.what).format(sessions=row.spec.sessions)


SHORT = {
    "warm": "create to QR, warm",
    "cold": "cold start to QR, {sessions} at once",
    "number": "number in the page to number known",
    "link": "scan to linked with number, {sessions} at once",
    "kept": "restart, browsers kept, {sessions} held",
    "lost": "restart, browsers lost, {sessions} held",
    "wake": "wake from hibernation",
    "memory": "memory per session, of {sessions}",
    "cpu": "CPU per link, of {sessions}",
}


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def _figures(row: Row) -> str:
    assert row.ours is not None
    assert row.peer is not None
    unit = row.spec.unit
    return f"{figure(row.ours.median, unit)} against {figure(row.peer.median, unit)}"


def _in_words(rows: Sequence[Row]) -> str:
    return "; ".join(f"{_label(row)}: {_ratio(row.ratio or 0.0)}" for row in rows)
