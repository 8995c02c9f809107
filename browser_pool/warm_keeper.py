"""Keeps warm slots: as many as are asked for, more while they are used up, fewer when nobody comes.

Rule: a warm slot never stands in a session's way. It starts when nobody waits, and gives up its browser
when a session needs the room.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from browser_pool.errors import SlotError
from browser_pool.journal import JournalEntry
from browser_pool.warm_slot import WarmSlot
from browser_pool.workshop import Workshop

log = logging.getLogger(__name__)

DEMAND_WINDOW = timedelta(seconds=10)
"""Links asked for in this time are what the next ones are expected to be; a cold start takes 1 to 3 s."""
MOST_TIMES_WANTED = 4
"""A burst may grow the store to so many times WARM_SLOTS."""
LOOK_EVERY_SECONDS = 1.0
_NEVER = datetime.min.replace(tzinfo=UTC)
RETRY_AFTER = timedelta(seconds=5)
"""After a warm slot failed: the site may be away, and sessions have their own retries."""


class WarmKeeper:
    """`take` gives a warm slot away; `run` refills."""

    def __init__(self, shop: Workshop, wanted: int, park_after: timedelta) -> None:
        self._shop = shop
        self._wanted = wanted
        self._park_after = park_after
        self._slots: list[WarmSlot] = []
        self._demand: deque[float] = deque(maxlen=wanted * MOST_TIMES_WANTED)
        """When links were asked for, lately; more of them than may be kept warm say nothing."""
        self._last_demand = shop.clock.monotonic()
        self._not_before = 0.0
        self._news = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def live(self) -> int:
        """Slots whose QR can be given out now."""
        return sum(1 for slot in self._slots if slot.is_live)

    @property
    def parked(self) -> int:
        """Slots that have to ask for a new QR first."""
        return sum(1 for slot in self._slots if slot.is_ready and not slot.is_live)

    @property
    def pids(self) -> dict[str, int]:
        """name → pid of the browsers."""
        return {slot.name: slot.browser_pid for slot in self._slots if slot.browser_pid is not None}

    def take(self) -> WarmSlot | None:
        """The slot whose QR lives longest, or a parked one; the caller owns it now."""
        now = self._shop.clock.monotonic()
        self._last_demand = now
        self._demand.append(now)
        self._news.set()
        ready = [slot for slot in self._slots if slot.is_ready]
        if not ready:
            return None
        best = max(ready, key=lambda slot: slot.expires_at or _NEVER)
        self._slots.remove(best)
        return best

    def give_up_one(self) -> bool:
        """Make room for a session. False when there is nothing to give up."""
        if not self._slots:
            return False
        worst = min(self._slots, key=lambda slot: (slot.is_ready, slot.is_live))
        self._slots.remove(worst)
        self._close(worst)
        return True

    def _close(self, slot: WarmSlot) -> None:
        task = asyncio.create_task(slot.close(), name=f"close-{slot.name}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _target(self) -> int:
        if self._wanted == 0:
            return 0
        now = self._shop.clock.monotonic()
        while self._demand and self._demand[0] < now - DEMAND_WINDOW.total_seconds():
            self._demand.popleft()
        return min(max(self._wanted, len(self._demand)), self._wanted * MOST_TIMES_WANTED)

    def _is_demand(self) -> bool:
        idle = self._shop.clock.monotonic() - self._last_demand
        return idle < self._park_after.total_seconds()

    async def run(self) -> NoReturn:
        """Keep the store; cancel to stop, then `close`."""
        while True:
            self._news.clear()
            for slot in [slot for slot in self._slots if slot.failed is not None]:
                self._slots.remove(slot)
                self._close(slot)
                self._not_before = self._shop.clock.monotonic() + RETRY_AFTER.total_seconds()
            await self._wake_parked()
            self._resize()
            try:
                async with asyncio.timeout(LOOK_EVERY_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue

    def _resize(self) -> None:
        starts, target = self._shop.starts, self._target()
        may_start = self._shop.clock.monotonic() >= self._not_before
        while len(self._slots) < target and may_start and starts.has_room and starts.waiting == 0:
            if starts.in_use + self._not_started() >= starts.max_slots:
                return
            slot = WarmSlot(self._shop, self._is_demand, self._news.set)
            self._slots.append(slot)
            slot.start()
        while len(self._slots) > target and self.give_up_one():
            continue

    def _not_started(self) -> int:
        return sum(1 for slot in self._slots if slot.browser_pid is None)

    async def _wake_parked(self) -> None:
        if not self._is_demand():
            return
        for slot in self._slots:
            try:
                await slot.wake()
            except SlotError as error:
                slot.failed = error

    def resume(self, entry: JournalEntry) -> None:
        """Take up a warm slot that an earlier pool left."""
        slot = WarmSlot(self._shop, self._is_demand, self._news.set, entry)
        self._slots.append(slot)
        slot.start()

    async def detach(self) -> None:
        """Leave every warm slot to the next pool process."""
        await asyncio.gather(*(slot.detach() for slot in self._slots), *self._closing)
        self._slots.clear()

    async def close(self) -> None:
        """End every warm slot."""
        for slot in self._slots:
            self._close(slot)
        self._slots.clear()
        await asyncio.gather(*self._closing)
