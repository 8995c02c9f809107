"""Runs the sessions of this node as the functions wish, and takes them up again after a restart.

Level-triggered: direct calls and heartbeat answers go through the same few methods, which compare the
wish with what is and do nothing when they agree. How a session leaves again is in `departures.py`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from browser_pool.browser_processes import browsers_of, kill_group
from browser_pool.chromium import end
from browser_pool.errors import NotRunning, SnapshotsOff
from browser_pool.holdings import Holdings, is_warm
from browser_pool.in_thread import in_thread
from browser_pool.journal import JournalEntry
from browser_pool.pool_db import transaction
from browser_pool.profile import WARM_PREFIX, Profile, finish_erasing, profiles_on_disk
from browser_pool.profiles_aside import ProfilesAside
from browser_pool.session_runner import SessionRunner
from browser_pool.warm_keeper import WarmKeeper
from browser_pool.workshop import Workshop
from storage.models import ENDED, ReasonCode, SessionStatus
from storage.node_protocol import SessionSpec

log = logging.getLogger(__name__)


class Pool:
    """Made by `service.py`; `resume` first, `stop` last."""

    def __init__(self, shop: Workshop, warm: WarmKeeper, holdings: Holdings) -> None:
        self.draining = False
        self.warm = warm
        self.holdings = holdings
        self._shop = shop

    # ---- a session that is wanted

    async def ensure(self, spec: SessionSpec) -> None:
        """Run this session. A larger start_seq than the running one's means: start over."""
        holdings, journal = self.holdings, self._shop.journal
        if not (holdings.taken_up and self._shop.lease.valid):
            raise NotRunning("this node does not know yet what is its own; try again in a moment")
        async with holdings.lock(spec.id):
            await self._forget_outdated(spec)
            runner = holdings.find(spec.id)
            if runner is not None:
                if spec.generation < runner.spec.generation or spec.start_seq < runner.spec.start_seq:
                    return
                if spec.start_seq == runner.spec.start_seq:
                    journal.use(spec.id, spec.generation)
                    runner.adopt(spec)
                    return
                await runner.close()
                holdings.let_go(runner)
            elif self._sleeps(spec):
                journal.use(spec.id, spec.generation)
                return
            elif self.draining:
                raise NotRunning("this node takes no new sessions: it is draining")
            holdings.handed_over.discard(spec.id)
            if spec.fresh:
                await in_thread(holdings.profile(spec.id).erase)
            journal.use(spec.id, spec.generation)
            if not await self._adopt_warm(spec):
                status = SessionStatus.RECONNECTING if spec.linked else SessionStatus.CREATED
                holdings.run(_new_entry(spec, status, spec.id))
            # the runner's first step tells its place in the queue; the answer to this call carries it
            await asyncio.sleep(0)

    async def _forget_outdated(self, spec: SessionSpec) -> None:
        """A login that was used elsewhere since it was used here is older than its snapshot: what is here is
        put aside, and the snapshot takes its place."""
        used, restorable = self._shop.journal.used(spec.id), self._shop.restorer is not None
        if not spec.linked or used >= spec.owned_since or spec.snapshot_id is None or not restorable:
            return
        runner, profile = self.holdings.find(spec.id), self.holdings.profile(spec.id)
        if runner is not None:
            await runner.kill()
            self.holdings.let_go(runner)
        self.holdings.rouse(spec.id)
        if profile.exists:
            log.warning("outdated_login_put_aside", extra={"session_id": spec.id, "generation": used})
            await in_thread(profile.put_aside)

    def _sleeps(self, spec: SessionSpec) -> bool:
        """Hibernated, and nobody asked for a restart since: nothing to do. Otherwise it sleeps no more."""
        entry = self.holdings.asleep(spec.id)
        if entry is None:
            return False
        if spec.start_seq > entry.spec.start_seq:
            self.holdings.rouse(spec.id)
            return False
        if spec != entry.spec and spec.generation >= entry.spec.generation:
            entry = replace(entry, spec=spec)
            self.holdings.rest(entry)
            self._shop.journal.save(entry)
        return True

    async def _adopt_warm(self, spec: SessionSpec) -> bool:
        """Give the session a browser that shows a QR already, when it can use one and there is one."""
        if spec.linked or spec.proxy is not None or self.holdings.profile(spec.id).exists:
            return False
        while (slot := self.warm.take()) is not None:
            warmth = await slot.hand_over()
            if warmth.slot.lost:
                # it died between the choice and now; the next one may live
                await warmth.slot.kill()
                self._shop.journal.forget(slot.name)
                await in_thread(warmth.profile.erase)
                continue
            profile = Profile(self._shop.data_dir, spec.id, warmth.profile.name)
            entry = _new_entry(spec, SessionStatus.CREATED, profile.name)
            with transaction(self._shop.db, passing=True):
                self._shop.journal.forget(slot.name)
                self.holdings.hold(SessionRunner(self._shop, profile, entry, warmth))
            return True
        return False

    # ---- a session that is here

    async def hibernate(self, session_id: str) -> None:
        """Close an idle session's browser; its login stays on disk. Raises NotRunning."""
        async with self.holdings.lock(session_id):
            if self.holdings.asleep(session_id) is not None:
                return
            runner = self.holdings.runner(session_id)
            entry = await runner.hibernate()
            self.holdings.let_go(runner)
            self.holdings.rest(entry)

    async def wake(self, session_id: str) -> None:
        """Open a hibernated session again; nothing when it is awake. Raises NotRunning."""
        async with self.holdings.lock(session_id):
            entry = self.holdings.rouse(session_id)
            if entry is not None:
                self.holdings.run(replace(entry, hibernated_at=None))
                await asyncio.sleep(0)
            else:
                self.holdings.runner(session_id).calls.use()

    async def recycle(self, session_id: str, reason: ReasonCode) -> None:
        """Close a linked session's browser and open another on its profile. Raises NotRunning."""
        async with self.holdings.lock(session_id):
            runner = self.holdings.runner(session_id)
            if runner.status is not SessionStatus.CONNECTED:
                raise NotRunning(f"session {session_id} is {runner.status}; only a connected one is recycled")
            entry = await runner.close(reason)
            self.holdings.let_go(runner)
            self.holdings.run(entry)

    async def save(self, session_id: str) -> None:
        """Save a snapshot now. Raises NotRunning, SnapshotsOff, CaptureFailed, StoreError, SnapshotError."""
        if self._shop.snapshotter is None:
            raise SnapshotsOff("snapshots are off on this node (AUTH_STRATEGY=local, or no SNAPSHOT_KEY)")
        session = self.holdings.saved(session_id)
        if not session.may_be_saved:
            raise NotRunning(f"session {session_id} is not connected; only a whole login is saved")
        await self._shop.snapshotter.save(session)

    # ---- restart and stop

    async def resume(self) -> None:
        """Take up what the journal holds: living browsers as they are, the others from their profiles. Only
        with a valid lease: what is here may be somebody else's by now."""
        data_dir, entries = self._shop.data_dir, self._shop.journal.entries()
        known = {entry.browser.pid for entry in entries if entry.browser is not None}
        for pid, name in browsers_of(data_dir).items():
            if pid not in known:
                log.warning("orphan_browser_killed", extra={"profile": name, "pid": pid})
                kill_group(pid)
        finish_erasing(data_dir)
        ProfilesAside(data_dir).erase_old(self._shop.clock.now())
        held = {entry.profile for entry in entries}
        for name in profiles_on_disk(data_dir):
            if name.startswith(WARM_PREFIX) and name not in held:
                Profile(data_dir, name).erase()
        for entry in entries:
            if is_warm(entry):
                self.warm.resume(entry)
            elif entry.status in ENDED:
                await self._finish(entry)
            elif entry.status is SessionStatus.HIBERNATED and entry.browser is None:
                self.holdings.rest(entry)
            else:
                self.holdings.run(entry)
        self.holdings.taken_up = True
        if entries:
            log.info("sessions_resumed", extra={"count": len(entries)})

    async def _finish(self, entry: JournalEntry) -> None:
        """The last pool process was killed after this session's last word. Its profile stays until somebody
        wants it anew, or erased."""
        if entry.browser is not None:
            await end(entry.browser)
        self._shop.journal.forget(entry.spec.id)

    async def stop(self, *, keep_browsers: bool) -> None:
        """End every runner: browsers close in order, or stay for the next pool process."""
        self.draining = True
        runners = self.holdings.runners
        if keep_browsers:
            await asyncio.gather(self.warm.detach(), *(runner.detach() for runner in runners))
        else:
            await asyncio.gather(self.warm.close(), *(runner.close() for runner in runners))
        for runner in runners:
            self.holdings.let_go(runner)


def _new_entry(spec: SessionSpec, status: SessionStatus, profile: str) -> JournalEntry:
    return JournalEntry(spec=spec, status=status, phone_number=None, profile=profile, ref=None, browser=None)
