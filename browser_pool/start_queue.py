"""The start queue (the seeds' QRQueue): who may start a browser now, and the place of everybody else.

Two limits: so many starts at once (more than three on two cores make every start slower and none
faster), and so many browsers in all. Workspaces take turns, so one that asks for a hundred links delays
another's single one by one start; warm slots are filled only when nobody waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from storage.clock import Clock

FIRST_GUESS_SECONDS = 3.0
"""How long a start takes before one was measured here."""
SMOOTHING = 0.3
"""Weight of the newest start in the running mean."""
NOBODY = ""
"""The workspace of warm slots: served when no other waits."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a start stands; position 1 is next."""

    position: int
    estimated_wait_ms: int


class Permit:
    """The right to one browser, from before it starts until it is gone, and to a turn at the start."""

    def __init__(self, give_back: Callable[[], None], end_turn: Callable[[], None] | None = None) -> None:
        self._give_back: Callable[[], None] | None = give_back
        self._end_turn = end_turn

    def end_turn(self) -> None:
        """The start costs no more CPU: the next one may begin. Twice is fine."""
        end_turn, self._end_turn = self._end_turn, None
        if end_turn is not None:
            end_turn()

    def release(self) -> None:
        """The browser is gone. Twice is fine."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


@dataclass(eq=False, kw_only=True)
class _Waiting:
    workspace: str
    round: int
    turn: asyncio.Future[None]
    on_move: Callable[[Place], None]
    told: int | None = None


class StartQueue:
    """Leaving the queue by cancellation costs nobody their place."""

    def __init__(self, concurrency: int, max_slots: int, clock: Clock) -> None:
        self.max_slots = max_slots
        self.in_use = 0
        """Browsers that run or are being started."""
        self.has_memory: Callable[[], bool] = lambda: True
        """Admission by memory; asked before each start."""
        self.make_room: Callable[[], None] = lambda: None
        """Called when a session waits and every slot is taken: may close an idle browser."""
        self.on_session_waiting: Callable[[], None] = lambda: None
        """Called whenever sessions are in line: whoever starts a browser for nobody may give up his turn."""
        self._concurrency = concurrency
        self._clock = clock
        self._starting = 0
        self._waiting: list[_Waiting] = []
        self._round = 0
        self._last_round: dict[str, int] = {}
        """Start-time fair queueing: each start of a workspace belongs to a round of its own, later than
        the one being served, so nobody overtakes for ever and nobody starves."""
        self._mean_seconds = FIRST_GUESS_SECONDS

    @property
    def waiting(self) -> int:
        """Sessions in line; warm slots do not count."""
        return sum(1 for entry in self._waiting if entry.workspace != NOBODY)

    @property
    def is_full(self) -> bool:
        """The next start will have to wait."""
        return self._starting >= self._concurrency or not self.has_room

    @property
    def has_room(self) -> bool:
        """One more browser fits."""
        return self.in_use < self.max_slots and self.has_memory()

    def occupy(self) -> Permit:
        """For a browser that runs already: an earlier pool started it."""
        self.in_use += 1
        return Permit(self._freed)

    @asynccontextmanager
    async def turn(self, workspace: str, on_move: Callable[[Place], None]) -> AsyncIterator[Permit]:
        """Wait for a turn and hold it while the body runs, or until the permit's `end_turn`; the permit
        itself stays until it is released. `on_move` hears of every change of place.
        """
        if self._waiting or self.is_full:
            await self._wait(workspace, on_move)
        else:
            self._starting += 1
            self.in_use += 1
        started = self._clock.monotonic()

        def end_turn() -> None:
            took = self._clock.monotonic() - started
            self._mean_seconds += SMOOTHING * (took - self._mean_seconds)
            self._starting -= 1
            self.serve()

        permit = Permit(self._freed, end_turn)
        try:
            yield permit
        finally:
            permit.end_turn()

    async def _wait(self, workspace: str, on_move: Callable[[Place], None]) -> None:
        turn = asyncio.get_running_loop().create_future()
        round_ = max(self._round, self._last_round.get(workspace, 0)) + 1
        self._last_round[workspace] = round_
        entry = _Waiting(workspace=workspace, round=round_, turn=turn, on_move=on_move)
        self._waiting.append(entry)
        self._tell_places()
        self.serve()
        try:
            await turn
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._waiting.remove(entry)
                self._tell_places()
            else:
                self._starting -= 1
                self._freed()
            raise

    def _freed(self) -> None:
        self.in_use -= 1
        self.serve()

    def serve(self) -> None:
        """Let those start that now may."""
        moved = False
        # who was cancelled this moment leaves the line by himself, and must not be given a turn before that
        while (waiting := [one for one in self._order() if not one.turn.done()]) and not self.is_full:
            entry = waiting[0]
            self._waiting.remove(entry)
            self._round = max(self._round, entry.round)
            self._starting += 1
            self.in_use += 1
            entry.turn.set_result(None)
            moved = True
        if not self._waiting:
            self._last_round.clear()
        if moved:
            self._tell_places()
        if self.waiting:
            self.on_session_waiting()
            if not self.has_room:
                self.make_room()

    def _order(self) -> list[_Waiting]:
        """Who comes when: workspaces in turn, first come first served within one, warm slots last."""
        return sorted(self._waiting, key=lambda entry: (entry.workspace == NOBODY, entry.round))

    def _tell_places(self) -> None:
        for position, entry in enumerate(self._order(), start=1):
            if entry.told == position:
                continue
            entry.told = position
            rounds = (position + self._concurrency - 1) // self._concurrency
            wait = round(rounds * self._mean_seconds * 1000)
            entry.on_move(Place(position=position, estimated_wait_ms=wait))
