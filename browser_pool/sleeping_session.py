"""A hibernated session as the snapshotter sees it: a login on disk, and nobody who writes to it."""

from __future__ import annotations

from browser_pool.journal import JournalEntry
from browser_pool.profile import Profile
from browser_pool.saved_session import event_data
from browser_pool.workshop import Workshop
from storage.events import EventType
from storage.node_protocol import SessionSpec
from storage.snapshot_record import Snapshot


class SleepingSession:
    """Made anew for each look; what it stands for is in the journal and on the disk."""

    def __init__(self, shop: Workshop, entry: JournalEntry) -> None:
        self._shop = shop
        self._entry = entry
        self.profile = Profile(shop.data_dir, entry.spec.id, entry.profile)
        self.group: int | None = None
        self.web_version: str | None = None

    @property
    def spec(self) -> SessionSpec:
        return self._entry.spec

    @property
    def phone_number(self) -> str | None:
        return self._entry.phone_number

    @property
    def may_be_saved(self) -> bool:
        return self.profile.exists and self._shop.lease.valid

    async def settle_storage(self) -> None:
        """The browser closed in order: everything is on disk."""

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Tell the functions."""
        spec = self._entry.spec
        self._shop.outbox.append(spec.id, spec.generation, EventType.SNAPSHOT_SAVED, event_data(snapshot))
