"""Memory of every slot as the kernel counts it, and what follows: a warning, a recycle, no new starts.

PSS shares out what processes have in common, so the slots' figures add up to what the machine lost.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from browser_pool.errors import NotRunning, SlotError
from browser_pool.metrics import PoolMetrics
from browser_pool.pool import Pool
from browser_pool.slot_usage import Usage, machine_busy, usage_by_group
from browser_pool.start_queue import StartQueue
from storage.clock import Clock
from storage.models import ReasonCode

log = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=10)
"""One look reads some six files a slot, 1 ms each, off the event loop."""
MB = 1024 * 1024
A_NEW_SLOT_BYTES = 150 * MB
"""What a slot that is not measured yet is taken for; 137 MB measured at ten sessions."""


@dataclass(frozen=True, kw_only=True)
class MemoryLimits:
    """Bytes of PSS; the seeds' thresholds by default."""

    warn: int
    recycle: int
    budget: int
    """For all browsers together; no start beyond it."""


class MemoryWatch:
    """`run` measures; `bytes_of` and `total` tell the last figures."""

    def __init__(
        self, pool: Pool, starts: StartQueue, limits: MemoryLimits, metrics: PoolMetrics, clock: Clock
    ) -> None:
        self._pool = pool
        self._starts = starts
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self._by_group: dict[int, Usage] = {}
        self._looked_at: float | None = None
        self._machine = machine_busy()
        self.machine_cpu_ratio = 0.0
        """Share of all cores in use between the last two looks, by everybody on this machine."""
        self._in_use_then = 0
        self._warned: set[str] = set()
        starts.has_memory = self.has_room

    @property
    def total(self) -> int:
        """PSS of all browsers at the last look."""
        return sum(usage.pss_bytes for usage in self._by_group.values())

    @property
    def largest(self) -> int:
        """PSS of the largest browser at the last look."""
        return max((usage.pss_bytes for usage in self._by_group.values()), default=0)

    @property
    def budget(self) -> int:
        return self._limits.budget

    def bytes_of(self, browser_pid: int | None) -> int | None:
        """PSS of one browser with its renderers; None when it was not measured yet."""
        usage = None if browser_pid is None else self._by_group.get(browser_pid)
        return None if usage is None else usage.pss_bytes

    def has_room(self) -> bool:
        """Another browser fits into the budget."""
        unmeasured = max(0, self._starts.in_use - self._in_use_then)
        return self.total + (unmeasured + 1) * A_NEW_SLOT_BYTES <= self._limits.budget

    async def run(self) -> NoReturn:
        """Forever; cancel to stop."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY.total_seconds())

    async def look(self) -> None:
        """Measure every browser of this node, then warn and recycle."""
        runners = [runner for runner in self._pool.holdings.runners if runner.browser_pid is not None]
        groups = {runner.browser_pid for runner in runners} | set(self._pool.warm.pids.values())
        in_use = self._starts.in_use
        measured = await asyncio.to_thread(usage_by_group, {pid for pid in groups if pid is not None})
        self._count(measured)
        self._by_group, self._in_use_then = measured, in_use
        self._warned &= {runner.spec.id for runner in runners}
        for runner in runners:
            used, session_id = self.bytes_of(runner.browser_pid) or 0, runner.spec.id
            extra = {"session_id": session_id, "pss_mb": used // MB}
            if used >= self._limits.recycle:
                await self._recycle(session_id, {**extra, "limit_mb": self._limits.recycle // MB})
            elif used >= self._limits.warn and session_id not in self._warned:
                self._warned.add(session_id)
                log.warning("slot_memory_high", extra={**extra, "limit_mb": self._limits.warn // MB})
            elif used < self._limits.warn:
                self._warned.discard(session_id)
        self._starts.serve()

    def _count(self, measured: dict[int, Usage]) -> None:
        now, machine = self._clock.monotonic(), machine_busy()
        passed = None if self._looked_at is None else now - self._looked_at
        for group, usage in measured.items():
            before = self._by_group.get(group)
            ratio = None
            if before is not None and passed:
                ratio = max(0.0, usage.cpu_seconds - before.cpu_seconds) / passed
            self._metrics.slot_used(usage.pss_bytes, ratio)
        if machine[1] > self._machine[1]:
            busy, total = (new - old for new, old in zip(machine, self._machine, strict=True))
            self.machine_cpu_ratio = busy / total
        self._machine, self._looked_at = machine, now

    async def _recycle(self, session_id: str, extra: dict[str, object]) -> None:
        try:
            await self._pool.recycle(session_id, ReasonCode.MEMORY_LIMIT)
            log.warning("slot_recycled", extra=extra)
        except (NotRunning, SlotError) as error:
            log.info("not_recycled", extra={"session_id": session_id, "why": str(error)[:200]})


def default_budget() -> int:
    """Four fifths of the machine's memory: the rest is for the functions, the pool and the file cache."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return total * 4 // 5
