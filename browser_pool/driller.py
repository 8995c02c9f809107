"""Opens, now and then, the newest snapshot of one session in a browser without network: backups are proven.

Rule: in idle only, one session at a time, in turn; the session itself never hears of it. A drill that could
not be held says nothing about a snapshot, and one that failed is held again before it is believed.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from browser_pool.drill_book import DrillBook
from browser_pool.in_thread import in_thread
from browser_pool.metrics import PoolMetrics, Readings
from browser_pool.saved_session import Saved
from browser_pool.snapshot_store import SnapshotStore
from browser_pool.start_queue import NOBODY, StartQueue
from storage.clock import Clock, to_wire
from storage.drill_process import ROOT, STOPS_WITHIN, WITHIN, DrillFailed, drill_ground, said_by
from storage.objects import StoreError
from storage.snapshot_errors import SnapshotCorrupt, SnapshotError
from storage.snapshot_record import Snapshot
from storage.vault import SessionVault

log = logging.getLogger(__name__)

LOOK_EVERY = timedelta(minutes=1)
SETTLED_AFTER = timedelta(minutes=10)
"""A node that has just started, or got its first session, has better things to do."""
AGAIN_AFTER = timedelta(hours=1)
"""When a drill could not be held: the store was away, or this machine has no room for it."""
TRIES = 2
"""A browser that fails for another reason (an overloaded machine) seldom does so twice."""


class Driller:
    """`run` in a task; cancelling it leaves neither browser nor restored login."""

    def __init__(
        self,
        store: SnapshotStore,
        starts: StartQueue,
        metrics: PoolMetrics,
        clock: Clock,
        book: DrillBook,
        data_dir: Path,
        every: timedelta,
    ) -> None:
        self.sessions: Callable[[], list[Saved]] = list
        """The linked sessions of this node; set by whoever owns them."""
        self._store = store
        self._starts = starts
        self._metrics = metrics
        self._clock = clock
        self._book = book
        self._ground = data_dir / "tmp"
        self._every = every
        self._something_since: datetime | None = None
        """Since when there is something to hold a drill of."""
        self._not_before: datetime | None = None
        self._last: dict[str, Any] | None = None

    async def run(self) -> None:
        """Forever; with `every` 0 it only clears up what an earlier pool left."""
        await in_thread(self._clear)
        while self._every:
            await asyncio.sleep(min(LOOK_EVERY, self._every).total_seconds())
            try:
                await self.look()
            except Exception:
                log.exception("driller_stumbled")

    def _clear(self) -> None:
        """What a pool that was killed in the middle of a drill has left: a login, readable."""
        with drill_ground(self._ground):
            pass

    async def look(self) -> None:
        """Hold a drill when one is due and nobody waits for a browser."""
        now, here = self._clock.now(), await self._saved_here()
        self._something_since = (self._something_since or now) if here else None
        due_at = self._due_at()
        if due_at is None or now < due_at or (self._not_before is not None and now < self._not_before):
            return
        if self._starts.is_full or self._starts.waiting:
            return
        await self.hold(self._book.next_of(here))

    async def _saved_here(self) -> list[str]:
        savable = [(one.spec.id, one.profile) for one in self.sessions() if one.may_be_saved]
        return await in_thread(lambda: [id_ for id_, at in savable if at.saved_signature() is not None])

    def _due_at(self) -> datetime | None:
        """None while there is nothing to hold a drill of."""
        if self._something_since is None:
            return None
        settled, last = self._something_since + min(SETTLED_AFTER, self._every), self._book.last_at()
        return settled if last is None else max(settled, last + self._every)

    async def hold(self, session_id: str) -> bool | None:
        """A drill of the newest snapshot of this session, now: whether its login can be read; None when that
        could not be found out."""
        began = self._clock.monotonic()
        passed = False
        try:
            for _ in range(TRIES):
                snapshot_id, problems = await self._try(session_id)
                if passed := not problems:
                    break
        except (StoreError, SnapshotError, DrillFailed, OSError) as error:
            self._metrics.drill("not_held")
            self._not_before = self._clock.now() + min(AGAIN_AFTER, self._every)
            log.warning("drill_not_held", extra={"session_id": session_id, "why": str(error)[:300]})
            return None
        if session_id not in await self._saved_here():
            return None  # it went while we looked, with its snapshots
        self._book.held(session_id, passed=passed)
        self._metrics.drill("passed" if passed else "failed")
        self._last = {"at": to_wire(self._clock.now()), "passed": passed, "problems": problems}
        extra = {
            "session_id": session_id,
            "snapshot_id": snapshot_id,
            "passed": passed,
            "problems": problems,
            "took_ms": round((self._clock.monotonic() - began) * 1000),
        }
        log.log(logging.INFO if passed else logging.ERROR, "drill_held", extra=extra)
        return passed

    async def _try(self, session_id: str) -> tuple[str | None, list[str]]:
        """Which snapshot, and what is wrong with it. Raises as `hold` catches."""
        stack = ExitStack()
        async with self._starts.turn(NOBODY, lambda _: None) as permit:
            try:
                ground = await in_thread(partial(stack.enter_context, drill_ground(self._ground)))
                profile = ground / "profile"
                try:
                    snapshot = await self._store.call(session_id, partial(_newest, into=profile))
                except SnapshotCorrupt as error:
                    return None, [str(error)[:300]]
                if snapshot is None:
                    return None, ["it was saved from this disk, and the store has no snapshot of it"]
                said = await _look_into(profile)
                return snapshot.id, [] if said["ok"] else list(said["problems"])
            finally:
                permit.release()
                await in_thread(stack.close)

    def state(self) -> dict[str, Any] | None:
        """For /health: what came of the last one of this process. The log says of which session."""
        return self._last

    def readings(self) -> Readings:
        """For Prometheus."""
        due_at, good = self._due_at() if self._every else None, self._book.last_at(passed=True)
        overdue = 0.0 if due_at is None else max(0.0, (self._clock.now() - due_at).total_seconds())
        found = {("linkpool_drill_overdue_seconds", "Since when a drill of a snapshot is due."): overdue}
        if good is not None:
            help_ = "When a snapshot was last opened and its login could be read."
            found["linkpool_drill_success_timestamp_seconds", help_] = good.timestamp()
        return found


def _newest(vault: SessionVault, *, into: Path) -> Snapshot | None:
    head = vault.head()
    return None if head is None else vault.restore(head.id, into)


async def _look_into(profile: Path) -> dict[str, Any]:
    """As `storage.drill_process.look_into`; who is cancelled takes it down. Raises DrillFailed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "browser_pool.drill", str(profile)),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WITHIN.total_seconds()):
            output, errors = await process.communicate()
    except TimeoutError as error:
        raise DrillFailed(f"no verdict within {WITHIN.seconds} s; is the machine overloaded?") from error
    finally:
        await _end(process)
    return said_by(output.decode(), errors.decode(errors="replace"), process.returncode)


async def _end(process: asyncio.subprocess.Process) -> None:
    """SIGTERM, so that it takes its browser with it."""
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(STOPS_WITHIN.total_seconds()):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
