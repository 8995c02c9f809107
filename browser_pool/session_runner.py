"""Holds one session: one browser after the other, until the session is over or given away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from browser_pool.awake_session import AwakeSession
from browser_pool.browser_run import BrowserRun
from browser_pool.diagnosis import Failure, write_diagnosis
from browser_pool.errors import BrowserGone, LoginLost, NotRunning, PageHostile, SlotError
from browser_pool.in_thread import in_thread
from browser_pool.journal import JournalEntry
from browser_pool.link_tracker import LinkTracker
from browser_pool.login_keeper import LoginKeeper
from browser_pool.outcome import Report
from browser_pool.priority import bring_to_front
from browser_pool.profile import Profile
from browser_pool.ref_clock import RefClock
from browser_pool.restart_policy import RestartPolicy
from browser_pool.session_calls import SessionCalls
from browser_pool.session_ledger import SessionLedger
from browser_pool.warm_slot import Warmth
from browser_pool.workshop import Workshop
from storage.clock import to_wire
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
        self._warmth = warmth
        self._tracker = _new_tracker(shop, entry) if warmth is None else warmth.tracker
        self._link = self._tracker.link
        self._ledger = SessionLedger(shop, self._link, profile, entry.spec, entry.browser)
        self._policy = RestartPolicy(shop.clock)
        self._run = BrowserRun(shop, profile, self._tracker, self._ledger)
        self._run.page.pairing_for = entry.spec.phone_number
        self._task: asyncio.Task[None] | None = None
        self.calls = SessionCalls(shop.clock, self._tracker, self._ledger, self._run, self._is_over)
        """What may be asked of its page."""
        self.awake = AwakeSession(
            profile, self._link, self._ledger, self._run, shop.lease, lambda: self.stopping
        )
        """As the snapshotter sees it."""
        self._logins = LoginKeeper(shop, profile, self._link, self._ledger)
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
            self._policy.is_well()
            self._logins.came_back()
        if report.type is EventType.SESSION_READY and self._shop.snapshotter is not None:
            self._shop.snapshotter.save_soon(self.awake)

    def start(self, on_end: Callable[[SessionRunner], None]) -> None:
        """Begin at once: when this returns, the wish is in the journal and the first event is written."""
        if self._warmth is not None:
            self._take_over(self._warmth)
        else:
            self._ledger.remember()
            if self._ledger.mark is None and not self._shop.starts.is_full:
                self._run.say_starting(Phase.LAUNCHING)
        self._task = asyncio.create_task(self._live(), name=f"session-{self.spec.id}")
        self._task.add_done_callback(lambda _: on_end(self))

    def _take_over(self, warmth: Warmth) -> None:
        """Begin with a warm slot's browser and, when it is alive, its QR."""
        self._run.slot, self._ledger.mark = warmth.slot, warmth.slot.mark
        self._tracker.adopted(self._shop.qr_timeout)
        if warmth.ref is None or warmth.expires_at is None:
            self._run.say_starting(Phase.WAITING_FOR_QR)
            return
        shown = {"ref": warmth.ref, "expires_at": to_wire(warmth.expires_at)}
        self._ledger.write(self._link.report(EventType.QR_CODE_GENERATED, **shown))

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
                self._lost(ReasonCode.BROWSER_CRASH)
        if run.slot is None:
            self._profile.settle()
            await self._logins.provide()
            await run.open(self.spec.proxy)
        elif self._warmth is not None:
            warmth, self._warmth = self._warmth, None
            await self._start_warm(warmth)
        await run.follow(lambda: False)

    async def _start_warm(self, warmth: Warmth) -> None:
        await asyncio.to_thread(bring_to_front, warmth.slot.mark.pid)
        if warmth.parked:
            await self._run.page.refresh_ref()
        phone_number, self._run.page.pairing_for = self._run.page.pairing_for, None
        if phone_number is not None and warmth.ref is not None:
            await self._run.page.try_pairing(phone_number)
        else:
            self._run.page.pairing_for = phone_number

    async def _after_failure(self, error: SlotError) -> None:
        extra = {"session_id": self.spec.id, "reason_code": error.reason.value, "why": str(error)[:300]}
        log.warning("slot_failed", extra=extra)
        self._shop.metrics.browser_failed(error.reason)
        pause = self._policy.pause_before_next(error, linked=self._link.is_linked)
        if isinstance(error, LoginLost) and self._logins.try_another():
            pause = 0.0
        slot = self._run.slot
        if pause is None and slot is not None and self._shop.web_versions.offers_another_try(slot.load):
            pause = 0.0
        if pause is None:
            await self._write_diagnosis(error)
        await self._run.drop()
        self._lost(error.reason)
        self._run.failed_before = error.reason
        if pause is None:
            reason = {"reason_code": error.reason, "message": str(error)[:300]}
            self._ledger.write(self._link.report(EventType.SESSION_FAILED, **reason))
            self._run.ended = True
        else:
            await asyncio.sleep(pause)

    async def _write_diagnosis(self, error: SlotError) -> None:
        shop, phase = self._shop, self._ledger.phase
        failure = Failure(
            session_id=self.spec.id,
            reason_code=error.reason.value,
            why=str(error),
            linked=self._link.is_linked or self._link.has_login,
            chromium=shop.slots.user_agent.version,
            phases={
                "status": self.status.value,
                "phase": None if phase is None else phase.value,
                "start_ms": self._ledger.timer.parts,
            },
        )
        await write_diagnosis(shop.data_dir, shop.clock, failure, self._run.slot)

    def _lost(self, reason: ReasonCode) -> None:
        for outcome in self._tracker.browser_lost(reason):
            if isinstance(outcome, Report):
                self._ledger.write(outcome)

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
