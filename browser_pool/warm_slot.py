"""A warm slot: a browser that shows a live QR and belongs to nobody yet.

It is followed like a session's browser, but nothing it sees is an event. Adoption hands its slot, its
place in the batch of refs and its QR to a session, and the warm slot is no more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ulid import ULID

from browser_pool.browser_run import BrowserRun
from browser_pool.errors import BrowserGone, SlotError
from browser_pool.in_thread import in_thread
from browser_pool.journal import BrowserMark, JournalEntry
from browser_pool.link_tracker import LinkTracker
from browser_pool.outcome import Report
from browser_pool.pool_db import transaction
from browser_pool.profile import WARM_PREFIX, Profile
from browser_pool.ref_clock import RefClock
from browser_pool.slot import Slot
from browser_pool.start_queue import NOBODY
from browser_pool.start_timer import StartTimer
from browser_pool.workshop import Workshop
from storage.clock import from_wire
from storage.events import EventType
from storage.models import Phase, SessionStatus
from storage.node_protocol import SessionSpec

log = logging.getLogger(__name__)

FOR_EVER = timedelta(days=3650)
"""A warm slot waits for a session as long as it takes; parking bounds what it costs."""


@dataclass(frozen=True, kw_only=True)
class Warmth:
    """What a session takes over."""

    slot: Slot
    profile: Profile
    tracker: LinkTracker
    parked: bool
    """A new QR has to be asked for."""
    ref: str | None
    """The QR on display; None when it is dead."""
    expires_at: datetime | None


class _WarmLedger:
    """Keeps the QR on display; the journal learns of the browser, nobody of any event."""

    workspace = NOBODY

    def __init__(self, shop: Workshop, name: str, mark: BrowserMark | None) -> None:
        self.name = name
        self.mark = mark
        self._db, self._journal, self._metrics = shop.db, shop.journal, shop.metrics
        self._remembered: BrowserMark | None = None
        self.phase: Phase | None = None
        self.timer = StartTimer(shop.clock)
        self.ref: str | None = None
        self.expires_at: datetime | None = None
        self.changed: Callable[[], None] = lambda: None

    def write(self, report: Report) -> None:
        if report.type is EventType.QR_CODE_GENERATED:
            self._metrics.start_parts(self.timer.first_qr())
            self._metrics.pulse.qr_shown(None)
            self.ref = report.data["ref"]
            self.expires_at = from_wire(report.data["expires_at"])
        elif "phase" in report.data:
            self.phase = Phase(report.data["phase"])
        if self.mark != self._remembered:
            self._remembered = self.mark
            with transaction(self._db, passing=True):
                self._journal.save(_entry(self.name, self.mark))
        self.changed()


class WarmSlot:
    """`start`, then `warmth` while it lasts; ended by `hand_over` or `close`."""

    def __init__(
        self,
        shop: Workshop,
        wanted: Callable[[], bool],
        changed: Callable[[], None],
        entry: JournalEntry | None = None,
    ) -> None:
        self.failed: SlotError | None = None
        """Why its browser is gone; it will not come back."""
        self._shop = shop
        self._changed = changed
        name = WARM_PREFIX + str(ULID()).lower() if entry is None else entry.profile
        self._profile = Profile(shop.data_dir, name)
        self._tracker = LinkTracker(
            shop.clock,
            status=SessionStatus.CREATED,
            linked=False,
            phone_number=None,
            last_ref=None,
            qr_timeout=FOR_EVER,
            link_timeout=shop.link_timeout,
            refs=RefClock(shop.lives),
        )
        self._ledger = _WarmLedger(shop, name, None if entry is None else entry.browser)
        self._ledger.changed = changed
        self._run = BrowserRun(shop, self._profile, self._tracker, self._ledger)
        self._run.keep_showing = self._keep_showing
        self._wanted = wanted
        self._parked = False
        self._task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self._ledger.name

    @property
    def is_live(self) -> bool:
        """Its QR can be scanned now."""
        expires_at = self._ledger.expires_at
        return self.is_ready and expires_at is not None and expires_at > self._shop.clock.now()

    @property
    def is_ready(self) -> bool:
        """It can be adopted, with a live QR or one that has to be asked for."""
        slot = self._run.slot
        shown = self._tracker.link.status is SessionStatus.QR_SCANNING
        return slot is not None and not slot.lost and shown and self.failed is None

    @property
    def expires_at(self) -> datetime | None:
        return self._ledger.expires_at

    @property
    def browser_pid(self) -> int | None:
        return self._run.browser_pid

    def start(self) -> None:
        """Begin to warm up, behind everybody who waits for a session."""
        self._task = asyncio.create_task(self._live(), name=self.name)

    async def _live(self) -> None:
        try:
            mark = self._ledger.mark
            if mark is None:
                await self._run.open(proxy=None)
            elif not await self._run.attach(mark):
                raise BrowserGone("the browser that an earlier pool left is gone")
            await self._run.follow(lambda: self._tracker.link.is_linked)
            self.failed = SlotError("somebody scanned a QR that had not been given out")
        except SlotError as error:
            self.failed = error
            self._shop.metrics.browser_failed(error.reason)
        log.warning("warm_slot_lost", extra={"slot": self.name, "why": str(self.failed)[:200]})
        self._changed()

    def _keep_showing(self) -> bool:
        self._parked = not self._wanted()
        self._ledger.expires_at = None
        return not self._parked

    async def wake(self) -> None:
        """Ask for a new QR after a pause without demand. Raises SlotError."""
        if self._parked and self.is_ready:
            self._parked = False
            self._tracker.ref_was_asked_for()
            await self._run.page.refresh_ref()

    async def hand_over(self) -> Warmth:
        """Stop following and give everything away but the journal's row, which the taker replaces."""
        live = self.is_live
        await self._stop()
        slot = self._run.living_slot()
        return Warmth(
            slot=slot,
            profile=self._profile,
            tracker=self._tracker,
            parked=self._parked,
            ref=self._ledger.ref if live else None,
            expires_at=self._ledger.expires_at if live else None,
        )

    async def close(self) -> None:
        """End the browser and leave nothing: there is no login in it."""
        await self._stop()
        await self._run.kill()
        with transaction(self._shop.db, passing=True):
            self._shop.journal.forget(self.name)
        await in_thread(self._profile.erase)

    async def detach(self) -> None:
        """Leave the browser to the next pool process."""
        await self._stop()
        await self._run.detach()

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


def _entry(name: str, mark: BrowserMark | None) -> JournalEntry:
    """A journal row like a session's, whose name says that it is nobody's."""
    spec = SessionSpec(id=name, workspace_id=NOBODY, generation=0, linked=False, fresh=False, start_seq=0)
    status = SessionStatus.QR_SCANNING
    return JournalEntry(spec=spec, status=status, phone_number=None, profile=name, ref=None, browser=mark)
