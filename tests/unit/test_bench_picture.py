"""The picture of the ratios: well-formed, true to scale, legible on light and dark."""

import re
from typing import Any
from xml.etree import ElementTree

from bench.picture import BARS, LABELS, svg
from bench.rows import Limit, Row, RowSpec, Target
from bench.samples import Series

SVG = "{http://www.w3.org/2000/svg}"
ABOUT: dict[str, Any] = {"commit": "abc1234", "date": "2026-01-02", "cores": 2, "whatsapp_web_js": "1.34.7"}


def row(ours: float, peer: float | None, what: str = "cold", most: float | None = None) -> Row:
    target = None if most is None else Target(limit=Limit.RATIO, most=most)
    spec = RowSpec(metric="a", what=what, target=target)
    other = None if peer is None else Series(values=(peer,))
    return Row(spec=spec, ours=Series(values=(ours,)), peer=other)


def drawn(*rows: Row) -> ElementTree.Element:
    return ElementTree.fromstring(svg(rows, ABOUT))  # noqa: S314 - our own text


def bars(picture: ElementTree.Element) -> list[tuple[str, float]]:
    found = picture.findall(f"{SVG}rect")
    return [(bar.get("class", ""), float(bar.get("width", "0"))) for bar in found[1:]]


def test_bars_are_to_scale_and_coloured_by_verdict() -> None:
    picture = drawn(row(1.0, 2.0, most=0.5), row(1.8, 2.0, most=0.5), row(1.0, 4.0))
    assert bars(picture) == [("bar", BARS / 2), ("missed", BARS * 0.9), ("plain", BARS / 4)]
    ticks = [line for line in picture.findall(f"{SVG}line") if line.get("class") == "tick"]
    assert [float(tick.get("x1", "0")) for tick in ticks] == [LABELS + BARS / 2] * 2


def test_worse_than_the_peer_stays_on_the_canvas_and_moves_the_scale() -> None:
    assert bars(drawn(row(9.0, 1.0), row(1.0, 1.0))) == [("plain", BARS), ("plain", BARS / 1.5)]


def test_rows_without_a_peer_are_left_out_and_no_row_is_no_crash() -> None:
    assert bars(drawn(row(1.0, None))) == []
    assert bars(drawn()) == []


def test_names_are_escaped() -> None:
    assert "a < b & c" in " ".join(drawn(row(1.0, 2.0, what="a < b & c")).itertext())


def test_every_colour_has_a_dark_one() -> None:
    style = drawn(row(1.0, 2.0)).findtext(f"{SVG}style") or ""
    light, _, dark = style.partition("@media (prefers-color-scheme:dark)")
    coloured = set(re.findall(r"([.\w]+)\{[^}]*(?:fill|stroke):#", light))
    assert coloured == set(re.findall(r"([.\w]+)\{[^}]*(?:fill|stroke):#", dark))
    assert ".ground" in coloured
