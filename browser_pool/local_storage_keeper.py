"""Keeps a page's localStorage beside its profile: Chromium may hold it back from the disk for a minute.

Rule: one write at a time, and the newest value is the last one written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from playwright.async_api import Error

from browser_pool.bridge import Bridge
from browser_pool.errors import BrowserGone
from browser_pool.in_thread import in_thread
from browser_pool.profile import Profile

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.05
"""Changes come in bursts; each burst is written at its start and at its end."""


class LocalStorageKeeper:
    """Of one slot; `follow` begins with each bridge, `stop` ends it."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def follow(self, bridge: Bridge, is_alive: Callable[[], bool]) -> None:
        """Write down every change from now on, until the browser or its page is gone."""
        name = f"local-storage-{self._profile.session_id}"
        self._task = asyncio.create_task(self._follow(bridge, is_alive), name=name)

    async def stop(self) -> None:
        """What is being written is let go; the caller has saved what it wanted saved."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def save(self, bridge: Bridge) -> None:
        """Write what the page has now. Raises BrowserGone."""
        async with self._writing:
            try:
                stored = await bridge.local_storage()
            except Error as error:
                raise BrowserGone(f"localStorage: {error.message}") from error
            if stored is not None:
                # an fsync on a busy disk has been seen to take seconds; other slots must not wait for it
                await in_thread(partial(self._profile.save_local_storage, *stored, clean=False))

    async def mark_clean(self) -> None:
        """The browser closed in order: its own copy is the newer one."""
        async with self._writing:
            await in_thread(self._profile.mark_clean)

    async def _follow(self, bridge: Bridge, is_alive: Callable[[], bool]) -> None:
        while True:
            await bridge.storage_changed.wait()
            bridge.storage_changed.clear()
            try:
                await self.save(bridge)
            except BrowserGone as error:
                if bridge.gone or not is_alive():
                    return
                # between two documents there is nothing to read; the next change asks again
                log.debug("local_storage_not_read", extra={"why": str(error)[:200]})
            await asyncio.sleep(PAUSE_SECONDS)
