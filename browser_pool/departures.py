"""How a session leaves this node: closed, dropped, handed over, logged out, erased.

Rule: a browser has ended before the journal forgets it, so that a pool which is killed in between finds
both again.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from browser_pool.browser_processes import kill_group, process_started
from browser_pool.errors import BrowserGone, CaptureFailed, NotRunning, SlotError, StoreAway
from browser_pool.holdings import Holdings
from browser_pool.in_thread import in_thread
from browser_pool.journal import JournalEntry
from browser_pool.pool import Pool
from browser_pool.sleeping_session import SleepingSession
from browser_pool.workshop import Workshop
from storage.models import LINKED, SessionStatus
from storage.objects import StoreError
from storage.snapshot_errors import SnapshotError
from storage.vault import SessionVault

log = logging.getLogger(__name__)


class Departures:
    """Asked by the control API and by heartbeats; a session that is not here has left already."""

    def __init__(self, shop: Workshop, pool: Pool) -> None:
        self._shop = shop
        self._pool = pool
        self._holdings: Holdings = pool.holdings

    async def close(self, session_id: str) -> None:
        """Close the browser and keep the profile."""
        async with self._holdings.lock(session_id):
            runner = self._holdings.find(session_id)
            if runner is not None and runner.is_leaving:
                return  # by itself, and it takes more with it: a revoked login, and its copies in the store
            if runner is not None:
                await runner.close()
                self._holdings.let_go(runner)
                log.info("session_closed", extra={"session_id": session_id})
            self._forget(session_id)

    async def drop(self, session_id: str) -> None:
        """Another node has it: end the browser at once, and keep the profile until somebody asks for it."""
        mark = next((one.browser for one in self._shop.journal.entries() if one.spec.id == session_id), None)
        if mark is not None and process_started(mark.pid) == mark.started:
            kill_group(mark.pid)  # before anything that may have to wait
        async with self._holdings.lock(session_id):
            await self._kill(session_id)
            self._forget(session_id)
            self._forget_snapshots(session_id)
            log.warning("session_dropped", extra={"session_id": session_id})

    async def hand_over(self, session_id: str) -> None:
        """Close the browser and save its login, so that another node can go on with it. One that waits for
        its scan has none: once its browser is closed nobody can scan it here. Raises NotRunning."""
        holdings = self._holdings
        await self._let_it_link(session_id)
        if self._shop.snapshotter is None and holdings.is_linked(session_id):
            raise NotRunning(f"session {session_id} cannot be handed over: snapshots are off on this node")
        async with self._leaving(session_id):
            runner, entry = holdings.find(session_id), holdings.asleep(session_id)
            if runner is not None:
                entry = await runner.close()
                holdings.let_go(runner)
            if entry is None:
                holdings.handed_over.add(session_id)
                return  # there is nothing here that another node could not have
            try:
                if _has_login(entry) and (holdings.profile(session_id).exists or runner is not None):
                    await self._save(entry)
            except (StoreError, SnapshotError, CaptureFailed) as error:
                if runner is not None:
                    holdings.run(entry)
                raise NotRunning(f"session {session_id} stays, it could not be saved: {error}") from error
            self._forget(session_id)
            self._forget_snapshots(session_id)
            holdings.handed_over.add(session_id)
            log.info("session_handed_over", extra={"session_id": session_id})

    async def _save(self, entry: JournalEntry) -> None:
        if self._shop.snapshotter is not None:
            await self._shop.snapshotter.save(SleepingSession(self._shop, entry))

    @asynccontextmanager
    async def _leaving(self, session_id: str) -> AsyncIterator[None]:
        async with self._holdings.lock(session_id):
            self._holdings.leaving.add(session_id)
            try:
                yield
            finally:
                self._holdings.leaving.discard(session_id)

    async def _let_it_link(self, session_id: str) -> None:
        """One that was scanned just now has no whole login yet. Raises NotRunning when it came to nothing."""
        runner = self._holdings.find(session_id)
        if runner is not None and runner.status is SessionStatus.AUTHENTICATED:
            with suppress(BrowserGone):  # then what there is of it goes
                await runner.calls.until_connected()

    async def log_out(self, session_id: str) -> None:
        """Remove the device from the account, waking it for that. Raises NotRunning, SlotError."""
        if self._holdings.asleep(session_id) is not None:
            await self._pool.wake(session_id)
        calls = self._holdings.runner(session_id).calls
        await calls.until_connected()
        await calls.log_out()

    async def erase(self, session_id: str, *, log_out: bool) -> None:
        """Remove the device if it can be reached, then destroy everything this node has of the session."""
        if log_out:
            await self._remove_device(session_id)
        async with self._holdings.lock(session_id):
            profile = self._holdings.profile(session_id)
            await self._kill(session_id)
            self._forget(session_id)
            self._shop.journal.unuse(session_id)
            self._holdings.half_erased.add(session_id)
            await in_thread(profile.erase)
            await in_thread(profile.erase_aside)
            await self._destroy_snapshots(session_id)
            self._holdings.half_erased.discard(session_id)
            self._holdings.erased.add(session_id)
            log.info("session_erased", extra={"session_id": session_id})

    async def _remove_device(self, session_id: str) -> None:
        """Tried again when the browser dies of it: afterwards nobody can."""
        for again in (True, False):
            if self._holdings.is_linked(session_id):
                try:
                    await self.log_out(session_id)
                except (NotRunning, SlotError) as error:
                    extra = {"session_id": session_id, "why": str(error)[:200], "again": again}
                    log.warning("device_not_removed", extra=extra)

    async def _destroy_snapshots(self, session_id: str) -> None:
        """Raises StoreAway: the next heartbeat asks again."""
        store, snapshotter = self._shop.snapshots, self._shop.snapshotter
        if store is None:
            return
        if snapshotter is not None:
            await snapshotter.finish(session_id)
        try:
            await store.call(session_id, SessionVault.destroy)
        except (StoreError, SnapshotError) as error:
            raise StoreAway(f"snapshots of session {session_id} are not destroyed yet: {error}") from error
        store.forget(session_id)

    async def _kill(self, session_id: str) -> None:
        runner = self._holdings.find(session_id)
        if runner is not None:
            await runner.kill()
            self._holdings.let_go(runner)

    def _forget(self, session_id: str) -> None:
        self._holdings.rouse(session_id)
        self._shop.journal.forget(session_id)

    def _forget_snapshots(self, session_id: str) -> None:
        """What we remember of them: another node adds to them now."""
        if self._shop.snapshots is not None:
            self._shop.snapshots.forget(session_id)


def _has_login(entry: JournalEntry) -> bool:
    """Judged once its browser has closed: it may have been scanned until then."""
    return entry.status in LINKED or entry.status is SessionStatus.AUTHENTICATED
