"""A linked session's login before each start: on this disk, or brought back from a snapshot.

Rule: the local profile first; then the newest snapshot that verifies, then the one before. What comes up
unlinked in all of them is a device that the phone has removed, and even then nothing is destroyed.
"""

from __future__ import annotations

import logging

from browser_pool.errors import LoginLost, NothingToRestore
from browser_pool.link_state import LinkState
from browser_pool.profile import Profile
from browser_pool.session_ledger import SessionLedger
from browser_pool.workshop import Workshop
from storage.events import EventType
from storage.models import ReasonCode
from storage.objects import StoreError
from storage.snapshot_errors import SnapshotError
from storage.snapshot_record import Snapshot
from storage.vault import SessionVault

log = logging.getLogger(__name__)

RESTORE_TRIES = 2
"""The newest snapshot and the one before: with the local profile, three tries."""


class LoginKeeper:
    """Of one session; asked by its runner."""

    def __init__(self, shop: Workshop, profile: Profile, link: LinkState, ledger: SessionLedger) -> None:
        self._restorer = shop.restorer
        self._store = shop.snapshots
        self._snapshotter = shop.snapshotter
        self._profile = profile
        self._link = link
        self._ledger = ledger
        self._tried: set[str] = set()
        self._damaged = False
        self._told_lost = False
        self._restored: Snapshot | None = None
        link.restorable = shop.restorer is not None

    async def provide(self) -> None:
        """Have a profile to start a linked session on. Raises StoreAway, NothingToRestore, LoginLost."""
        if not self._link.has_login:
            return
        exists = self._profile.exists
        if exists and not self._damaged:
            return
        if self._restorer is None:
            raise NothingToRestore(
                f"session {self._profile.session_id} is linked, but its profile is not on this disk and"
                " snapshots are off (no SNAPSHOT_KEY); it has to be linked anew"
            )
        if not exists and not self._told_lost:
            self._told_lost = True
            lost = {"reason_code": ReasonCode.NODE_LOST}
            self._ledger.write(self._link.report(EventType.SESSION_DISCONNECTED, **lost))
        try:
            expected = self._ledger.spec.snapshot_id is not None
            self._restored = await self._restorer.restore(
                self._profile, self._tried, generation=self._ledger.spec.generation, expected=expected
            )
        except (NothingToRestore, LoginLost):
            # nothing better is to be had: what the page says of the profile we have is the truth then
            self._link.restorable = False
            if not exists:
                raise
        else:
            saved = self._restored.about
            self._link.phone_number = self._link.phone_number or saved.phone_number
        self._damaged = False

    def try_another(self) -> bool:
        """The page came up without the login: is there something else to try?"""
        if self._restorer is None or not self._link.restorable:
            return False
        self._damaged = len(self._tried) < RESTORE_TRIES
        self._link.restorable = self._damaged
        extra = {"session_id": self._profile.session_id, "snapshots_tried": len(self._tried)}
        log.warning("login_missing", extra=extra)
        return True

    def came_back(self) -> None:
        """The session is connected: whatever lies in the profile is good."""
        restored, self._restored = self._restored, None
        self._tried.clear()
        self._link.restorable = self._restorer is not None
        if restored is not None:
            data = {"snapshot_id": restored.id}
            self._ledger.write(self._link.report(EventType.SESSION_RESTORED, **data))

    async def destroy_snapshots(self) -> None:
        """The device was removed: copies of its login are worth nothing, and are somebody's data."""
        if self._store is None:
            return
        if self._snapshotter is not None:
            await self._snapshotter.finish(self._profile.session_id)
        try:
            await self._store.call(self._profile.session_id, SessionVault.destroy)
        except (StoreError, SnapshotError) as error:
            extra = {"session_id": self._profile.session_id, "why": str(error)[:200]}
            log.warning("snapshots_not_destroyed", extra=extra)
            return
        self._store.forget(self._profile.session_id)
        self._ledger.write(self._link.report(EventType.SNAPSHOTS_DESTROYED))
