"""How late the event loop is: everything a node does waits for it, so what holds it holds every session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

EVERY_SECONDS = 0.25
"""Four looks a second cost nothing and catch what holds the loop for longer than that."""


async def watch_loop(was_late: Callable[[float], None]) -> NoReturn:
    """Forever: sleep, and tell how much longer it took."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + EVERY_SECONDS
        await asyncio.sleep(EVERY_SECONDS)
        was_late(max(0.0, loop.time() - due))
