"""What the failure matrix calls good, and that it overlooks nothing."""

from __future__ import annotations

from typing import Any

import pytest

from bench.matrix.report import markdown
from bench.matrix.verdict import Measured, problems, to_json


def measured(**changes: Any) -> Measured:
    good: dict[str, Any] = {
        "name": "kill",
        "title": "kill -9",
        "sessions": 2,
        "struck": 1,
        "lease_seconds": 15.0,
        "back_seconds": {"one": 17.0, "two": 0},
        "moves": True,
        "stale_refused": 2,
        "events_told": 9,
        "webhooks": 7,
    }
    return Measured(**(good | changes))


def test_a_case_in_which_everything_was_seen_and_kept_is_good() -> None:
    assert problems(measured()) == []
    assert (measured().seconds, measured().stayed) == (17.0, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"back_seconds": {"one": 30.1, "two": 0}},
        {"back_seconds": {"one": None, "two": 0}},
        {"back_seconds": {}},
        {"away_late": ["one"]},
        {"not_moved": ["one"]},
        {"moved_needlessly": ["two"]},
        {"qr_asked": 1},
        {"double_runs": 1},
        {"stale_refused": 0},
        {"stale_accepted": ["snapshot of node-1"]},
        {"events_told": 0},
        {"events_lost": ["node-1 session_ready"]},
        {"left": ["17 python"]},
        {"trouble": ["node-2 did not start"]},
    ],
)
def test_anything_that_was_promised_and_not_kept_or_not_seen_is_a_problem(changes: dict[str, Any]) -> None:
    assert len(problems(measured(**changes))) == 1


def test_the_report_names_what_is_not_good_and_what_was_skipped() -> None:
    about = {
        "commit": "abc",
        "date": "2026-01-01",
        "cores": 2,
        "load": 1.0,
        "nodes": 3,
        "sessions": 2,
        "lease_seconds": 15.0,
    }
    text = markdown(
        {
            "about": about,
            "good": False,
            "skipped": {"clock": "there is no C compiler"},
            "cases": [to_json(measured(double_runs=1))],
        }
    )
    assert "NOT good" in text
    assert "- kill: 1 accounts were run twice" in text
    assert "- skipped: clock, because there is no C compiler" in text
