"""Waiting for facts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Fact = TypeVar("Fact")


def eventually(look: Callable[[], Fact], within: float = 15.0) -> Fact:
    """Look until it is true; give what was seen. Fails after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        fact = look()
        if fact:
            return fact
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; last seen: {fact!r}")
        time.sleep(0.01)
