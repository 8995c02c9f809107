"""How many open pages are slowed down, and which are not."""

from datetime import timedelta

import pytest

from functions.link_view import POLL_LINKING, POLL_QUEUE, POLL_SCAN, POLL_SETTLED, POLL_SOON
from functions.poll_pace import POLLS_PER_SECOND, SLOWEST, PollPace
from storage.clock import ManualClock


def busy(pages: int, seconds: int = 30) -> tuple[PollPace, ManualClock, timedelta]:
    """Pages that wait for a scan, each polling when it was told to."""
    clock = ManualClock()
    pace = PollPace(clock)
    wait = POLL_SCAN
    for _ in range(seconds):
        for _ in range(round(pages / wait.total_seconds())):
            wait = pace.after(POLL_SCAN)
        clock.advance(timedelta(seconds=1))
    return pace, clock, wait


def test_few_pages_look_as_often_as_they_like() -> None:
    pace, _, wait = busy(pages=100)
    assert wait == POLL_SCAN
    assert pace.after(POLL_QUEUE) == POLL_QUEUE


def test_many_pages_together_ask_for_what_one_process_can_give() -> None:
    pages = 1000
    _, _, wait = busy(pages)
    assert pages / wait.total_seconds() == pytest.approx(POLLS_PER_SECOND, rel=0.1)


def test_nobody_waits_longer_than_a_page_may_seem_dead() -> None:
    assert busy(pages=50_000)[2] == SLOWEST


@pytest.mark.parametrize("wait", [POLL_LINKING, POLL_SOON, POLL_SETTLED])
def test_what_is_about_to_happen_is_not_slowed_down(wait: timedelta) -> None:
    pace, _, _ = busy(pages=5000)
    assert pace.after(wait) == wait


def test_the_pace_comes_back_when_the_crowd_has_gone() -> None:
    pace, clock, wait = busy(pages=5000)
    assert wait > POLL_SCAN
    for _ in range(20):
        clock.advance(timedelta(seconds=1))
        wait = pace.after(POLL_SCAN)
    assert wait == POLL_SCAN
