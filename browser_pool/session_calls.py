"""What somebody outside asks of a running session's page: a QR, a code, the chats, a logout.

Rule: an answer is given when the page has done what was asked, not when it has taken the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from browser_pool.browser_run import BrowserRun
from browser_pool.chat_list import ChatList, parse_chats
from browser_pool.errors import BrowserGone, NotRunning
from browser_pool.link_tracker import LinkTracker
from browser_pool.page_calls import NEW_REF_DEADLINE
from browser_pool.session_ledger import SessionLedger
from storage.clock import Clock
from storage.models import ENDED, ReasonCode, SessionStatus

CONNECT_DEADLINE = timedelta(seconds=60)
"""Opening a profile and restoring its login takes 2 to 4 s; behind a full start queue, longer."""
LOGOUT_DEADLINE = timedelta(seconds=20)
"""The page tells the phone and wipes itself within a second or two."""
LOGOUT_ANSWER_LOST = timedelta(seconds=3)
"""What the page said before it started over is on its way; a browser that died says nothing more."""


class SessionCalls:
    """Of one session; `over` says that its runner has finished."""

    def __init__(
        self,
        clock: Clock,
        tracker: LinkTracker,
        ledger: SessionLedger,
        run: BrowserRun,
        over: Callable[[], bool],
    ) -> None:
        self.used_at = clock.monotonic()
        """When somebody last wanted something of this session (monotonic)."""
        self._clock = clock
        self._tracker = tracker
        self._link = tracker.link
        self._ledger = ledger
        self._run = run
        self._over = over

    @property
    def _is(self) -> str:
        return f"it is {self._link.status}"

    def use(self) -> None:
        """Somebody wants it: it is not idle."""
        self.used_at = self._clock.monotonic()

    async def refresh(self) -> None:
        """Put a new QR on display. Raises NotRunning, PageBroken, BrowserGone."""
        self._must_wait_for_scan()
        before = self._link.last_ref
        self._tracker.ref_was_asked_for()
        await self._run.page.refresh_ref()
        await self._within(NEW_REF_DEADLINE * 3, lambda: self._link.last_ref not in (before, None))

    async def request_pairing_code(self, phone_number: str) -> None:
        """Get an 8-character code for a number (E.164). Raises NotRunning, PageBroken, BrowserGone."""
        self._must_wait_for_scan()
        await self._run.page.request_pairing_code(phone_number)

    async def log_out(self) -> None:
        """Remove the device from the account and end. Raises NotRunning, PageBroken, BrowserGone."""
        slot = self._run.living_slot()
        if not self._link.is_linked:
            raise NotRunning(f"session {self._ledger.name} is not linked; {self._is}")
        self._link.logout_reason = ReasonCode.REQUESTED
        try:
            await slot.call("logOut")
        except BrowserGone:
            # a page that is logged out starts over at once, and may take its answer with it
            if not await self._logs_out_after_all():
                raise
        await self._within(LOGOUT_DEADLINE, self._over)

    async def _logs_out_after_all(self) -> bool:
        try:
            await self._within(LOGOUT_ANSWER_LOST, lambda: self._link.status is SessionStatus.LOGGED_OUT)
        except BrowserGone:
            return False
        return True

    async def until_connected(self) -> None:
        """Return when the account can be used. Raises BrowserGone after a while, or when it ended."""
        self.use()
        await self._within(CONNECT_DEADLINE, lambda: self._is_usable() or self._link.status in ENDED)
        if self._link.status is not SessionStatus.CONNECTED:
            raise NotRunning(f"session {self._ledger.name} did not come back; {self._is}")

    def _is_usable(self) -> bool:
        """Connected, and not only by the word of a pool that was here before."""
        slot = self._run.slot
        return self._link.status is SessionStatus.CONNECTED and slot is not None and not slot.lost

    async def chats(self) -> ChatList:
        """The chat list as the page has it. Raises NotRunning, PageBroken, BrowserGone."""
        self.use()
        if self._link.status is not SessionStatus.CONNECTED:
            raise NotRunning(f"session {self._ledger.name} is not connected; {self._is}")
        return parse_chats(await self._run.living_slot().call("chats"))

    def _must_wait_for_scan(self) -> None:
        if not self._link.waits_for_scan:
            raise NotRunning(f"session {self._ledger.name} is not waiting for a scan; {self._is}")

    async def _within(self, limit: timedelta, reached: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(limit.total_seconds()):
                await self._ledger.wait_until(reached)
        except TimeoutError as error:
            raise BrowserGone(
                f"session {self._ledger.name}: the page did not follow within {limit}"
            ) from error
