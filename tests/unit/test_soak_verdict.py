"""What the soak calls growth: beyond the limit and chance, after the warm-up, and going on, in one life."""

import json
import math
import random

import pytest

from bench import log_reading
from bench.acceptance_client import Try
from bench.acceptance_result import TestResult, criteria, markdown, passed
from bench.soak_samples import Point
from bench.soak_verdict import MB, Verdict, findings
from bench.trend import trend

LONG = 30 * 60
WARM = 300


def life(
    series: str, per_hour: float, noise: float, *, pid: int = 1, seconds: int = LONG, warmth: float = 0.0
) -> list[Point]:
    """A figure that grows steadily, on top of a beginning that bends and ends."""
    rng = random.Random(1)
    return [
        Point(
            series=series,
            life=pid,
            at=at,
            value=100 * MB
            + warmth * (1 - math.exp(-at / 100))
            + per_hour * at / 3600
            + rng.uniform(-noise, noise),
        )
        for at in range(0, seconds, 3)
    ]


def grew(points: list[Point]) -> list[str]:
    return [one.series for one in findings(points) if one.grew]


def test_a_leak_is_found_in_noise() -> None:
    assert grew(life("pool memory", 30 * MB, MB)) == ["pool memory"]


def test_noise_without_a_slope_is_flat() -> None:
    assert grew(life("pool memory", 0, 20 * MB)) == []


def test_a_beginning_that_bends_and_ends_is_no_growth() -> None:
    points = life("pool memory", 0, MB, warmth=40 * MB)
    assert grew(points) == []
    assert next(one.first for one in findings(points)) > 135 * MB


def test_growth_that_has_ended_by_the_later_half_is_none() -> None:
    points = [
        Point(series="pool memory", life=1, at=at, value=min(at, 900) * 30 * MB / 900)
        for at in range(0, LONG, 3)
    ]
    assert grew(points) == []


def test_a_burst_does_not_tilt_the_line() -> None:
    points = life("pool memory", 0, MB)
    burst = [
        Point(series=one.series, life=one.life, at=one.at, value=one.value + 200 * MB * (one.at > LONG - 200))
        for one in points
    ]
    assert grew(burst) == []


def test_a_short_life_is_said_to_be_too_short() -> None:
    (found,) = findings(life("pool memory", 600 * MB, MB, seconds=WARM + 300))
    assert found.verdict is Verdict.TOO_SHORT


def test_a_restart_hides_no_growth() -> None:
    first = life("pool memory", 80 * MB, MB, pid=1)
    second = [
        Point(series=one.series, life=2, at=one.at + LONG, value=one.value)
        for one in life("pool memory", 0, MB, pid=2)
    ]
    assert grew(first + second) == ["pool memory"]


def test_leaked_descriptors_count_singly_and_kept_tables_do_not() -> None:
    every_three = range(0, LONG, 3)
    points = [Point(series="pool descriptors", life=1, at=at, value=20 + at // 60) for at in every_three]
    kept = [Point(series="rows of registry events", life=0, at=at, value=at) for at in every_three]
    assert grew(points + kept) == ["pool descriptors"]


def test_the_median_of_all_slopes_is_taken_and_its_bounds_hold_it() -> None:
    rng = random.Random(2)
    line = trend(range(100), [3 * x + 7 + rng.uniform(-5, 5) for x in range(90)] + [10_000.0] * 10)
    assert line.slope == pytest.approx(3, abs=0.2)
    assert line.least <= line.slope <= line.most
    assert line.at(0) == pytest.approx(7, abs=8)


def test_a_log_is_read_with_its_tracebacks_and_what_is_no_line_of_ours() -> None:
    said = {"level": "error", "event": "step_failed", "traceback": "Traceback\nKeyError: 'a'"}
    reading = log_reading.read([json.dumps(said) + "\n", "Segmentation fault 123\n"])
    assert reading.errors == {"step_failed": 1}
    assert reading.tracebacks == {"step_failed: KeyError: 'a'": 1}
    assert reading.strange == {"Segmentation fault #": 1}


def result(*seconds: float | None) -> TestResult:
    tries = tuple(Try(session_id="a", seconds=one, why=None if one else "no QR") for one in seconds)
    return TestResult(task="Task 3.2", name="five times", tries=tries, checks=())


ABOUT = {"what": "A test", "commit": "abc", "date": "2026-01-02", "cores": 2}


def test_the_criteria_are_the_customers() -> None:
    good = result(1.0, 2.0, 3.0, 4.0, 9.0)
    assert passed([good])
    assert {one.name: one.limit for one in criteria(good.tries)} == {
        "Average time": "< 10 s",
        "95th percentile": "< 12 s",
        "Max time": "< 15 s",
        "Success rate": "> 98 %",
    }
    assert "| 95th percentile | < 12 s | 9.00 s | ✅ PASS |" in markdown([good], ABOUT)


def test_one_missing_qr_of_five_fails() -> None:
    bad = result(1.0, 2.0, None, 4.0, 5.0)
    assert not passed([bad])
    assert "❌ FAIL" in markdown([bad], ABOUT)


def test_no_qr_at_all_is_a_report_too() -> None:
    assert not passed([result(None, None)])
    assert "0.0 %" in markdown([result(None)], ABOUT)
