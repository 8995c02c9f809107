"""A session with a browser as the snapshotter sees it: a login on disk that a page goes on writing to.

Rule: only a connected session is saved, because nothing has wiped its login then. Its counterpart without
a browser is `sleeping_session.py`.
"""

from __future__ import annotations

from collections.abc import Callable

from browser_pool.browser_run import BrowserRun
from browser_pool.errors import BrowserGone, CaptureFailed
from browser_pool.lease import Lease
from browser_pool.link_state import LinkState
from browser_pool.profile import Profile
from browser_pool.saved_session import event_data
from browser_pool.session_ledger import SessionLedger
from storage.events import EventType
from storage.models import SessionStatus
from storage.node_protocol import SessionSpec
from storage.snapshot_record import Snapshot


class AwakeSession:
    """Of one runner, for as long as that lives; `stopping` says that somebody is ending it."""

    def __init__(
        self,
        profile: Profile,
        link: LinkState,
        ledger: SessionLedger,
        run: BrowserRun,
        lease: Lease,
        stopping: Callable[[], bool],
    ) -> None:
        self.profile = profile
        self._link = link
        self._ledger = ledger
        self._run = run
        self._lease = lease
        self._stopping = stopping

    @property
    def spec(self) -> SessionSpec:
        return self._ledger.spec

    @property
    def phone_number(self) -> str | None:
        return self._link.phone_number

    @property
    def web_version(self) -> str | None:
        return self._run.slot.load.version if self._run.slot else None

    @property
    def group(self) -> int | None:
        """The browser's processes, which stand still while their files are read; None when it has closed."""
        return None if self._run.closed else self._run.browser_pid

    @property
    def may_be_saved(self) -> bool:
        """Its login is whole: connected now, so nothing has wiped it."""
        slot = self._run.slot
        alive = slot is not None and not slot.lost and not self._stopping()
        whole = self._link.has_login and self._link.status is SessionStatus.CONNECTED
        return alive and whole and self._lease.valid

    async def settle_storage(self) -> None:
        """Bring to disk what the page holds back."""
        slot = self._run.slot
        if slot is not None and not self._run.closed:
            try:
                await slot.save_local_storage()
            except BrowserGone as error:
                raise CaptureFailed(str(error)) from error

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Tell the functions."""
        self._ledger.write(self._link.report(EventType.SNAPSHOT_SAVED, **event_data(snapshot)))
