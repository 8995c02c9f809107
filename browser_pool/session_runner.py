"""Holds one session: one browser after the other, until the session is over or given away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from browser_pool import chromium
from browser_pool.browser_run import NEW_REF_DEADLINE, BrowserRun
from browser_pool.chat_list import ChatList, parse_chats
from browser_pool.diagnosis import Failure, write_diagnosis
from browser_pool.errors import BrowserGone, CaptureFailed, LoginLost, NotRunning, PageHostile, SlotError
from browser_pool.in_thread import in_thread
from browser_pool.journal import JournalEntry
from browser_pool.link_tracker import LinkTracker
from browser_pool.login_keeper import LoginKeeper
from browser_pool.outcome import Report
from browser_pool.priority import bring_to_front
from browser_pool.profile import Profile
from browser_pool.ref_clock import RefClock
from browser_pool.restart_policy import RestartPolicy
from browser_pool.session_ledger import SessionLedger
from browser_pool.snapshotter import event_data
from browser_pool.warm_slot import Warmth
from browser_pool.workshop import Workshop
from storage.clock import to_wire
from storage.events import EventType
from storage.models import ENDED, LINKED, Phase, ReasonCode, SessionStatus
from storage.node_protocol import SessionSpec
from storage.snapshot_record import Snapshot

log = logging.getLogger(__name__)

CONNECTED_AGAIN = frozenset({EventType.SESSION_READY, EventType.SESSION_RECONNECTED, EventType.SESSION_WOKEN})
CONNECT_DEADLINE = timedelta(seconds=60)
"""Opening a profile and restoring its login takes 2 to 4 s; behind a full start queue, longer."""
LOGOUT_DEADLINE = timedelta(seconds=20)
"""The page tells the phone and wipes itself within a second or two."""

LOGOUT_ANSWER_LOST = timedelta(seconds=3)
"""What the page said before it started over is on its way; a browser that died says nothing more."""


class SessionRunner:
    """`start` begins it; `close`, `kill`, `detach` and `log_out` end it from outside."""

    def __init__(
        self, shop: Workshop, profile: Profile, entry: JournalEntry, warmth: Warmth | None = None
    ) -> None:
        self.taken_at = shop.clock.monotonic()
        self.used_at = self.taken_at
        """When somebody last wanted something of this session (monotonic)."""
        self.stopping = False
        """`close`, `kill` or `detach` has been called: whoever called it owns what is left."""
        self._shop = shop
        self._profile = profile
        self._warmth = warmth
        self._tracker = _new_tracker(shop, entry) if warmth is None else warmth.tracker
        self._ledger = SessionLedger(shop, self._tracker, profile, entry.spec, entry.browser)
        self._policy = RestartPolicy(shop.clock)
        self._run = BrowserRun(shop, profile, self._tracker, self._ledger)
        self._run.pairing_for = entry.spec.phone_number
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._logins = LoginKeeper(shop, profile, self._tracker, self._ledger)
        self._ledger.heard = self._on_event

    @property
    def spec(self) -> SessionSpec:
        return self._ledger.spec

    @property
    def status(self) -> SessionStatus:
        return self._tracker.status

    @property
    def phase(self) -> Phase | None:
        return self._ledger.phase

    @property
    def profile_name(self) -> str:
        return self._profile.name

    @property
    def browser_pid(self) -> int | None:
        return self._run.slot.mark.pid if self._run.slot else None

    # ---- for the snapshotter

    @property
    def profile(self) -> Profile:
        return self._profile

    @property
    def phone_number(self) -> str | None:
        return self._tracker.phone_number

    @property
    def web_version(self) -> str | None:
        return self._run.slot.load.version if self._run.slot else None

    @property
    def group(self) -> int | None:
        """The browser's processes, which stand still while their files are read; None when it has closed."""
        return None if self._closed else self.browser_pid

    @property
    def may_be_saved(self) -> bool:
        """Its login is whole: connected now, so nothing has wiped it."""
        slot = self._run.slot
        alive = slot is not None and not slot.lost and not self.stopping
        whole = self._tracker.has_login and self.status is SessionStatus.CONNECTED
        return alive and whole and self._shop.lease.valid

    async def settle_storage(self) -> None:
        """Bring to disk what the page holds back."""
        slot = self._run.slot
        if slot is not None and not self._closed:
            try:
                await slot.save_local_storage()
            except BrowserGone as error:
                raise CaptureFailed(str(error)) from error

    def on_snapshot(self, snapshot: Snapshot) -> None:
        """Tell the functions."""
        self._ledger.write(self._tracker.report(EventType.SNAPSHOT_SAVED, **event_data(snapshot)))

    def _on_event(self, report: Report) -> None:
        if report.type in CONNECTED_AGAIN:
            self._policy.is_well()
            self._logins.came_back()
        if report.type is EventType.SESSION_READY and self._shop.snapshotter is not None:
            self._shop.snapshotter.save_soon(self)

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
        self._ledger.write(self._tracker.report(EventType.QR_CODE_GENERATED, **shown))

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
                    hostile = self._run.slot.hostile if self._run.slot else None
                    await self._after_failure(error if hostile is None else PageHostile(hostile))
            await self._clean_up()
        except Exception:
            log.exception("session_runner_failed", extra={"session_id": self.spec.id})
            raise
        finally:
            self._ledger.stir()

    async def _one_browser(self) -> None:
        await self._shop.lease.wait()
        run, mark = self._run, self._ledger.mark
        if run.slot is None and mark is not None and not await run.attach(mark):
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
            await self._run.refresh_ref()
        phone_number, self._run.pairing_for = self._run.pairing_for, None
        if phone_number is not None and warmth.ref is not None:
            await self._run.try_pairing(phone_number)
        else:
            self._run.pairing_for = phone_number

    async def _after_failure(self, error: SlotError) -> None:
        extra = {"session_id": self.spec.id, "reason_code": error.reason.value, "why": str(error)[:300]}
        log.warning("slot_failed", extra=extra)
        self._shop.metrics.browser_failed(error.reason)
        pause = self._policy.pause_before_next(error, linked=self._tracker.is_linked)
        if isinstance(error, LoginLost) and self._logins.try_another():
            pause = 0.0
        slot = self._run.slot
        if pause is None and slot is not None and self._shop.web_versions.offers_another_try(slot.load):
            pause = 0.0
        if pause is None:
            await self._write_diagnosis(error)
        await self._drop_browser()
        self._lost(error.reason)
        if pause is None:
            reason = {"reason_code": error.reason, "message": str(error)[:300]}
            self._ledger.write(self._tracker.report(EventType.SESSION_FAILED, **reason))
            self._run.ended = True
        else:
            await asyncio.sleep(pause)

    async def _write_diagnosis(self, error: SlotError) -> None:
        shop, phase = self._shop, self._ledger.phase
        failure = Failure(
            session_id=self.spec.id,
            reason_code=error.reason.value,
            why=str(error),
            linked=self._tracker.is_linked or self._tracker.has_login,
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

    async def _drop_browser(self) -> None:
        slot = self._run.slot
        if slot is not None:
            await slot.kill()
        pairing_for = self._run.pairing_for
        self._run = BrowserRun(self._shop, self._profile, self._tracker, self._ledger)
        self._run.pairing_for = pairing_for
        self._ledger.mark = None

    async def _clean_up(self) -> None:
        """The session is over. A login that may still be good stays on disk for the operator."""
        if self._run.slot is not None:
            await self._run.slot.kill()
        self._shop.journal.forget(self.spec.id)
        if not self._tracker.login_may_be_good:
            await in_thread(self._profile.erase)
        if self._tracker.is_revoked:
            await self._logins.destroy_snapshots()

    # ---- asked from outside

    async def refresh(self) -> None:
        """Put a new QR on display. Raises NotRunning, PageBroken, BrowserGone."""
        self._must_wait_for_scan()
        before = self._tracker.last_ref
        self._tracker.ref_was_asked_for()
        await self._run.refresh_ref()
        await self._within(NEW_REF_DEADLINE * 3, lambda: self._tracker.last_ref not in (before, None))

    async def request_pairing_code(self, phone_number: str) -> None:
        """Get an 8-character code for a number (E.164). Raises NotRunning, PageBroken, BrowserGone."""
        self._must_wait_for_scan()
        await self._run.request_pairing_code(phone_number)

    async def log_out(self) -> None:
        """Remove the device from the account and end. Raises NotRunning, PageBroken, BrowserGone."""
        slot = self._run.living_slot()
        if not self._tracker.is_linked:
            raise NotRunning(f"session {self.spec.id} is not linked; it is {self.status}")
        self._tracker.logout_reason = ReasonCode.REQUESTED
        try:
            await slot.call("logOut")
        except BrowserGone:
            # a page that is logged out starts over at once, and may take its answer with it
            if not await self._logs_out_after_all():
                raise
        await self._within(LOGOUT_DEADLINE, lambda: self._task is None or self._task.done())

    async def _logs_out_after_all(self) -> bool:
        try:
            await self._within(LOGOUT_ANSWER_LOST, lambda: self.status is SessionStatus.LOGGED_OUT)
        except BrowserGone:
            return False
        return True

    async def until_connected(self) -> None:
        """Return when the account can be used. Raises BrowserGone after a while, or when it ended."""
        self.used_at = self._shop.clock.monotonic()
        done = {SessionStatus.CONNECTED} | ENDED
        await self._within(CONNECT_DEADLINE, lambda: self.status in done)
        if self.status is not SessionStatus.CONNECTED:
            raise NotRunning(f"session {self.spec.id} did not come back; it is {self.status}")

    async def chats(self) -> ChatList:
        """The chat list as the page has it. Raises NotRunning, PageBroken, BrowserGone."""
        self.used_at = self._shop.clock.monotonic()
        if self.status is not SessionStatus.CONNECTED:
            raise NotRunning(f"session {self.spec.id} is not connected; it is {self.status}")
        return parse_chats(await self._run.living_slot().call("chats"))

    def _must_wait_for_scan(self) -> None:
        if not self._tracker.waits_for_scan:
            raise NotRunning(f"session {self.spec.id} is not waiting for a scan; it is {self.status}")

    async def _within(self, limit: timedelta, reached: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(limit.total_seconds()):
                await self._ledger.wait_until(reached)
        except TimeoutError as error:
            raise BrowserGone(f"session {self.spec.id}: the page did not follow within {limit}") from error

    async def close(self, reason: ReasonCode = ReasonCode.REQUESTED) -> JournalEntry:
        """Close the browser in order; profile and journal entry stay, so that it can be opened again."""
        await self._close_browser()
        if self.status is SessionStatus.CONNECTED:
            why = {"reason_code": reason}
            self._ledger.write(self._tracker.report(EventType.SESSION_DISCONNECTED, **why))
        else:
            self._ledger.remember()
        return self._ledger.entry()

    async def hibernate(self) -> JournalEntry:
        """Close the browser of a session that nobody uses. Raises NotRunning unless it is connected."""
        if self.status is not SessionStatus.CONNECTED:
            raise NotRunning(f"session {self.spec.id} cannot hibernate; it is {self.status}")
        await self._close_browser()
        self._ledger.write(self._tracker.report(EventType.SESSION_HIBERNATED))
        return self._ledger.entry()

    async def _close_browser(self) -> None:
        whole = self.may_be_saved
        await self._stop()
        slot = self._run.slot
        if slot is not None:
            await slot.close()
        elif self._ledger.mark is not None:
            await chromium.end(self._ledger.mark)  # an earlier pool's, which we had not attached to yet
        self._closed = True
        self._ledger.mark = None
        self._profile.settle()
        if whole and self._shop.snapshotter is not None:
            await self._shop.snapshotter.save_at_last(self)

    async def kill(self) -> None:
        """End the browser now; what is only in its memory is lost."""
        await self._stop()
        if self._run.slot is not None:
            await self._run.slot.kill()
        elif self._ledger.mark is not None:
            await chromium.end(self._ledger.mark)

    async def detach(self) -> None:
        """Leave the browser to the next pool process."""
        await self._stop()
        if self._run.slot is not None:
            await self._run.slot.detach()

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
