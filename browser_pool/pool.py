"""All sessions of this node: makes them what the functions wish, and finds them again after a restart.

Level-triggered: direct calls and heartbeat answers go through the same few methods, which compare the
wish with what is and do nothing when they agree.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from browser_pool.chromium import browsers_of, kill_group, process_started
from browser_pool.errors import CaptureFailed, NotRunning, SlotError, SnapshotsOff, StoreAway
from browser_pool.in_thread import in_thread
from browser_pool.journal import JournalEntry
from browser_pool.pool_db import transaction
from browser_pool.profile import WARM_PREFIX, Profile, finish_erasing, profiles_on_disk
from browser_pool.session_runner import SessionRunner
from browser_pool.sleeping_session import SleepingSession
from browser_pool.snapshotter import Saved
from browser_pool.warm_keeper import WarmKeeper
from browser_pool.workshop import Workshop
from storage.models import LINKED, ReasonCode, SessionStatus
from storage.node_protocol import HeldSession, SessionSpec
from storage.objects import StoreError
from storage.snapshot_errors import SnapshotError
from storage.vault import SessionVault

log = logging.getLogger(__name__)


class Pool:
    """Made by `service.py`; `resume` first, `stop` last."""

    def __init__(self, shop: Workshop, warm: WarmKeeper) -> None:
        self.draining = False
        self.warm = warm
        self._shop = shop
        self._asleep: dict[str, JournalEntry] = {}
        self._runners: dict[str, SessionRunner] = {}
        self._changing: dict[str, asyncio.Lock] = {}
        self._erased: set[str] = set()
        self._half_erased: set[str] = set()
        """Gone from this disk, while the object store has not yet confirmed that it holds nothing of them."""
        self._handed_over: set[str] = set()
        self._resumed = False

    # ---- what is

    @property
    def runners(self) -> list[SessionRunner]:
        """Every session that has a browser or is on its way to one."""
        return list(self._runners.values())

    def runner(self, session_id: str) -> SessionRunner:
        """Raises NotRunning."""
        try:
            return self._runners[session_id]
        except KeyError as error:
            raise NotRunning(f"session {session_id} has no browser on this node") from error

    def spec(self, session_id: str) -> SessionSpec:
        """What this node was told of a session, awake or not. Raises NotRunning."""
        entry = self._asleep.get(session_id)
        return self.runner(session_id).spec if entry is None else entry.spec

    def held(self) -> list[HeldSession]:
        """For the heartbeat."""
        if not self._resumed:
            return [_held(entry) for entry in self._shop.journal.entries() if not _is_warm(entry)]
        return [
            HeldSession(
                id=runner.spec.id,
                generation=runner.spec.generation,
                start_seq=runner.spec.start_seq,
                status=runner.status.value,
            )
            for runner in self._runners.values()
        ]

    def profiles(self) -> list[str]:
        """Session ids whose profile lies on this disk."""
        on_disk = {name for name in profiles_on_disk(self._shop.data_dir) if not name.startswith(WARM_PREFIX)}
        return sorted(on_disk | set(self._runners) | set(self._asleep) | self._half_erased)

    @property
    def erased(self) -> list[str]:
        """Session ids of which nothing is left anywhere, until the functions have heard of it."""
        return sorted(self._erased)

    @property
    def handed_over(self) -> list[str]:
        """Session ids that are saved and closed for another node, until the functions have heard of it.

        After their last events: those would come from a node that has them no more.
        """
        return sorted(one for one in self._handed_over if not self._shop.outbox.pending_of(one))

    def savable(self) -> list[Saved]:
        """Every linked session, awake or not, for the snapshotter."""
        sleepers = [SleepingSession(self._shop, entry) for entry in self._asleep.values()]
        return [*self._runners.values(), *sleepers]

    async def save(self, session_id: str) -> None:
        """Save a snapshot now. Raises NotRunning, SnapshotsOff, CaptureFailed, StoreError, SnapshotError."""
        if self._shop.snapshotter is None:
            raise SnapshotsOff("snapshots are off on this node (AUTH_STRATEGY=local, or no SNAPSHOT_KEY)")
        entry = self._asleep.get(session_id)
        session = self.runner(session_id) if entry is None else SleepingSession(self._shop, entry)
        if not session.may_be_saved:
            raise NotRunning(f"session {session_id} is not connected; only a whole login is saved")
        await self._shop.snapshotter.save(session)

    # ---- what should be

    async def ensure(self, spec: SessionSpec) -> None:
        """Run this session. A larger start_seq than the running one's means: start over."""
        if not (self._resumed and self._shop.lease.valid):
            raise NotRunning("this node does not know yet what is its own; try again in a moment")
        async with self._lock(spec.id):
            await self._forget_outdated(spec)
            runner = self._runners.get(spec.id)
            if runner is not None:
                if spec.generation < runner.spec.generation or spec.start_seq < runner.spec.start_seq:
                    return
                if spec.start_seq == runner.spec.start_seq:
                    self._shop.journal.use(spec.id, spec.generation)
                    runner.adopt(spec)
                    return
                await self._put_away(runner)
            elif self._sleeps(spec):
                self._shop.journal.use(spec.id, spec.generation)
                return
            elif self.draining:
                raise NotRunning("this node takes no new sessions: it is draining")
            self._handed_over.discard(spec.id)
            if spec.fresh:
                await in_thread(self._profile(spec.id).erase)
            self._shop.journal.use(spec.id, spec.generation)
            if not await self._adopt_warm(spec):
                status = SessionStatus.RECONNECTING if spec.linked else SessionStatus.CREATED
                self._run(_new_entry(spec, status, spec.id))
            # the runner's first step tells its place in the queue; the answer to this call carries it
            await asyncio.sleep(0)

    async def _forget_outdated(self, spec: SessionSpec) -> None:
        """A login that was used elsewhere since it was used here is older than its snapshot: what is here is
        put aside, and the snapshot takes its place."""
        used, restorable = self._shop.journal.used(spec.id), self._shop.restorer is not None
        profile = self._profile(spec.id)
        if not spec.linked or used >= spec.owned_since or spec.snapshot_id is None or not restorable:
            return
        runner = self._runners.get(spec.id)
        if runner is not None:
            profile = Profile(self._shop.data_dir, spec.id, runner.profile_name)
            await self._put_away(runner, in_order=False)
        self._asleep.pop(spec.id, None)
        if profile.exists:
            log.warning("outdated_login_put_aside", extra={"session_id": spec.id, "generation": used})
            await in_thread(profile.put_aside)

    def _sleeps(self, spec: SessionSpec) -> bool:
        """Hibernated, and nobody asked for a restart since: nothing to do. Otherwise it sleeps no more."""
        entry = self._asleep.get(spec.id)
        if entry is None:
            return False
        if spec.start_seq > entry.spec.start_seq:
            del self._asleep[spec.id]
            return False
        if spec != entry.spec and spec.generation >= entry.spec.generation:
            self._asleep[spec.id] = replace(entry, spec=spec)
            self._shop.journal.save(self._asleep[spec.id])
        return True

    async def hibernate(self, session_id: str) -> None:
        """Close an idle session's browser; its login stays on disk. Raises NotRunning."""
        async with self._lock(session_id):
            if session_id in self._asleep:
                return
            entry = await self.runner(session_id).hibernate()
            self._runners.pop(session_id, None)
            self._asleep[session_id] = entry

    async def wake(self, session_id: str) -> None:
        """Open a hibernated session again; nothing when it is awake. Raises NotRunning."""
        async with self._lock(session_id):
            entry = self._asleep.pop(session_id, None)
            if entry is not None:
                self._run(replace(entry, hibernated_at=None))
                await asyncio.sleep(0)
            else:
                self.runner(session_id).used_at = self._shop.clock.monotonic()

    def hibernated_before(self, moment: datetime) -> list[str]:
        """Sessions that have slept since before this."""
        return [
            session_id
            for session_id, entry in self._asleep.items()
            if entry.hibernated_at is not None and entry.hibernated_at < moment
        ]

    @property
    def hibernated(self) -> int:
        return len(self._asleep)

    async def recycle(self, session_id: str, reason: ReasonCode) -> None:
        """Close a linked session's browser and open another on its profile. Raises NotRunning."""
        async with self._lock(session_id):
            runner = self.runner(session_id)
            if runner.status is not SessionStatus.CONNECTED:
                raise NotRunning(f"session {session_id} is {runner.status}; only a connected one is recycled")
            entry = await runner.close(reason)
            self._runners.pop(session_id, None)
            self._run(entry)

    async def _adopt_warm(self, spec: SessionSpec) -> bool:
        """Give the session a browser that shows a QR already, when it can use one and there is one."""
        if spec.linked or spec.proxy is not None or self._profile(spec.id).exists:
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
                self._hold(SessionRunner(self._shop, profile, entry, warmth))
            return True
        return False

    async def close(self, session_id: str) -> None:
        """Close the browser and keep the profile."""
        async with self._lock(session_id):
            runner = self._runners.get(session_id)
            if runner is not None:
                await self._put_away(runner)
                log.info("session_closed", extra={"session_id": session_id})
            self._asleep.pop(session_id, None)
            self._shop.journal.forget(session_id)

    async def drop(self, session_id: str) -> None:
        """Another node has it: end the browser at once, and keep the profile until somebody asks for it."""
        mark = next((one.browser for one in self._shop.journal.entries() if one.spec.id == session_id), None)
        if mark is not None and process_started(mark.pid) == mark.started:
            kill_group(mark.pid)  # before anything that may have to wait
        async with self._lock(session_id):
            runner = self._runners.get(session_id)
            if runner is not None:
                await self._put_away(runner, in_order=False)
            self._asleep.pop(session_id, None)
            self._shop.journal.forget(session_id)
            log.warning("session_dropped", extra={"session_id": session_id})

    async def hand_over(self, session_id: str) -> None:
        """Close the browser and save its login, so that another node can go on with it. Raises NotRunning."""
        snapshotter = self._shop.snapshotter
        if snapshotter is None:
            raise NotRunning(f"session {session_id} cannot be handed over: snapshots are off on this node")
        async with self._lock(session_id):
            runner, entry = self._runners.get(session_id), self._asleep.get(session_id)
            if runner is not None:
                entry = await runner.close()
                self._runners.pop(session_id, None)
            if entry is None:
                self._handed_over.add(session_id)
                return  # there is nothing here that another node could not have
            try:
                if self._profile(session_id).exists or runner is not None:
                    await snapshotter.save(SleepingSession(self._shop, entry))
            except (StoreError, SnapshotError, CaptureFailed) as error:
                if runner is not None:
                    self._run(entry)
                raise NotRunning(f"session {session_id} stays, it could not be saved: {error}") from error
            self._asleep.pop(session_id, None)
            self._shop.journal.forget(session_id)
            self._handed_over.add(session_id)
            log.info("session_handed_over", extra={"session_id": session_id})

    async def log_out(self, session_id: str) -> None:
        """Remove the device from the account, waking it for that. Raises NotRunning, SlotError."""
        if session_id in self._asleep:
            await self.wake(session_id)
        runner = self.runner(session_id)
        await runner.until_connected()
        await runner.log_out()

    async def erase(self, session_id: str, *, log_out: bool) -> None:
        """Remove the device if it can be reached, then destroy everything this node has of the session."""
        if log_out and self._is_linked(session_id):
            try:
                await self.log_out(session_id)
            except (NotRunning, SlotError) as error:
                extra = {"session_id": session_id, "why": str(error)[:200]}
                log.warning("device_not_removed", extra=extra)
        async with self._lock(session_id):
            runner = self._runners.get(session_id)
            self._asleep.pop(session_id, None)
            profile = self._profile(session_id)
            if runner is not None:
                profile = Profile(self._shop.data_dir, session_id, runner.profile_name)
                await self._put_away(runner, in_order=False)
            self._shop.journal.forget(session_id)
            self._shop.journal.unuse(session_id)
            self._half_erased.add(session_id)
            await in_thread(profile.erase)
            await in_thread(profile.erase_aside)
            await self._destroy_snapshots(session_id)
            self._half_erased.discard(session_id)
            self._erased.add(session_id)
            log.info("session_erased", extra={"session_id": session_id})

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

    def _is_linked(self, session_id: str) -> bool:
        runner = self._runners.get(session_id)
        return session_id in self._asleep or (runner is not None and runner.status in LINKED)

    def forget_erased(self, told: Collection[str]) -> None:
        """The functions have heard of these."""
        self._erased.difference_update(told)

    def forget_handed_over(self, told: Collection[str]) -> None:
        """The functions have heard of these."""
        self._handed_over.difference_update(told)

    def held_before(self, session_id: str, moment: float) -> bool:
        """This node has held the session since before this (monotonic) moment."""
        runner = self._runners.get(session_id)
        return session_id in self._asleep or (runner is not None and runner.taken_at < moment)

    # ---- restart and stop

    async def resume(self) -> None:
        """Take up what the journal holds: living browsers as they are, the others from their profiles. Only
        with a valid lease: what is here may be somebody else's by now."""
        entries = self._shop.journal.entries()
        known = {entry.browser.pid for entry in entries if entry.browser is not None}
        for pid, name in browsers_of(self._shop.data_dir).items():
            if pid not in known:
                log.warning("orphan_browser_killed", extra={"profile": name, "pid": pid})
                kill_group(pid)
        finish_erasing(self._shop.data_dir)
        held = {entry.profile for entry in entries}
        for name in profiles_on_disk(self._shop.data_dir):
            if name.startswith(WARM_PREFIX) and name not in held:
                self._profile(name).erase()
        for entry in entries:
            if _is_warm(entry):
                self.warm.resume(entry)
            elif entry.status is SessionStatus.HIBERNATED and entry.browser is None:
                self._asleep[entry.spec.id] = entry
            else:
                self._run(entry)
        self._resumed = True
        if entries:
            log.info("sessions_resumed", extra={"count": len(entries)})

    async def stop(self, *, keep_browsers: bool) -> None:
        """End every runner: browsers close in order, or stay for the next pool process."""
        self.draining = True
        runners = self.runners
        if keep_browsers:
            await asyncio.gather(self.warm.detach(), *(runner.detach() for runner in runners))
        else:
            await asyncio.gather(self.warm.close(), *(runner.close() for runner in runners))
        self._runners.clear()

    # ---- inside

    def _run(self, entry: JournalEntry) -> None:
        profile = Profile(self._shop.data_dir, entry.spec.id, entry.profile)
        self._hold(SessionRunner(self._shop, profile, entry))

    def _hold(self, runner: SessionRunner) -> None:
        self._runners[runner.spec.id] = runner
        runner.start(self._on_end)

    def _on_end(self, runner: SessionRunner) -> None:
        if self._runners.get(runner.spec.id) is runner and not runner.stopping:
            del self._runners[runner.spec.id]

    async def _put_away(self, runner: SessionRunner, *, in_order: bool = True) -> None:
        await (runner.close() if in_order else runner.kill())
        self._runners.pop(runner.spec.id, None)

    def _profile(self, session_id: str) -> Profile:
        return Profile(self._shop.data_dir, session_id)

    def _lock(self, session_id: str) -> asyncio.Lock:
        return self._changing.setdefault(session_id, asyncio.Lock())


def _is_warm(entry: JournalEntry) -> bool:
    return entry.profile == entry.spec.id and entry.profile.startswith(WARM_PREFIX)


def _held(entry: JournalEntry) -> HeldSession:
    spec = entry.spec
    return HeldSession(
        id=spec.id, generation=spec.generation, start_seq=spec.start_seq, status=entry.status.value
    )


def _new_entry(spec: SessionSpec, status: SessionStatus, profile: str) -> JournalEntry:
    return JournalEntry(spec=spec, status=status, phone_number=None, profile=profile, ref=None, browser=None)
