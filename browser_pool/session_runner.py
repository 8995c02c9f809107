"""Holds one session: one browser after the other, until the session is over or given away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from browser_pool.awake_session import AwakeSession
from browser_pool.browser_run import BrowserRun
from browser_pool.errors import BrowserGone, NotRunning, PageHostile, SlotError
from browser_pool.in_thread import in_thread
from browser_pool.journal import JournalEntry
from browser_pool.link_tracker import LinkTracker
from browser_pool.login_keeper import LoginKeeper
from browser_pool.outcome import Report
from browser_pool.profile import Profile
from browser_pool.ref_clock import RefClock
from browser_pool.session_calls import SessionCalls
from browser_pool.session_failures import SessionFailures
from browser_pool.session_ledger import SessionLedger
from browser_pool.warm_slot import Warmth
from browser_pool.warm_start import WarmStart
from browser_pool.workshop import Workshop
from storage.events import EventType
from storage.models import LINKED, Phase, ReasonCode, SessionStatus
from storage.node_protocol import SessionSpec

log = logging.getLogger(__name__)

CONNECTED_AGAIN = frozenset({EventType.SESSION_READY, EventType.SESSION_RECONNECTED, EventType.SESSION_WOKEN})


class SessionRunner:
    """`start` begins it; `close`, `kill` and `detach` end it from outside."""

    def __init__(
        self, shop: Workshop, profile: Profile, entry: JournalEntry, warmth: Warmth | None = None
    ) -> None:
        self.taken_at = shop.clock.monotonic()
        self.stopping = False
        """`close`, `kill` or `detach` has been called: whoever called it owns what is left."""
        self._shop = shop
        self._profile = profile
        self._tracker = _new_tracker(shop, entry) if warmth is None else warmth.tracker
        self._link = self._tracker.link
        self._ledger = SessionLedger(shop, self._link, profile, entry.spec, entry.browser)
        self._run = BrowserRun(shop, profile, self._tracker, self._ledger)
        self._run.page.pairing_for = entry.spec.phone_number
        self._warm = None if warmth is None else WarmStart(warmth, shop, self._ledger, self._run)
        self._task: asyncio.Task[None] | None = None
        self.calls = SessionCalls(shop.clock, self._tracker, self._ledger, self._run, self._is_over)
        """What may be asked of its page."""
        self.awake = AwakeSession(
            profile, self._link, self._ledger, self._run, shop.lease, lambda: self.stopping
        )
        """As the snapshotter sees it."""
        self._logins = LoginKeeper(shop, profile, self._link, self._ledger)
        self._failures = SessionFailures(shop, self._tracker, self._ledger, self._run, self._logins)
        self._ledger.heard = self._on_event

    @property
    def spec(self) -> SessionSpec:
        return self._ledger.spec

    @property
    def status(self) -> SessionStatus:
        return self._link.status

    @property
    def phase(self) -> Phase | None:
        return self._ledger.phase

    @property
    def profile(self) -> Profile:
        return self._profile

    @property
    def browser_pid(self) -> int | None:
        return self._run.browser_pid

    def _is_over(self) -> bool:
        return self._task is None or self._task.done()

    @property
    def is_leaving(self) -> bool:
        """The session is over: its browser, and what else is nobody's any more, is being removed."""
        return self._run.ended

    def _on_event(self, report: Report) -> None:
        if report.type in CONNECTED_AGAIN:
            self._failures.is_well()
            self._logins.came_back()
        if report.type is EventType.SESSION_READY and self._shop.snapshotter is not None:
            self._shop.snapshotter.save_soon(self.awake)

    def start(self, on_end: Callable[[SessionRunner], None]) -> None:
        """Begin at once: when this returns, the wish is in the journal and the first event is written."""
        if self._warm is not None:
            self._warm.take_over()
        else:
            self._ledger.remember()
            if self._ledger.mark is None and not self._shop.starts.is_full:
                self._run.progress.say_starting(Phase.LAUNCHING)
        self._task = asyncio.create_task(self._live(), name=f"session-{self.spec.id}")
        self._task.add_done_callback(lambda _: on_end(self))

    def adopt(self, spec: SessionSpec) -> None:
        """The same run under a newer generation, or with a wish that needs no restart."""
        if spec != self.spec:
            self._ledger.spec = spec
            self._ledger.remember()

    # ---- its life

    async def _live(self) -> None:
        try:
            while not self._run.ended:
                try:
                    await self._one_browser()
                except SlotError as error:
                    if self.stopping:
                        return
                    hostile = self._run.slot.hostile if self._run.slot else None
                    await self._after_failure(error if hostile is None else PageHostile(hostile))
                except Exception as error:
                    if self.stopping:
                        raise  # it came of the cancelling, and took its place
                    # what nobody foresaw must not leave a browser that nobody follows, nor a session that
                    # seems to run: it counts as the browser's end, and the policy bounds it
                    log.exception("session_runner_stumbled", extra={"session_id": self.spec.id})
                    why = f"the node failed with {type(error).__name__}; its log has the traceback"
                    await self._after_failure(BrowserGone(why))
            await self._clean_up()
        except Exception:
            log.exception("session_runner_failed", extra={"session_id": self.spec.id})
            raise
        finally:
            self._ledger.stir()

    async def _one_browser(self) -> None:
        await self._shop.lease.wait()
        run, mark = self._run, self._ledger.mark
        if run.slot is None and mark is not None:
            if await run.attach(mark):
                self._ledger.stir()  # no event tells that it can be asked again
            else:
                self._ledger.mark = None
                self._failures.browser_lost(ReasonCode.BROWSER_CRASH)
        if run.slot is None:
            self._profile.settle()
            await self._logins.provide()
            await run.open(self.spec.proxy)
        elif self._warm is not None:
            warm, self._warm = self._warm, None
            await warm.go_on()
        await run.follow(lambda: False)

    async def _after_failure(self, error: SlotError) -> None:
        extra = {"session_id": self.spec.id, "reason_code": error.reason.value, "why": str(error)[:300]}
        log.warning("slot_failed", extra=extra)
        pause = await self._failures.end_browser(error)
        if pause is not None:
            await asyncio.sleep(pause)

    async def _clean_up(self) -> None:
        """The session is over. A login that may still be good stays on disk for the operator."""
        await self._run.kill()
        self._ledger.let_go()
        self._shop.journal.forget(self.spec.id)
        if not self._link.login_may_be_good:
            await in_thread(self._profile.erase)
            self._shop.journal.unuse(self.spec.id)  # the functions ask for no erasure of what is gone
        if self._link.is_revoked:
            await in_thread(self._profile.erase_aside)
            await self._logins.destroy_snapshots()

    # ---- ended from outside

    async def close(self, reason: ReasonCode = ReasonCode.REQUESTED) -> JournalEntry:
        """Close the browser in order; profile and journal entry stay, so that it can be opened again."""
        await self._close_browser()
        if self.status is SessionStatus.CONNECTED:
            why = {"reason_code": reason}
            self._ledger.write(self._link.report(EventType.SESSION_DISCONNECTED, **why))
        else:
            self._ledger.remember()
        self._ledger.let_go()
        return self._ledger.entry()

    async def hibernate(self) -> JournalEntry:
        """Close the browser of a session that nobody uses. Raises NotRunning unless it is connected."""
        if self.status is not SessionStatus.CONNECTED:
            raise NotRunning(f"session {self.spec.id} cannot hibernate; it is {self.status}")
        await self._close_browser()
        self._ledger.write(self._link.report(EventType.SESSION_HIBERNATED))
        self._ledger.let_go()
        return self._ledger.entry()

    async def _close_browser(self) -> None:
        whole = self.awake.may_be_saved
        await self._stop()
        await self._run.close()
        self._profile.settle()
        if whole and self._shop.snapshotter is not None:
            await self._shop.snapshotter.save_at_last(self.awake)

    async def kill(self) -> None:
        """End the browser now; what is only in its memory is lost."""
        await self._stop()
        await self._run.kill()
        self._ledger.let_go()

    async def detach(self) -> None:
        """Leave the browser to the next pool process."""
        await self._stop()
        await self._run.detach()

    async def _stop(self) -> None:
        task, self.stopping = self._task, True
        if task is not None:
            task.cancel()
            await asyncio.wait([task])


def _new_tracker(shop: Workshop, entry: JournalEntry) -> LinkTracker:
    return LinkTracker(
        shop.clock,
        status=entry.status,
        linked=entry.spec.linked or entry.status in LINKED,
        phone_number=entry.phone_number,
        last_ref=entry.ref,
        qr_timeout=shop.qr_timeout,
        link_timeout=shop.link_timeout,
        refs=RefClock(shop.lives),
    )
