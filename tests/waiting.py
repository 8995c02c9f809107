"""Waiting for a fact with a deadline: the only way tests wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(fact: Callable[[], T], what: str = "it is so", within: float = 40.0) -> T:
    """The first truthy answer; AssertionError naming `what` when there is none in time."""
    deadline = time.monotonic() + within
    while not (answer := fact()):
        assert time.monotonic() < deadline, f"waited {within:g} s until {what}; last answer: {answer!r}"
        time.sleep(0.01)
    return answer
