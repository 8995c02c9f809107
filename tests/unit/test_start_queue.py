"""Only so many browsers start at once; the rest know their place."""

from __future__ import annotations

import asyncio

from browser_pool.start_queue import Place, StartQueue
from storage.clock import ManualClock


async def hold(queue: StartQueue, places: list[Place], begun: asyncio.Event, end: asyncio.Event) -> None:
    async with queue.turn(places.append):
        begun.set()
        await end.wait()


class Start:
    """One start in its own task."""

    def __init__(self, queue: StartQueue) -> None:
        self.places: list[Place] = []
        self.begun, self.end = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(hold(queue, self.places, self.begun, self.end))

    async def finish(self) -> None:
        self.end.set()
        await self.task


async def begun(*starts: Start) -> None:
    async with asyncio.timeout(1):
        await asyncio.gather(*(start.begun.wait() for start in starts))


async def test_the_third_waits_for_the_first_to_finish() -> None:
    queue = StartQueue(2, ManualClock())
    first, second, third = (Start(queue) for _ in range(3))
    await begun(first, second)
    assert queue.waiting == 1
    assert [place.position for place in third.places] == [1]
    assert third.places[0].estimated_wait_ms > 0
    await first.finish()
    await begun(third)
    await second.finish()
    await third.finish()
    assert not queue.is_full


async def test_places_move_up_when_somebody_leaves() -> None:
    queue = StartQueue(1, ManualClock())
    running, leaving, staying = (Start(queue) for _ in range(3))
    await begun(running)
    assert [place.position for place in staying.places] == [2]
    leaving.task.cancel()
    await asyncio.wait([leaving.task])
    assert [place.position for place in staying.places] == [2, 1]
    await running.finish()
    await begun(staying)
    await staying.finish()
    assert not queue.is_full


async def test_a_start_that_is_cancelled_as_its_turn_comes_gives_the_turn_on() -> None:
    queue = StartQueue(1, ManualClock())
    running, cancelled, after = (Start(queue) for _ in range(3))
    await begun(running)
    running.end.set()
    await running.task
    cancelled.task.cancel()
    await asyncio.wait([cancelled.task])
    await begun(after)
    await after.finish()
    assert not queue.is_full
