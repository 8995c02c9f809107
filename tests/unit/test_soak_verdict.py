"""What the soak calls growth: a rise beyond the bound and the noise, within one life."""

import json
import random

from bench import log_reading
from bench.acceptance_client import Try
from bench.acceptance_result import TestResult, criteria, markdown, passed
from bench.soak_samples import Point
from bench.soak_verdict import MB, findings


def life(series: str, per_hour: float, noise: float, *, pid: int = 1, seconds: int = 900) -> list[Point]:
    rng = random.Random(1)
    return [
        Point(
            series=series, life=pid, at=at, value=100 * MB + per_hour * at / 3600 + rng.uniform(-noise, noise)
        )
        for at in range(0, seconds, 3)
    ]


def grew(points: list[Point]) -> list[str]:
    return [one.series for one in findings(points, since=0) if one.grew]


def test_a_leak_is_found_in_noise() -> None:
    assert grew(life("pool memory", 60 * MB, MB)) == ["pool memory"]


def test_noise_without_a_slope_is_flat() -> None:
    assert grew(life("pool memory", 0, 20 * MB)) == []


def test_a_short_life_says_nothing() -> None:
    assert grew(life("pool memory", 600 * MB, MB, seconds=60)) == []


def test_a_restart_hides_no_growth() -> None:
    first = life("pool memory", 80 * MB, MB, pid=1)
    second = [
        Point(series=one.series, life=2, at=one.at + 900, value=one.value)
        for one in life("pool memory", 0, MB, pid=2)
    ]
    assert grew(first + second) == ["pool memory"]


def test_leaked_descriptors_count_singly_and_kept_tables_do_not() -> None:
    points = [Point(series="pool descriptors", life=1, at=at, value=20 + at // 60) for at in range(0, 900, 3)]
    kept = [Point(series="rows of registry events", life=0, at=at, value=at) for at in range(0, 900, 3)]
    assert grew(points + kept) == ["pool descriptors"]


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
