"""Only so many browsers start at once; the rest know their place."""

from __future__ import annotations

import asyncio

from browser_pool.start_queue import NOBODY, Place, StartQueue
from storage.clock import ManualClock


async def hold(
    queue: StartQueue, workspace: str, places: list[Place], begun: asyncio.Event, end: asyncio.Event
) -> None:
    async with queue.turn(workspace, places.append) as permit:
        begun.set()
        await end.wait()
    permit.release()


class Start:
    """One start in its own task."""

    def __init__(self, queue: StartQueue, workspace: str = "w1") -> None:
        self.places: list[Place] = []
        self.begun, self.end = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(hold(queue, workspace, self.places, self.begun, self.end))

    async def finish(self) -> None:
        self.end.set()
        await self.task


async def begun(*starts: Start) -> None:
    async with asyncio.timeout(1):
        await asyncio.gather(*(start.begun.wait() for start in starts))


async def test_the_third_waits_for_the_first_to_finish() -> None:
    queue = StartQueue(2, 100, ManualClock())
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
    queue = StartQueue(1, 100, ManualClock())
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
    queue = StartQueue(1, 100, ManualClock())
    running, cancelled, after = (Start(queue) for _ in range(3))
    await begun(running)
    running.end.set()
    await running.task
    cancelled.task.cancel()
    await asyncio.wait([cancelled.task])
    await begun(after)
    await after.finish()
    assert not queue.is_full


async def test_a_turn_that_ends_as_the_next_in_line_is_cancelled_goes_to_the_one_behind() -> None:
    queue = StartQueue(1, 100, ManualClock())
    running, leaving, staying = (Start(queue) for _ in range(3))
    await begun(running)
    running.end.set()
    leaving.task.cancel()  # its turn is cancelled now, and it leaves the line a moment later
    await running.task
    await begun(staying)
    await asyncio.wait([leaving.task])
    await staying.finish()
    assert (queue.in_use, queue.waiting, queue.is_full) == (0, 0, False)


async def test_workspaces_take_turns_and_warm_slots_come_last() -> None:
    queue = StartQueue(1, 100, ManualClock())
    running = Start(queue, "greedy")
    await begun(running)
    warm = Start(queue, NOBODY)
    greedy = [Start(queue, "greedy") for _ in range(4)]
    modest = [Start(queue, "modest") for _ in range(2)]
    expected = [greedy[0], modest[0], greedy[1], modest[1], greedy[2], greedy[3], warm]
    await asyncio.sleep(0)
    assert queue.waiting == 6
    before = running
    for start in expected:
        await before.finish()
        await begun(start)
        before = start
    await before.finish()


async def test_newcomers_cannot_keep_a_workspace_from_its_turn() -> None:
    queue = StartQueue(1, 100, ManualClock())
    patient = [Start(queue, "patient") for _ in range(3)]
    others: list[Start] = []
    async with asyncio.timeout(5):
        while not all(start.task.done() for start in patient):
            others.append(Start(queue, f"newcomer-{len(others)}"))
            await asyncio.sleep(0)
            (running,) = [one for one in [*patient, *others] if one.begun.is_set() and not one.task.done()]
            await running.finish()
            await asyncio.sleep(0)
    assert len(others) < 12
    for start in others:
        start.task.cancel()
    await asyncio.gather(*(start.task for start in others), return_exceptions=True)


async def test_a_full_machine_makes_room_and_keeps_the_session_in_line() -> None:
    queue = StartQueue(3, 1, ManualClock())
    asked: list[str] = []
    queue.make_room = lambda: asked.append("room")
    permit = queue.occupy()
    waiting = Start(queue)
    await asyncio.sleep(0)
    assert queue.waiting == 1
    assert asked
    permit.release()
    await begun(waiting)
    assert queue.in_use == 1
    await waiting.finish()
    assert queue.in_use == 0
    permit.release()
    assert queue.in_use == 0


async def test_nobody_starts_without_memory() -> None:
    queue = StartQueue(3, 10, ManualClock())
    memory = [False]
    queue.has_memory = lambda: memory[0]
    waiting = Start(queue)
    await asyncio.sleep(0)
    assert queue.waiting == 1
    memory[0] = True
    queue.serve()
    await begun(waiting)
    await waiting.finish()


async def test_a_turn_may_end_before_the_browser_does() -> None:
    queue = StartQueue(1, 10, ManualClock())
    async with queue.turn("w1", lambda _: None) as permit:
        following = Start(queue)
        await asyncio.sleep(0)
        assert queue.waiting == 1
        permit.end_turn()
        permit.end_turn()
        await begun(following)
        assert queue.in_use == 2
    permit.release()
    await following.finish()
    assert queue.in_use == 0
    assert not queue.is_full
