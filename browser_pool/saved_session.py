"""What has to be known of a session to save its login, and what its functions hear of it."""

from __future__ import annotations

from typing import Any, Protocol

from browser_pool.profile import Profile
from storage.clock import to_wire
from storage.node_protocol import SessionSpec
from storage.snapshot_record import Snapshot


class Saved(Protocol):
    """Awake with a browser, or asleep without one."""

    @property
    def spec(self) -> SessionSpec: ...
    @property
    def profile(self) -> Profile: ...
    @property
    def phone_number(self) -> str | None: ...
    @property
    def web_version(self) -> str | None: ...
    @property
    def group(self) -> int | None: ...
    @property
    def may_be_saved(self) -> bool: ...
    async def settle_storage(self) -> None: ...
    def on_snapshot(self, snapshot: Snapshot) -> None: ...


def event_data(snapshot: Snapshot) -> dict[str, Any]:
    """What `snapshot_saved` says. Everything new was read back before the head was flipped."""
    saved_at = to_wire(snapshot.saved_at)
    return {
        "snapshot_id": snapshot.id,
        "saved_at": saved_at,
        "verified_at": saved_at,
        "size_bytes": snapshot.size_bytes,
        "new_bytes": snapshot.new_bytes,
    }
