"""The start queue (the seeds' QRQueue): only so many browsers start at once, the rest know their place.

More than three at a time on two cores make every start slower and none faster.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from storage.clock import Clock

FIRST_GUESS_SECONDS = 3.0
"""How long a start takes before one was measured here."""
SMOOTHING = 0.3
"""Weight of the newest start in the running mean."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a start stands; position 1 is next."""

    position: int
    estimated_wait_ms: int


@dataclass(eq=False)
class _Waiting:
    turn: asyncio.Future[None]
    on_move: Callable[[Place], None]


class StartQueue:
    """First come, first served; leaving the queue by cancellation costs nobody their place."""

    def __init__(self, concurrency: int, clock: Clock) -> None:
        self._concurrency = concurrency
        self._clock = clock
        self._active = 0
        self._waiting: deque[_Waiting] = deque()
        self._mean_seconds = FIRST_GUESS_SECONDS

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """The next start will have to wait."""
        return self._active >= self._concurrency

    def place(self, position: int) -> Place:
        """What to tell somebody at this position."""
        rounds = (position + self._concurrency - 1) // self._concurrency
        return Place(position=position, estimated_wait_ms=round(rounds * self._mean_seconds * 1000))

    @asynccontextmanager
    async def turn(self, on_move: Callable[[Place], None]) -> AsyncIterator[None]:
        """Wait for a turn and hold it while the body runs. `on_move` hears of every change of place."""
        if self.is_full:
            entry = _Waiting(asyncio.get_running_loop().create_future(), on_move)
            self._waiting.append(entry)
            on_move(self.place(len(self._waiting)))
            try:
                await entry.turn
            except asyncio.CancelledError:
                if entry in self._waiting:
                    self._waiting.remove(entry)
                    self._tell_places()
                else:
                    self._release()
                raise
        else:
            self._active += 1
        started = self._clock.monotonic()
        try:
            yield
            took = self._clock.monotonic() - started
            self._mean_seconds += SMOOTHING * (took - self._mean_seconds)
        finally:
            self._release()

    def _release(self) -> None:
        """Hand the turn to the next in line, or give it back."""
        while self._waiting:
            entry = self._waiting.popleft()
            if not entry.turn.done():
                entry.turn.set_result(None)
                self._tell_places()
                return
        self._active -= 1

    def _tell_places(self) -> None:
        for index, entry in enumerate(self._waiting, start=1):
            entry.on_move(self.place(index))
