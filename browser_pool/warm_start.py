"""A session's start with the browser of a warm slot, which shows a QR already or was parked.

Rule: the QR is told before anything is asked of the browser, because a create waits for it.
"""

from __future__ import annotations

import asyncio

from browser_pool.browser_run import BrowserRun
from browser_pool.priority import bring_to_front
from browser_pool.session_ledger import SessionLedger
from browser_pool.warm_slot import Warmth
from browser_pool.workshop import Workshop
from storage.clock import to_wire
from storage.events import EventType
from storage.models import Phase


class WarmStart:
    """`take_over`, then `go_on` when the session's task runs."""

    def __init__(self, warmth: Warmth, shop: Workshop, ledger: SessionLedger, run: BrowserRun) -> None:
        self._warmth = warmth
        self._shop = shop
        self._tracker = warmth.tracker
        self._ledger = ledger
        self._run = run

    def take_over(self) -> None:
        """Begin with the warm slot's browser and, when it is alive, its QR."""
        warmth = self._warmth
        self._run.slot, self._ledger.mark = warmth.slot, warmth.slot.mark
        self._tracker.adopted(self._shop.qr_timeout)
        if warmth.ref is None or warmth.expires_at is None:
            self._run.progress.say_starting(Phase.WAITING_FOR_QR)
            return
        shown = {"ref": warmth.ref, "expires_at": to_wire(warmth.expires_at)}
        self._ledger.write(self._tracker.link.report(EventType.QR_CODE_GENERATED, **shown))

    async def go_on(self) -> None:
        """Its browser in front of the others; a parked one gets a QR, a phone number its code."""
        warmth = self._warmth
        await asyncio.to_thread(bring_to_front, warmth.slot.mark.pid)
        if warmth.parked:
            await self._run.page.refresh_ref()
        phone_number, self._run.page.pairing_for = self._run.page.pairing_for, None
        if phone_number is not None and warmth.ref is not None:
            await self._run.page.try_pairing(phone_number)
        else:
            self._run.page.pairing_for = phone_number
