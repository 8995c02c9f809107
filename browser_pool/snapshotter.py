"""Decides when a session's login is saved, and saves it: after the link, after changes, before it sleeps.

Rule: one save of a session at a time, and nothing waits for one but what must: hibernation, recycle and
stop. A session that did not change costs a look at its files and no request.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from ulid import ULID

from browser_pool.capture import capture, signature
from browser_pool.errors import CaptureFailed
from browser_pool.in_thread import in_thread
from browser_pool.lease import Lease
from browser_pool.metrics import PoolMetrics
from browser_pool.saved_session import Saved
from browser_pool.snapshot_account import SnapshotAccount, SnapshotTimes
from browser_pool.snapshot_store import SnapshotStore
from storage.clock import Clock
from storage.objects import StoreError
from storage.snapshot_errors import SnapshotError, StaleGeneration
from storage.snapshot_record import About, Snapshot
from storage.vault import SessionVault

log = logging.getLogger(__name__)

STAGING_DIR = "snapshot-staging"
LOOK_EVERY = timedelta(seconds=2)
"""A look is some 40 stats a session, in a thread."""
LAST_SAVE = timedelta(seconds=20)
PRUNE_EVERY = 10
"""Saves of a session between two prunes: each costs a listing."""
LOGIN = "login_id"
"""In the record of each snapshot: which login it holds."""


class Snapshotter:
    """`run` looks, `save` saves now."""

    def __init__(
        self,
        store: SnapshotStore,
        clock: Clock,
        metrics: PoolMetrics,
        lease: Lease,
        *,
        data_dir: Path,
        node_id: str,
        chromium: str,
        times: SnapshotTimes,
    ) -> None:
        self.sessions: Callable[[], list[Saved]] = list
        """The linked sessions with a browser; set by whoever owns them."""
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._lease = lease
        self._staging = data_dir / STAGING_DIR
        self._node_id = node_id
        self._chromium = chromium
        self._times = times
        self._accounts: dict[str, SnapshotAccount] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        shutil.rmtree(self._staging, ignore_errors=True)  # of a pool that was killed in the middle of a save

    async def run(self) -> NoReturn:
        """Look at every linked session, forever; cancel to stop, then `close`."""
        while True:
            try:
                await self._look_at_all()
            except Exception:
                log.exception("snapshotter_stumbled")
            await asyncio.sleep(min(LOOK_EVERY, self._times.quiet).total_seconds())

    async def _look_at_all(self) -> None:
        sessions = [session for session in self.sessions() if session.may_be_saved]
        for gone in self._accounts.keys() - {session.spec.id for session in sessions}:
            if not self._accounts[gone].lock.locked():
                del self._accounts[gone]
        for session in sessions:
            await self._look(session)

    async def _look(self, session: Saved) -> None:
        account = self._accounts.setdefault(session.spec.id, SnapshotAccount())
        now = self._clock.monotonic()
        if account.lock.locked() or now < account.not_before:
            return
        if not account.known:
            account.saved, account.known = await in_thread(session.profile.saved_signature), True
        try:
            seen = await in_thread(partial(signature, session.profile))
        except FileNotFoundError:
            return  # its profile is being erased, or another one takes its place
        if account.is_due(seen, now, self._times):
            self.save_soon(session)

    def save_soon(self, session: Saved) -> None:
        """Save without anybody waiting for it; a failure is tried again."""
        task = asyncio.create_task(self._try(session), name=f"snapshot-{session.spec.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _try(self, session: Saved) -> None:
        try:
            await self.save(session)
        except (StoreError, SnapshotError, CaptureFailed):
            return  # said and counted in `save`; the next look tries again

    async def save(self, session: Saved) -> Snapshot | None:
        """Save now; None when nothing has changed. Raises StoreError, SnapshotError, CaptureFailed."""
        session_id = session.spec.id
        account = self._accounts.setdefault(session_id, SnapshotAccount())
        async with account.lock:
            try:
                snapshot = await self._save(session, account)
            except (OSError, StoreError, SnapshotError, CaptureFailed) as error:
                self._metrics.snapshot_failed()
                # a stale generation is another node's session; the next heartbeat says so
                account.failed(self._clock.monotonic(), give_way=isinstance(error, StaleGeneration))
                extra = {"session_id": session_id, "failures": account.failures, "why": str(error)[:300]}
                log.warning("snapshot_failed", extra=extra)
                if isinstance(error, OSError):  # of this disk: it cannot even be written to
                    raise CaptureFailed(f"session {session_id}: {error}") from error
                raise
            account.failures, account.dirty_since = 0, None
        return snapshot

    async def finish(self, session_id: str) -> None:
        """Return when no save of this session is under way: its profile is gone, so none can follow."""
        account = self._accounts.get(session_id)
        if account is not None:
            async with account.lock:
                return

    async def save_at_last(self, session: Saved) -> None:
        """Before its browser sleeps or the pool ends: at most LAST_SAVE, because the login is on this disk in
        any case, and a store that is away must not keep a machine from being stopped."""
        try:
            async with asyncio.timeout(LAST_SAVE.total_seconds()):
                await self.save(session)
        except TimeoutError:
            log.warning("snapshot_late", extra={"session_id": session.spec.id})
        except (StoreError, SnapshotError, CaptureFailed):
            return  # said and counted in `save`

    async def _save(self, session: Saved, account: SnapshotAccount) -> Snapshot | None:
        session_id, profile = session.spec.id, session.profile
        staged = self._staging / str(ULID())
        began = self._clock.monotonic()
        await session.settle_storage()
        login_id = await in_thread(profile.login_id)
        seen = await in_thread(partial(signature, profile))
        taken = await in_thread(partial(capture, profile, session.group, staged, self._lease.let_go_on))
        about = About(
            session_id=session_id,
            workspace_id=session.spec.workspace_id,
            generation=session.spec.generation,
            node_id=self._node_id,
            phone_number=session.phone_number,
            chromium=self._chromium,
            web_version=session.web_version,
            captured_at=self._clock.now(),
            record={**session.spec.record, LOGIN: login_id},
        )
        try:
            snapshot = await self._store.call(session_id, lambda vault: vault.save(staged, about))
        finally:
            await in_thread(partial(shutil.rmtree, staged, ignore_errors=True))
        await in_thread(partial(profile.remember_saved, seen))
        account.was_saved(seen)
        if snapshot is None:
            return None
        log.info(
            "snapshot_saved",
            extra={
                "session_id": session_id,
                "snapshot_id": snapshot.id,
                "size_bytes": snapshot.size_bytes,
                "new_bytes": snapshot.new_bytes,
                "stopped_ms": round(taken.stopped_ms, 1),
                "took_ms": round((self._clock.monotonic() - began) * 1000),
            },
        )
        session.on_snapshot(snapshot)
        if account.saves % PRUNE_EVERY == 0:
            await self._prune(session_id)
        return snapshot

    async def _prune(self, session_id: str) -> None:
        def prune(vault: SessionVault) -> object:
            return vault.prune(keep=self._times.keep)

        try:
            await self._store.call(session_id, prune)
        except (StoreError, SnapshotError) as error:
            log.warning("snapshots_not_pruned", extra={"session_id": session_id, "why": str(error)[:200]})

    def state(self) -> dict[str, Any]:
        """For /health."""
        now = self._clock.monotonic()
        unsaved = [a.dirty_since for a in self._accounts.values() if a.dirty_since is not None]
        failing = sum(1 for account in self._accounts.values() if account.failures)
        return {
            **self._store.state(),
            "failing_sessions": failing,
            "oldest_unsaved_seconds": round(now - min(unsaved), 1) if unsaved else 0,
        }

    async def close(self) -> None:
        """Wait for the saves under way; they end within the store's deadlines."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await in_thread(partial(shutil.rmtree, self._staging, ignore_errors=True))
