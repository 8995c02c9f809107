"""Loops that run beside everything else of a node. A loop that was begun on a stack ends with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

Found = TypeVar("Found")


def run_beside(stack: AsyncExitStack, work: Coroutine[None, None, None], name: str) -> None:
    """Begin now; cancelled when the stack unwinds. Its own failure is raised there."""
    stack.push_async_callback(_cancel, asyncio.create_task(work, name=name))


def begin(stack: AsyncExitStack, work: Coroutine[Any, Any, Found], name: str) -> asyncio.Task[Found]:
    """The same for work that ends by itself: whoever awaits it hears of its failure."""
    task = asyncio.create_task(work, name=name)
    stack.push_async_callback(_end, task)
    return task


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _end(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait([task])
