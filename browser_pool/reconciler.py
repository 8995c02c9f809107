"""Does what heartbeat answers say: one task a wish, and a wish that is being done is not begun again.

Level-triggered: the answer repeats every wish until this node's report agrees, so a wish that could not be
met is only said, never queued.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine

from browser_pool.departures import Departures
from browser_pool.errors import NotRunning, SlotError, StoreAway
from browser_pool.pool import Pool
from storage.node_protocol import Heartbeat, HeartbeatAnswer

log = logging.getLogger(__name__)


class Reconciler:
    """Between the node's agent and its pool; `close` before the pool stops."""

    def __init__(self, pool: Pool, departures: Departures) -> None:
        self._pool = pool
        self._departures = departures
        self._tasks: set[asyncio.Task[None]] = set()

    def reconcile(
        self,
        answer: HeartbeatAnswer,
        asked_at: float,
        heartbeat: Heartbeat,
        untold: Collection[str],
    ) -> None:
        """Begin what an answer to this heartbeat says; wishes that came directly since `asked_at` are newer.
        Of the `untold` sessions the functions had not heard everything when it was sent."""
        departures, holdings = self._departures, self._pool.holdings
        holdings.forget_erased(heartbeat.erased)
        known = {held.id for held in heartbeat.sessions}.union(untold)
        for session_id in answer.hand_over:
            self._begin(departures.hand_over(session_id), f"hand-over-{session_id}")
        for spec in answer.run:
            if spec.id in known and not holdings.has(spec.id):
                continue  # it has ended, and who wishes it to run has not heard of that
            self._begin(self._pool.ensure(spec), f"ensure-{spec.id}")
        for session_id in answer.close:
            if holdings.held_before(session_id, asked_at):
                self._begin(departures.close(session_id), f"close-{session_id}")
        for session_id in answer.log_out:
            if holdings.held_before(session_id, asked_at):
                self._begin(self._try_log_out(session_id), f"log-out-{session_id}")
        for session_id in answer.erase:
            self._begin(departures.erase(session_id, log_out=True), f"erase-{session_id}")

    async def drop(self, session_ids: Collection[str]) -> None:
        """End at once what others have; before this node trusts itself again."""
        drop = self._departures.drop
        await asyncio.gather(*(self._logged(drop(one), f"drop-{one}") for one in session_ids))

    async def _try_log_out(self, session_id: str) -> None:
        try:
            await self._departures.log_out(session_id)
        except (NotRunning, SlotError) as error:
            log.warning("logout_not_done", extra={"session_id": session_id, "why": str(error)[:200]})

    def _begin(self, work: Coroutine[None, None, None], name: str) -> None:
        if any(task.get_name() == name for task in self._tasks):
            work.close()
            return
        task = asyncio.create_task(self._logged(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _logged(self, work: Coroutine[None, None, None], name: str) -> None:
        try:
            await work
        except (NotRunning, StoreAway) as error:
            log.info("wish_not_met", extra={"wish": name, "why": str(error)})
        except Exception:
            log.exception("wish_failed", extra={"wish": name})

    async def close(self) -> None:
        """End what is under way; a heartbeat after the next start brings it again. Twice is fine."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
