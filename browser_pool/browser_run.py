"""One browser of one session: found or started, loaded, and followed until it dies or all is over.

Raises a SlotError for everything that ends the browser but not the session; `session_runner.py` decides
what comes next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from browser_pool import chromium, facts
from browser_pool.errors import (
    BrowserGone,
    BrowserRefused,
    LoadTimedOut,
    LoginLost,
    NotRunning,
    PageBroken,
    PageUnreachable,
    QrTimedOut,
)
from browser_pool.journal import BrowserMark
from browser_pool.link_tracker import LinkTracker
from browser_pool.outcome import Act, Outcome, Report
from browser_pool.page_calls import PageCalls
from browser_pool.profile import Profile
from browser_pool.session_ledger import Ledger
from browser_pool.slot import Slot
from browser_pool.start_progress import StartProgress
from browser_pool.start_queue import NOBODY
from browser_pool.workshop import Workshop
from storage.events import EventType
from storage.models import Phase

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 5.0
"""Between two tries to reach a site that does not answer, within one load."""


class BrowserRun:
    """`attach` or `open`, then `follow`; `slot` is there from then on."""

    def __init__(self, shop: Workshop, profile: Profile, tracker: LinkTracker, ledger: Ledger) -> None:
        self.slot: Slot | None = None
        self.ended = False
        """The session is over, not only this browser."""
        self.closed = False
        """The browser closed in order: nobody writes to its files."""
        self.keep_showing: Callable[[], bool] = lambda: True
        """Asked when the QR went stale: is there somebody to show a new one to?"""
        self._shop = shop
        self._profile = profile
        self._tracker = tracker
        self._link = tracker.link
        self._ledger = ledger
        self.progress = StartProgress(tracker.link, ledger)
        self.page = PageCalls(shop.clock, tracker.link, ledger, self.living_slot)
        self._page_spoke = False

    @property
    def _id(self) -> str:
        return self._ledger.name

    async def attach(self, mark: BrowserMark) -> bool:
        """Take over the browser an earlier pool left, without reloading its page. False when it is gone."""
        permit = self._shop.starts.occupy()
        self.slot = await Slot.attach(self._shop.slots, self._shop.driver, self._profile, permit, mark)
        if self.slot is None:
            return False
        log.info("browser_attached", extra={"session_id": self._id, "pid": mark.pid})
        if not self._link.is_linked:
            self._tracker.start_waiting_for_scan()
        return True

    async def open(self, proxy: str | None) -> None:
        """Start a browser and bring its page to a QR, or to the login in its profile. Raises SlotError."""
        async with self._shop.starts.turn(self._ledger.workspace, self.progress.say_place) as permit:
            self._ledger.timer.begin()
            self.progress.say_starting(Phase.LAUNCHING)
            async with self._shop.golden.trial(self._profile, permit):
                shop, nobodys = self._shop, self._ledger.workspace == NOBODY
                slot = await Slot.open(
                    shop.slots, shop.driver, self._profile, permit, proxy, background=nobodys
                )
                self.slot, self._ledger.mark = slot, slot.mark
                self._ledger.timer.mark("launch")
                self.progress.say_starting(Phase.LOADING)
                with self._shop.web_versions.trial(slot.load):
                    await self._load(slot)
                    self._ledger.timer.mark("load")
                    # from here to the QR the page waits for its server: half a second of nothing
                    permit.end_turn()
                    if not self._link.is_linked:
                        await self._first_qr(slot)
                    if self._link.shows_qr:
                        await self._shop.web_versions.capture(slot.load)
                        await self._shop.golden.saw(slot)

    async def _load(self, slot: Slot) -> None:
        limit = self._shop.load_timeout.total_seconds()
        self._page_spoke = False
        try:
            async with asyncio.timeout(limit):
                await self._navigate(slot, limit)
                await self.follow(lambda: self._page_spoke)
        except TimeoutError as error:
            raise LoadTimedOut(f"WhatsApp Web was not ready after {limit:g} s") from error

    async def _navigate(self, slot: Slot, limit: float) -> None:
        """Try until the site answers. Raises PageUnreachable when there is no time for another try."""
        pause, clock = FIRST_RETRY_SECONDS, self._shop.clock
        deadline = clock.monotonic() + limit
        while True:
            try:
                return await slot.navigate()
            except PageUnreachable:
                if clock.monotonic() + pause >= deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(LONGEST_RETRY_SECONDS, pause * 2)

    async def _first_qr(self, slot: Slot) -> None:
        if not self._link.shows_qr and slot is self.slot:
            self.progress.say_starting(Phase.WAITING_FOR_QR)
        limit = self._shop.first_qr_timeout.total_seconds()
        try:
            async with asyncio.timeout(limit):
                await self.follow(lambda: self._link.shows_qr or self._link.is_linked)
        except TimeoutError as error:
            raise QrTimedOut(f"WhatsApp Web showed no QR within {limit:g} s") from error

    async def follow(self, reached: Callable[[], bool]) -> None:
        """Turn facts into events until `reached`, or until the session is over. Raises SlotError."""
        slot = self.living_slot()
        while not (self.ended or reached()):
            try:
                async with asyncio.timeout(self._seconds_to_deadline()):
                    fact = await slot.facts.get()
            except TimeoutError:
                fact = None
            if fact is not None:
                await self._on_fact(slot, fact)
            elif slot.lost and not await slot.reattach():
                raise BrowserGone("the browser or its page died")
            await self._do(slot, self._tracker.on_time())
            if self.page.ref_stays_away():
                await self._load_anew(slot)

    async def _load_anew(self, slot: Slot) -> None:
        log.warning("ref_not_refreshed", extra={"session_id": self._id, "then": "the page is loaded anew"})
        self._tracker.new_browser()
        await self._load(slot)
        await self._first_qr(slot)

    @property
    def browser_pid(self) -> int | None:
        return self.slot.mark.pid if self.slot else None

    def living_slot(self) -> Slot:
        """Raises NotRunning while there is none."""
        if self.slot is None:
            raise NotRunning(f"session {self._id} has no browser yet; it is {self._link.status}")
        return self.slot

    def _seconds_to_deadline(self) -> float | None:
        dues = [due for due in (self._tracker.next_deadline(), self.page.new_ref_due) if due is not None]
        return max(0.0, min(dues) - self._shop.clock.monotonic()) if dues else None

    async def _on_fact(self, slot: Slot, fact: facts.Fact) -> None:
        match fact:
            case facts.Foreign(refuses_browser=True):
                raise BrowserRefused("WhatsApp Web says that it does not support this browser")
            case facts.Foreign():
                raise PageBroken("what answered is not WhatsApp Web: it has no module system")
            case facts.LookupFailed():
                log.warning("page_lookup_failed", extra={"session_id": self._id, "what": fact.what})
                self._shop.metrics.lookup(fact.what.removeprefix("PageBroken: "), "missing")
            case facts.Loaded(version=version, missing=missing):
                extra = {"session_id": self._id, "web_version": version, "missing": list(missing)}
                log.info("page_loaded", extra=extra)
                slot.load.version = version
                self._page_spoke = True
            case facts.RefShown(displayed=displayed):
                self._page_spoke = True
                self.page.new_ref_due = None
                self._shop.metrics.lookup("ref", "found" if displayed else "fell_back")
            case facts.Probed(outcomes=outcomes):
                self._probed(outcomes)
        await self._do(slot, self._tracker.on_fact(fact))
        if isinstance(fact, facts.RefShown):
            await self.page.ref_came()

    def _probed(self, outcomes: Iterable[tuple[str, str]]) -> None:
        """Count what the page has, and say what it lacks: that is how a change of WhatsApp's shows first."""
        by_outcome: dict[str, list[str]] = {"fell_back": [], "missing": []}
        for name, outcome in outcomes:
            self._shop.metrics.lookup(name, outcome)
            by_outcome.setdefault(outcome, []).append(name)
        if by_outcome["fell_back"] or by_outcome["missing"]:
            extra = {"session_id": self._id, "missing": by_outcome["missing"]}
            log.warning("page_lookups_changed", extra={**extra, "fell_back": by_outcome["fell_back"]})

    async def _do(self, slot: Slot, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            match outcome:
                case Act.SETTLE:
                    await slot.save_local_storage()
                case Report(type=EventType.SESSION_READY):
                    self._ledger.write(outcome)
                    await self._shop.web_versions.connected(slot.load)
                case Report():
                    self._ledger.write(outcome)
                case Act.END:
                    self.ended = True
                case Act.REFRESH_REF if self.keep_showing():
                    await self.page.refresh_ref()
                case Act.REFRESH_REF:
                    log.info("slot_parked", extra={"session_id": self._id})
                case Act.RESTORE:
                    raise LoginLost("the page came up without the login of this session")
                case Act.TAKE_OVER:
                    await self.page.take_over()

    # ---- ending it

    async def close(self) -> None:
        """In order, so that everything is on disk."""
        if self.slot is not None:
            await self.slot.close()
        else:
            await self._end_unattached()
        self.closed = True
        self._ledger.mark = None

    async def kill(self) -> None:
        """At once; what is only in its memory is lost."""
        if self.slot is not None:
            await self.slot.kill()
        else:
            await self._end_unattached()

    async def drop(self) -> None:
        """Kill it; another one may be found or started."""
        await self.kill()
        self.slot = self.page.new_ref_due = self._ledger.mark = None

    async def detach(self) -> None:
        """Leave it to the next pool process."""
        if self.slot is not None:
            await self.slot.detach()

    async def _end_unattached(self) -> None:
        """An earlier pool's browser, that we had not looked into yet."""
        if self._ledger.mark is not None:
            await chromium.end(self._ledger.mark)
