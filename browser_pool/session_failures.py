"""What a browser's failure costs its session: another browser after a pause, or the end, with a diagnosis.

Rule: what is to be known of a failure is written down before its browser is gone; what is told of it, after.
"""

from __future__ import annotations

from browser_pool.browser_run import BrowserRun
from browser_pool.diagnosis import Failure, write_diagnosis
from browser_pool.errors import LoginLost, SlotError
from browser_pool.link_tracker import LinkTracker
from browser_pool.login_keeper import LoginKeeper
from browser_pool.outcome import Report
from browser_pool.restart_policy import RestartPolicy
from browser_pool.session_ledger import SessionLedger
from browser_pool.workshop import Workshop
from storage.events import EventType
from storage.models import ReasonCode


class SessionFailures:
    """Of one session; `run` is the browser that fails."""

    def __init__(
        self,
        shop: Workshop,
        tracker: LinkTracker,
        ledger: SessionLedger,
        run: BrowserRun,
        logins: LoginKeeper,
    ) -> None:
        self._shop = shop
        self._tracker = tracker
        self._link = tracker.link
        self._ledger = ledger
        self._run = run
        self._logins = logins
        self._policy = RestartPolicy(shop.clock)

    def is_well(self) -> None:
        """The session got where it should."""
        self._policy.is_well()

    async def end_browser(self, error: SlotError) -> float | None:
        """Be rid of it. Seconds until the next one may come; None when the session failed with it."""
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
        self.browser_lost(error.reason)
        self._run.progress.failed_before = error.reason
        if pause is None:
            reason = {"reason_code": error.reason, "message": str(error)[:300]}
            self._ledger.write(self._link.report(EventType.SESSION_FAILED, **reason))
            self._run.ended = True
        return pause

    def browser_lost(self, reason: ReasonCode) -> None:
        """Tell what it means for the session that its browser is gone."""
        for outcome in self._tracker.browser_lost(reason):
            if isinstance(outcome, Report):
                self._ledger.write(outcome)

    async def _write_diagnosis(self, error: SlotError) -> None:
        shop, phase = self._shop, self._ledger.phase
        failure = Failure(
            session_id=self._ledger.spec.id,
            reason_code=error.reason.value,
            why=str(error),
            linked=self._link.is_linked or self._link.has_login,
            chromium=shop.slots.user_agent.version,
            phases={
                "status": self._link.status.value,
                "phase": None if phase is None else phase.value,
                "start_ms": self._ledger.timer.parts,
            },
        )
        await write_diagnosis(shop.data_dir, shop.clock, failure, self._run.slot)
