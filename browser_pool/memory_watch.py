"""Memory of every slot as the kernel counts it, and what follows: a warning, a recycle, no new starts.

PSS shares out what processes have in common, so the slots' figures add up to what the machine lost.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from browser_pool.errors import NotRunning, SlotError
from browser_pool.pool import Pool
from browser_pool.start_queue import StartQueue
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

    def __init__(self, pool: Pool, starts: StartQueue, limits: MemoryLimits) -> None:
        self._pool = pool
        self._starts = starts
        self._limits = limits
        self._by_group: dict[int, int] = {}
        self._in_use_then = 0
        self._warned: set[str] = set()
        starts.has_memory = self.has_room

    @property
    def total(self) -> int:
        """PSS of all browsers at the last look."""
        return sum(self._by_group.values())

    @property
    def budget(self) -> int:
        return self._limits.budget

    def bytes_of(self, browser_pid: int | None) -> int | None:
        """PSS of one browser with its renderers; None when it was not measured yet."""
        return None if browser_pid is None else self._by_group.get(browser_pid)

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
        runners = [runner for runner in self._pool.runners if runner.browser_pid is not None]
        groups = {runner.browser_pid for runner in runners} | set(self._pool.warm.pids.values())
        in_use = self._starts.in_use
        measured = await asyncio.to_thread(pss_by_group, {pid for pid in groups if pid is not None})
        self._by_group, self._in_use_then = measured, in_use
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

    async def _recycle(self, session_id: str, extra: dict[str, object]) -> None:
        try:
            await self._pool.recycle(session_id, ReasonCode.MEMORY_LIMIT)
            log.warning("slot_recycled", extra=extra)
        except (NotRunning, SlotError) as error:
            log.info("not_recycled", extra={"session_id": session_id, "why": str(error)[:200]})


def pss_by_group(groups: Collection[int]) -> dict[int, int]:
    """Process group → bytes of PSS of all its processes."""
    found = dict.fromkeys(groups, 0)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            group = os.getpgid(int(entry.name))
            if group in found:
                found[group] += _pss(entry)
        except (ProcessLookupError, FileNotFoundError, PermissionError):
            continue
    return found


def _pss(process: Path) -> int:
    for line in (process / "smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def default_budget() -> int:
    """Four fifths of the machine's memory: the rest is for the functions, the pool and the file cache."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return total * 4 // 5
