"""A lock for each name, and nothing once nobody wants it."""

from __future__ import annotations

import asyncio

from browser_pool.keyed_locks import KeyedLocks


async def test_one_at_a_time_in_the_order_of_asking_and_other_names_do_not_wait() -> None:
    locks, order = KeyedLocks(), []
    inside = asyncio.Event()
    go_on = asyncio.Event()

    async def first() -> None:
        async with locks.hold("a"):
            inside.set()
            await go_on.wait()
            order.append("first")

    async def next_one(name: str) -> None:
        async with locks.hold("a"):
            order.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(first())
        await inside.wait()
        group.create_task(next_one("second"))
        group.create_task(next_one("third"))
        async with locks.hold("b"):
            order.append("other")
        assert len(locks) == 1
        go_on.set()
    assert order == ["other", "first", "second", "third"]
    assert len(locks) == 0


async def test_who_gives_up_waiting_leaves_the_lock_to_the_next() -> None:
    locks, go_on = KeyedLocks(), asyncio.Event()

    async def hold() -> None:
        async with locks.hold("a"):
            await go_on.wait()

    holder, impatient, patient = (asyncio.create_task(hold()) for _ in range(3))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    assert len(locks) == 1
    go_on.set()
    await asyncio.gather(holder, patient)
    assert len(locks) == 0


async def test_a_lock_is_free_again_after_a_failure() -> None:
    locks = KeyedLocks()
    for _ in range(2):
        try:
            async with locks.hold("a"):
                raise ZeroDivisionError
        except ZeroDivisionError:
            assert len(locks) == 0
