"""Closes browsers that nobody uses, and wakes them before WhatsApp forgets the device.

Most linked accounts need no live browser at all: ten slots serve hundreds. Rule: only a connected
session without keep_alive is closed, least recently used first, and its login stays on disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from datetime import timedelta
from typing import NoReturn

from browser_pool.errors import NotRunning, SlotError
from browser_pool.pool import Pool
from browser_pool.session_runner import SessionRunner
from browser_pool.start_queue import StartQueue
from storage.clock import Clock
from storage.models import SessionStatus

log = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=1)
USED_JUST_NOW = timedelta(seconds=2)
"""A session that became ready this moment is not closed to make room: its own events come first."""
WAKE_AT_LEAST_EVERY = timedelta(days=7)
"""WhatsApp drops a linked device that was not seen for 30 days; four chances to be seen before that."""


class Hibernator:
    """`run` looks every second; `make_room` is asked when a session waits for a slot."""

    def __init__(self, pool: Pool, starts: StartQueue, clock: Clock, after: timedelta) -> None:
        self._pool = pool
        self._starts = starts
        self._clock = clock
        self._after = after
        self._busy: set[asyncio.Task[None]] = set()
        starts.make_room = self.make_room

    def make_room(self) -> None:
        """Free one slot: a warm one, or that of the session that was used longest ago."""
        if self._busy or self._pool.warm.give_up_one():
            return
        idle = self._idle_for(USED_JUST_NOW)
        if idle:
            self._hibernate(min(idle, key=lambda runner: runner.calls.used_at))

    def _idle_for(self, time: timedelta) -> list[SessionRunner]:
        latest = self._clock.monotonic() - time.total_seconds()
        return [
            runner
            for runner in self._pool.holdings.runners
            if runner.status is SessionStatus.CONNECTED
            and not runner.spec.keep_alive
            and not runner.stopping
            and runner.calls.used_at <= latest
        ]

    def _hibernate(self, runner: SessionRunner) -> None:
        self._do(self._try(runner.spec.id), f"hibernate-{runner.spec.id}")

    async def _try(self, session_id: str) -> None:
        try:
            await self._pool.hibernate(session_id)
        except (NotRunning, SlotError) as error:
            log.info("not_hibernated", extra={"session_id": session_id, "why": str(error)[:200]})

    def _do(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def run(self) -> NoReturn:
        """Forever; cancel to stop."""
        while True:
            await asyncio.sleep(LOOK_EVERY.total_seconds())
            if self._after:
                for runner in self._idle_for(self._after):
                    self._hibernate(runner)
            overdue = self._clock.now() - WAKE_AT_LEAST_EVERY
            for session_id in self._pool.holdings.hibernated_before(overdue):
                log.info("weekly_wake", extra={"session_id": session_id})
                await self._pool.wake(session_id)
            self._starts.serve()

    async def close(self) -> None:
        """Wait for what is being closed."""
        await asyncio.gather(*self._busy)
