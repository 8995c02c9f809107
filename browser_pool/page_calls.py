"""What one session's page is asked to do: a new QR, a pairing code, taking the account back.

Rule: a page may take a call and do nothing, so what was asked for is waited for; a page that breaks over a
call nobody waits for is only said.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from browser_pool.errors import PageBroken
from browser_pool.link_state import LinkState
from browser_pool.session_ledger import Ledger
from browser_pool.slot import Slot
from storage.clock import Clock, to_wire
from storage.events import EventType

log = logging.getLogger(__name__)

NEW_REF_DEADLINE = timedelta(seconds=5)
"""A refresh that brought no new QR by then did not work; the page is loaded anew instead."""
PAIRING_CODE_LENGTH = 8
PAIRING_CODE_LIFE = timedelta(minutes=3)


class PageCalls:
    """Of one browser run; `slot` raises NotRunning while there is no browser."""

    def __init__(self, clock: Clock, link: LinkState, ledger: Ledger, slot: Callable[[], Slot]) -> None:
        self.pairing_for: str | None = None
        """Ask for a code for this number as soon as the page can give one."""
        self.new_ref_due: float | None = None
        """When a QR that was asked for must have come (monotonic)."""
        self._clock = clock
        self._link = link
        self._ledger = ledger
        self._slot = slot

    async def refresh_ref(self) -> None:
        """Ask for a new QR; that it came is checked, because a page may take the call and do nothing."""
        if self.new_ref_due is None:
            self.new_ref_due = self._clock.monotonic() + NEW_REF_DEADLINE.total_seconds()
            await self._try_call("refreshRef")

    def ref_stays_away(self) -> bool:
        """A QR that was asked for has not come, and somebody waits for it. Said once."""
        if self.new_ref_due is None or self._clock.monotonic() < self.new_ref_due:
            return False
        self.new_ref_due = None
        return self._link.waits_for_scan

    async def ref_came(self) -> None:
        """A QR is on display: from now on the page can give codes, too."""
        if self.pairing_for is not None:
            phone_number, self.pairing_for = self.pairing_for, None
            await self.try_pairing(phone_number)

    async def request_pairing_code(self, phone_number: str) -> None:
        """Get a code for a number (E.164). Raises NotRunning, PageBroken, BrowserGone."""
        code = await self._slot().call("requestPairingCode", phone_number.lstrip("+"))
        letters = code.replace("-", "") if isinstance(code, str) else ""
        if len(letters) != PAIRING_CODE_LENGTH:
            raise PageBroken("requestPairingCode: the page gave no code of 8 characters")
        report = self._link.report(
            EventType.PAIRING_CODE_GENERATED,
            code=f"{letters[:4]}-{letters[4:]}",
            phone_number=phone_number,
            expires_at=to_wire(self._clock.now() + PAIRING_CODE_LIFE),
        )
        self._ledger.write(report)

    async def try_pairing(self, phone_number: str) -> None:
        """The same, when nobody waits for the answer: the session goes on with its QR."""
        try:
            await self.request_pairing_code(phone_number)
        except PageBroken as error:
            log.warning("pairing_code_failed", extra={"session_id": self._ledger.name, "why": str(error)})

    async def take_over(self) -> None:
        """Take the account back from where it was opened."""
        await self._try_call("takeOver")

    async def _try_call(self, name: str) -> None:
        try:
            await self._slot().call(name)
        except PageBroken as error:
            extra = {"session_id": self._ledger.name, "call": name, "why": str(error)}
            log.warning("page_call_failed", extra=extra)
