"""Rows and the table made of them: ratios, targets, notes."""

from typing import Any

import pytest

from bench.results import Results, Side
from bench.rows import Limit, Row, RowSpec, Target, Unit, figure
from bench.samples import Series
from bench.scenarios.registry import SCENARIOS
from bench.table import markdown
from bench.table_of_rows import all_metrics, row_specs

ABOUT: dict[str, Any] = {
    "commit": "abc1234",
    "uncommitted_changes": False,
    "date": "2026-01-02",
    "cores": 2,
    "memory_bytes": 2**34,
    "system": "Debian",
    "chromium_of_the_peer": "Chromium 1",
    "node": "v20",
    "whatsapp_web_js": "1.34.7",
}


def row(ours: list[float], peer: list[float] | None, target: Target | None, unit: Unit = Unit.SECONDS) -> Row:
    spec = RowSpec(metric="cold", what="cold start", seeds="7 to 9 s", target=target, unit=unit)
    other = None if peer is None else Series(values=tuple(peer))
    return Row(spec=spec, ours=Series(values=tuple(ours)), peer=other)


def ratio(most: float) -> Target:
    return Target(limit=Limit.RATIO, most=most)


def test_a_ratio_must_hold_for_the_median_and_for_the_p95() -> None:
    assert row([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], ratio(0.5)).reached is True
    assert row([1.0, 1.0, 1.9], [2.0, 2.0, 2.0], ratio(0.5)).reached is False
    assert row([1.1, 1.1, 1.0], [2.0, 2.0, 9.0], ratio(0.5)).reached is False


def test_absolute_targets_need_no_peer() -> None:
    twenty = [0.04] * 19 + [9.0]
    assert row(twenty, None, Target(limit=Limit.P95, most=0.05)).reached is True
    assert row(twenty, None, Target(limit=Limit.WORST, most=1.0)).reached is False


def test_nothing_is_reached_that_was_not_asked_for_or_not_measured() -> None:
    assert row([1.0], [2.0], None).reached is None
    assert row([1.0], None, ratio(0.5)).reached is None
    assert Row(spec=RowSpec(metric="cold", what="", target=ratio(0.5))).reached is None


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, Unit.SECONDS, "0 ms"),
        (0.0174, Unit.SECONDS, "17 ms"),
        (2.345, Unit.SECONDS, "2.35 s"),
        (14.24, Unit.SECONDS, "14.2 s"),
        (125e6, Unit.BYTES, "125 MB"),
        (5123.4, Unit.PER_SECOND, "5,123 /s"),
    ],
)
def test_figures_are_readable(value: float, unit: Unit, text: str) -> None:
    assert figure(value, unit) == text


def test_table_has_a_line_a_row_with_ratio_and_verdict() -> None:
    lines = markdown([row([1.0, 1.2], [2.0, 2.0], ratio(0.75))], ABOUT).splitlines()
    assert lines[2] == (
        "| cold start | 7 to 9 s | 0.75 of the peer | 1.10 s · 1.20 s | 2.00 s · 2.00 s | 2 · 2 | "
        "0.55 (0.60) | yes |"
    )


def test_failures_and_misses_stand_below_the_table() -> None:
    results = Results()
    with results.surviving("wake"):
        int("no number")
    results.miss("QR at 10: 1 of 10; it said nothing")
    text = markdown([], ABOUT, results.remarks())
    assert "Not measured: wake: ValueError: invalid literal" in text
    assert "whatsapp-web.js missed: QR at 10: 1 of 10" in text
    assert results.failures[0]["what"] == "wake"


def test_rows_find_our_samples_and_the_nearest_of_the_peer() -> None:
    results = Results()
    results.add(Side.OURS, "kept", 5, 0.5, 0.7)
    results.add(Side.PEER, "restart", 5, 6.0)
    results.add(Side.PEER, "restart", 1, 3.0)
    rows = {(row.spec.metric, row.spec.sessions): row for row in results.rows(row_specs([1, 5]))}
    kept = rows["kept", 5]
    assert kept.ratio == pytest.approx(0.1)
    assert kept.reached is True
    assert rows["kept", 1].ours is None
    assert rows["node_killed", 1].note == "by `make matrix`"


def test_every_row_of_the_table_is_named_once() -> None:
    specs = row_specs([1, 5, 10])
    assert len({(spec.metric, spec.sessions) for spec in specs}) == len(specs)
    assert len({spec.what for spec in specs}) == len(specs)


def test_the_number_is_followed_to_the_registry_the_page_and_the_backend() -> None:
    followed = ("number", "number_painted", "number_webhook")
    rows = {spec.metric: spec for spec in row_specs([1]) if spec.metric in followed}
    assert tuple(rows) == followed
    assert rows["number_webhook"].seeds == "3 to 4 s + 0.5 s + 0.5 s"
    measured = {metric for scenario in SCENARIOS.values() for metric in scenario.metrics}
    assert measured == all_metrics()
