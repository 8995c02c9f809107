"""Brings a session's login back from the object store when the disk has none, or one that is no good.

Rule: unknown is not absent. A store that does not answer is waited for; only its own word that there is no
snapshot ends a session. What a snapshot replaces is put aside, never destroyed.
"""

from __future__ import annotations

import logging
import shutil
from functools import partial
from pathlib import Path

from ulid import ULID

from browser_pool.errors import LoginLost, NothingToRestore, StoreAway
from browser_pool.golden_keeper import GoldenKeeper
from browser_pool.in_thread import in_thread
from browser_pool.profile import Profile
from browser_pool.snapshot_store import SnapshotStore
from browser_pool.snapshotter import LOGIN
from storage.objects import StoreError
from storage.snapshot_errors import SnapshotCorrupt, SnapshotError, StaleGeneration
from storage.snapshot_record import Snapshot
from storage.vault import SessionVault

log = logging.getLogger(__name__)

RESTORING_DIR = "restoring"


class Restorer:
    """One for the node; blocking work goes through the store's threads."""

    def __init__(self, store: SnapshotStore, golden: GoldenKeeper, data_dir: Path) -> None:
        self._store = store
        self._golden = golden
        self._directory = data_dir / RESTORING_DIR
        shutil.rmtree(self._directory, ignore_errors=True)  # of a pool that was killed in the middle

    async def restore(
        self, profile: Profile, tried: set[str], *, generation: int, expected: bool
    ) -> Snapshot:
        """Put the newest snapshot that verifies, and was not tried yet, in the profile's place; it counts as
        tried from then on. `expected` says that one was saved: a store without it is not the right one.
        Whoever had the session before `generation` saves nothing from then on.

        Raises StoreAway, NothingToRestore, LoginLost when all of them were tried.
        """
        session_id = profile.session_id
        side = self._directory / str(ULID())
        try:
            await self._fence(session_id, generation)
            snapshot = await self._store.call(session_id, partial(_fetch, side=side, tried=tried))
        except (StoreError, OSError) as error:
            raise StoreAway(f"session {session_id}: {error}") from error
        except SnapshotError as error:
            raise StoreAway(f"session {session_id}: {error}") from error
        if snapshot is None and tried:
            raise LoginLost(
                f"session {session_id}: {len(tried)} snapshots were tried and none brought the login back;"
                " all are kept, see docs/restore.md"
            )
        if snapshot is None and expected:
            raise StoreAway(
                f"session {session_id}: snapshots of it were saved, and {self._store.url} holds none; is it"
                " the right store, is its mount there? It is asked again until it has them"
            )
        if snapshot is None:
            raise NothingToRestore(
                f"session {session_id} is linked, but there is neither a profile on this disk nor a"
                " snapshot in the store; see docs/restore.md, or let the account be linked anew"
            )
        await in_thread(partial(profile.take_place, side))
        await self._golden.add_caches(profile)
        extra = {"session_id": session_id, "snapshot_id": snapshot.id, "files": snapshot.files}
        log.warning("profile_restored", extra=extra)
        return snapshot

    async def _fence(self, session_id: str, generation: int) -> None:
        """What is read next is the last word of the owners before. A registry that was put back from a copy
        may have forgotten an owner: then the login is still brought back, and this is said."""
        try:
            await self._store.call(session_id, lambda vault: vault.fence(generation))
        except StaleGeneration as error:
            extra = {"session_id": session_id, "generation": generation, "why": str(error)[:300]}
            log.error("RESTORED_BY_AN_OLDER_OWNER", extra=extra)  # noqa: TRY400 - the reason says it


def _fetch(vault: SessionVault, *, side: Path, tried: set[str]) -> Snapshot | None:
    """The first snapshot that can be had, of the login that the head holds."""
    history = vault.history()
    login = history[0].about.record.get(LOGIN) if history else None
    for snapshot in history:
        if snapshot.id in tried or snapshot.about.record.get(LOGIN) != login:
            continue
        try:
            side.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            vault.restore(snapshot.id, side)
        except SnapshotCorrupt as error:
            tried.add(snapshot.id)
            extra = {"snapshot_id": snapshot.id, "why": str(error)[:300]}
            log.error("snapshot_corrupt", extra=extra)  # noqa: TRY400 - the reason is all there is to say
            continue
        tried.add(snapshot.id)
        return snapshot
    return None
