"""The node's door to its snapshots: the vault of `storage/`, in threads of its own, opened in the background.

Rule: a store that does not answer stops nothing here. It is tried again for as long as it takes, and only
what the store itself says is believed: a store that ignores preconditions, or a wrong key, is refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

from browser_pool.keyed_locks import KeyedLocks
from storage.clock import Clock
from storage.key_wrap import KeyWrap
from storage.object_url import prove
from storage.objects import ObjectStore, StoreError, StoreUnavailable, StoreUnsafe
from storage.snapshot_errors import SnapshotError, WrongKey
from storage.vault import SessionVault, Vault

log = logging.getLogger(__name__)

THREADS = 4
"""Saves and restores at a time: more of them wait for the same disk and the same network."""
OPEN_AGAIN_AFTER = timedelta(seconds=2)
OPEN_AGAIN_AT_MOST = timedelta(minutes=1)
T = TypeVar("T")


class SnapshotStore:
    """`open` in the background, `call` whenever; `close` at the end."""

    def __init__(self, store: ObjectStore, wrap: KeyWrap, clock: Clock) -> None:
        self.refused: str | None = None
        """Why this store is not used at all; for /health."""
        self.trouble: str | None = "not opened yet"
        """What the store said last when it did not do as asked; None when it did."""
        self._store = store
        self._wrap = wrap
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="snapshots")
        self._vault: Vault | None = None
        self._sessions: dict[str, SessionVault] = {}
        self._busy = KeyedLocks()

    @property
    def url(self) -> str:
        return self._store.url

    async def open(self) -> None:
        """Prove the store and read its keyring; again and again until it answers."""
        pause = OPEN_AGAIN_AFTER
        while True:
            try:
                await self._run(lambda: prove(self._store))
                self._vault = await self._run(lambda: Vault.open(self._store, self._wrap, self._clock))
            except (StoreUnsafe, WrongKey) as error:
                self.refused = self.trouble = str(error)
                log.error("SNAPSHOT_STORE_REFUSED", extra={"why": str(error)})  # noqa: TRY400
                return
            except (StoreError, SnapshotError) as error:
                # a keyring that is gone or damaged counts as away: the operator may put it back
                self.trouble = str(error)
                log.warning("snapshot_store_away", extra={"why": str(error)[:300]})
                await asyncio.sleep(pause.total_seconds())
                pause = min(OPEN_AGAIN_AT_MOST, pause * 2)
            else:
                self.trouble = None
                log.info("snapshot_store_open", extra={"url": self.url})
                return

    async def call(self, session_id: str, work: Callable[[SessionVault], T]) -> T:
        """Do something with the snapshots of one session. Raises StoreError, SnapshotError.

        A store that is not open yet is StoreUnavailable: whoever asks decides whether to wait.
        """
        if self._vault is None:
            why = self.refused or self.trouble or "not opened yet"
            raise StoreUnavailable("open", self.url, why, "it is tried again until it answers")
        vault = self._sessions.get(session_id)
        if vault is None:
            vault = self._sessions.setdefault(session_id, self._vault.session(session_id))
        async with self._busy.hold(session_id):
            try:
                result = await self._run(lambda: work(vault))
            except StoreError as error:
                self.trouble = str(error)
                raise
        self.trouble = None
        return result

    def forget(self, session_id: str) -> None:
        """It is gone, or no longer ours."""
        self._sessions.pop(session_id, None)

    async def _run(self, work: Callable[[], T]) -> T:
        """In one of our threads; who is cancelled waits until it has ended, because nothing can stop it."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait({future})
            if not future.cancelled():
                future.exception()
            raise

    def state(self) -> dict[str, Any]:
        """For /health."""
        open_ = self._vault is not None
        return {
            "url": self.url,
            "state": "refused" if self.refused else "open" if open_ else "away",
            "trouble": None if self.trouble is None else self.trouble[:200],
        }

    def close(self) -> None:
        """Twice is fine. What runs in a thread ends within the store's own deadlines."""
        self._threads.shutdown(wait=True, cancel_futures=True)
