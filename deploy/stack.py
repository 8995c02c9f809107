"""The processes that are linkpool on one machine: functions, deliverer, pool, and the registry's mirror.

Rule: they stop in the order pool, functions, deliverer, mirror. The pool's last events still find the
functions, the webhooks of those events still find the deliverer, and the mirror carries what all wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from deploy.http import Answer, call
from deploy.keeper import Keeper, Program, python
from deploy.registry_mirror import RegistryMirror
from deploy.settings import Settings
from storage.clock import Clock
from storage.errors import LinkpoolError

READY_WITHIN = timedelta(seconds=60)
LOOK_EVERY = timedelta(milliseconds=50)

POOL = Program(name="pool", command=python("-m", "browser_pool"), stop_within=timedelta(seconds=60))
FUNCTIONS = Program(
    name="functions",
    command=python("-m", "gunicorn", "-c", "functions/gunicorn_conf.py", "functions.app:create_app()"),
    stop_within=timedelta(seconds=20),  # gunicorn lets requests end for 15 s
)
DELIVERER = Program(
    name="deliverer", command=python("-m", "functions.deliver"), stop_within=timedelta(seconds=30)
)

T = TypeVar("T")


class NotReady(LinkpoolError):
    """A process runs, and does not answer as it should."""


class Stack:
    """All of them, running inside `async with`."""

    def __init__(self, settings: Settings, clock: Clock, *, log_dir: Path | None = None) -> None:
        self._settings = settings
        self._clock = clock
        environ = settings.child_environ()
        self._keepers = [Keeper(program, environ, clock, log_dir) for program in (POOL, FUNCTIONS, DELIVERER)]
        mirror = RegistryMirror.from_settings(settings)
        if mirror is not None:
            self._keepers.append(Keeper(mirror.program(), mirror.environ, clock, log_dir))
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(keeper.run(), name=keeper.program.name) for keeper in self._keepers
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for keeper, task in zip(self._keepers, self._tasks, strict=True):
            keeper.stop()
            await asyncio.wait([task])

    async def ready(self) -> None:
        """Returns when both answer and the functions know the pool. Raises NotReady or GaveUp."""
        functions = f"{self._settings.functions_url}/readyz"
        await self.meanwhile(self._until(functions, lambda answer: answer.ok))
        await self.meanwhile(self._until(f"{self._settings.pool_url}/health", lambda answer: answer.ok))
        await self.meanwhile(
            self._until(functions, lambda answer: answer.ok and answer.body["live_nodes"] > 0)
        )

    async def meanwhile(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something while the processes run. Raises GaveUp as soon as one of them gives up."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait([task, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
            for process in self._tasks:
                if process.done():
                    process.result()
            return await task
        finally:
            task.cancel()

    async def _until(self, url: str, good: Callable[[Answer], bool]) -> None:
        deadline = self._clock.monotonic() + READY_WITHIN.total_seconds()
        while not good(answer := await call("GET", url)):
            if self._clock.monotonic() > deadline:
                raise NotReady(f"not ready within {READY_WITHIN.seconds} s: {url} says {answer}")
            await asyncio.sleep(LOOK_EVERY.total_seconds())
