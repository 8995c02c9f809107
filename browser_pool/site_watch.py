"""Whether this machine reaches WhatsApp at all: a node cut off from it lets others have its sessions.

Rule: only what was reached before can be away. A node whose sessions all go through proxies may never reach
the site itself, and says nothing then. One connection every few seconds, nothing is sent on it.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import urlsplit

log = logging.getLogger(__name__)

EVERY_SECONDS = 4.0
AGAIN_SECONDS = 1.0
"""While it is away, or seems to be."""
CONNECT_SECONDS = 2.0
"""A handshake takes a tenth of that around the world."""
TIMES = 3
"""In a row, before it counts as away, or as back. With the figures above: 12 s after the cut at most, so that
others have the sessions within a lease (15 s) and 15 s more, and a moment's loss moves nobody."""


class SiteWatch:
    """`run` in a task; `away` whenever."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or {"http": 80}.get(parts.scheme, 443)
        self._reached_once = False
        self._in_a_row = 0
        """Looks that say otherwise than `away` does."""
        self.away = False

    async def run(self) -> NoReturn:
        """Forever; cancel to stop."""
        while True:
            self.note(reached=await self.look())
            calm = not self.away and not self._in_a_row
            await asyncio.sleep(EVERY_SECONDS if calm else AGAIN_SECONDS)

    async def look(self) -> bool:
        """Once, now."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(self._host, self._port, happy_eyeballs_delay=0.25)
        except (OSError, TimeoutError):
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True

    def note(self, *, reached: bool) -> None:
        """What a look found."""
        self._reached_once = self._reached_once or reached
        if reached is not self.away or not self._reached_once:
            self._in_a_row = 0
            return
        self._in_a_row += 1
        if self._in_a_row < TIMES:
            return
        self._in_a_row, self.away = 0, not self.away
        if self.away:
            risk = "its sessions go to nodes that reach the site, if there are any"
            log.warning("SITE_AWAY", extra={"host": self._host, "risk": risk})
        else:
            log.info("site_reached_again", extra={"host": self._host})

    def state(self) -> dict[str, Any]:
        """For /health."""
        return {"host": self._host, "away": self.away, "reached_once": self._reached_once}
