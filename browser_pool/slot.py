"""A slot: one Chromium process, one profile, one page, and our eyes in it.

`open` starts a browser, `attach` finds a living one; both leave a slot whose facts flow. The slot knows
nothing of sessions' states: that is `link_tracker.py`.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from playwright.async_api import Browser, Error

from browser_pool.bridge import MAX_WAITING_FACTS, Bridge, Eyes, FactQueue, wake
from browser_pool.browser_processes import kill_group
from browser_pool.browser_socket import BrowserSocket
from browser_pool.chromium import Chromium
from browser_pool.driver import Driver
from browser_pool.errors import BrowserGone, LaunchFailed, PageUnreachable
from browser_pool.journal import BrowserMark
from browser_pool.local_storage_keeper import LocalStorageKeeper
from browser_pool.page_hosts import walls
from browser_pool.page_load import PageLoad
from browser_pool.page_log import PageLog
from browser_pool.profile import Profile
from browser_pool.sandbox_proof import must_be_sandboxed
from browser_pool.slot_settings import SlotSettings
from browser_pool.start_queue import Permit
from browser_pool.worker_dresser import WorkerDresser

log = logging.getLogger(__name__)

CLOSE_DEADLINE = timedelta(seconds=10)
"""Chromium flushes its databases in well under a second; after this it is killed."""
CALL_DEADLINE = timedelta(seconds=15)
"""A page that does not answer a call for this long is broken."""


class Slot:
    """Made by `open` or `attach`; ended by `close`, `kill` or `detach`."""

    def __init__(self, settings: SlotSettings, driver: Driver, profile: Profile, chromium: Chromium) -> None:
        self.profile = profile
        self.chromium = chromium
        self._settings = settings
        self._driver = driver
        self.facts: FactQueue = asyncio.Queue(MAX_WAITING_FACTS)
        self.load = PageLoad()
        self.page_log = PageLog()
        """What the page complained of, also when it is gone."""
        self._browser: Browser | None = None
        self._bridge: Bridge | None = None
        self._socket: BrowserSocket | None = None
        self.hostile: str | None = None
        """What the page did that no honest one does; its browser has been killed for it."""
        self._storage = LocalStorageKeeper(profile)
        chromium.on_exit(lambda: wake(self.facts))

    @property
    def lost(self) -> bool:
        """The browser exited, or nothing in it can be seen any more."""
        return not self.chromium.is_alive or self._bridge is None or self._bridge.gone

    @property
    def mark(self) -> BrowserMark:
        return self.chromium.mark

    @property
    def bridge(self) -> Bridge:
        if self._bridge is None:
            raise BrowserGone(f"slot of session {self.profile.session_id} is closed")
        return self._bridge

    @classmethod
    async def open(
        cls,
        settings: SlotSettings,
        driver: Driver,
        profile: Profile,
        permit: Permit,
        proxy: str | None,
        *,
        background: bool = False,
    ) -> Slot:
        """Start a browser on the profile and attach; the page is still blank. The permit is given back
        when the browser is gone.

        Raises LaunchFailed, ProfileBusy.
        """
        try:
            async with asyncio.timeout(settings.launch_timeout.total_seconds()):
                try:
                    chromium = await Chromium.spawn(
                        settings.executable,
                        profile,
                        settings.confinement,
                        settings.user_agent.text,
                        proxy,
                        background=background,
                        more_flags=walls(settings.url, settings.more_hosts, proxy),
                    )
                except BaseException:
                    permit.release()
                    raise
                chromium.on_exit(permit.release)
                slot = cls(settings, driver, profile, chromium)
                try:
                    await slot._attach(fresh=True)
                except BaseException:
                    await slot.kill()
                    raise
        except TimeoutError as error:
            limit = settings.launch_timeout.total_seconds()
            raise LaunchFailed(
                f"Chromium was not ready after {limit:g} s; is the machine overloaded?"
            ) from error
        except BrowserGone as error:
            raise LaunchFailed(str(error)) from error
        return slot

    @classmethod
    async def attach(
        cls, settings: SlotSettings, driver: Driver, profile: Profile, permit: Permit, mark: BrowserMark
    ) -> Slot | None:
        """Find the browser an earlier pool left, without reloading its page. None when it is gone, or
        answers no more (it is ended then)."""
        chromium = Chromium.find(mark)
        if chromium is None:
            permit.release()
            return None
        chromium.on_exit(permit.release)
        chromium.go_on()
        slot = cls(settings, driver, profile, chromium)
        try:
            async with asyncio.timeout(settings.launch_timeout.total_seconds()):
                await slot._attach(fresh=False)
        except (BrowserGone, LaunchFailed, TimeoutError) as error:
            log.warning(
                "browser_not_attachable", extra={"session_id": profile.session_id, "why": str(error)[:200]}
            )
            await slot.kill()
            return None
        except BaseException:
            # told to stop meanwhile: whoever asked decides about the browser, by its mark
            await slot.detach()
            raise
        return slot

    async def _attach(self, *, fresh: bool) -> None:
        settings, door = self._settings, self.chromium.door
        address = self.chromium.address(self.profile)
        socket = self._socket = await BrowserSocket.open(address, door, self._on_hostile)
        await WorkerDresser(socket, settings.user_agent).start()
        self._browser = await self._driver.connect(address, door)
        # Playwright takes downloads into a directory of its own; the later word counts
        await socket.send("Browser.setDownloadBehavior", {"behavior": "deny"})
        context = self._browser.contexts[0]
        page = context.pages[0] if context.pages else await context.new_page()
        if settings.confinement.sandboxed:
            await must_be_sandboxed(self.chromium.mark.pid)
        eyes = Eyes(
            user_agent=settings.user_agent,
            url=settings.url,
            sink=self.facts,
            strayed=self._on_hostile,
            lookups=settings.lookups.read(),
        )
        cdp = await socket.page_session()
        self._bridge = await (Bridge.open if fresh else Bridge.attach)(page, cdp, eyes)
        self.page_log = self._bridge.page_log
        socket.on_end = self._bridge.lose
        self._driver.watchers.add(self._bridge.lose)
        self._storage.follow(self._bridge, lambda: not self.chromium.exited.is_set())

    def _on_hostile(self, why: str) -> None:
        """End the browser at once: what it has sent already is more than enough."""
        if self.hostile is None:
            self.hostile = why
            log.warning("page_hostile", extra={"session_id": self.profile.session_id, "why": why})
            kill_group(self.chromium.mark.pid)

    async def reattach(self) -> bool:
        """After the driver died: look into the same browser again. False when that is not possible."""
        if self.hostile is not None or self.chromium.exited.is_set():
            return False
        if self._bridge is not None and self._bridge.crashed:
            return False
        await self._let_go()
        try:
            async with asyncio.timeout(self._settings.launch_timeout.total_seconds()):
                await self._attach(fresh=False)
        except (BrowserGone, LaunchFailed, TimeoutError):
            return False
        return True

    async def navigate(self) -> None:
        """Open WhatsApp Web. Returns when the server has answered. Raises PageUnreachable, BrowserGone."""
        bridge = self.bridge
        restore = self.profile.local_storage_to_restore()
        if restore is not None:
            await bridge.restore_local_storage(*restore)
        try:
            async with bridge.index_from(self._settings.url, self.load.document):
                answer = await bridge.page.goto(self._settings.url, wait_until="commit", timeout=0)
        except Error as error:
            if bridge.gone or self.chromium.exited.is_set():
                raise BrowserGone("the browser died while it loaded the page") from error
            raise PageUnreachable(f"{self._settings.url} did not answer: {_net_error(error)}") from error
        if answer is not None and answer.status >= 500:
            raise PageUnreachable(f"{self._settings.url} answered {answer.status}")
        self.load.answer = answer
        if restore is not None:
            await bridge.stop_restoring()

    async def call(self, name: str, *arguments: object) -> object:
        """Ask whatsapp.js for something. Raises PageBroken, BrowserGone."""
        try:
            async with asyncio.timeout(CALL_DEADLINE.total_seconds()):
                return await self.bridge.call(name, *arguments)
        except TimeoutError as error:
            raise BrowserGone(
                f"the page did not answer {name} in {CALL_DEADLINE.total_seconds():g} s"
            ) from error

    async def save_local_storage(self) -> None:
        """Write what the page has in localStorage beside the profile. Raises BrowserGone."""
        await self._storage.save(self.bridge)

    async def close(self) -> None:
        """Close the browser in order, so that everything is on disk; kill it when it takes too long."""
        try:
            async with asyncio.timeout(CLOSE_DEADLINE.total_seconds()):
                await self.save_local_storage()
                if self._browser is not None:
                    session = await self._browser.new_browser_cdp_session()
                    await session.send("Browser.close")
                await self.chromium.exited.wait()
        except (TimeoutError, Error, BrowserGone) as error:
            if not self.chromium.exited.is_set():
                log.warning(
                    "browser_killed", extra={"session_id": self.profile.session_id, "why": str(error)[:200]}
                )
        else:
            await self._storage.mark_clean()
        await self.kill()

    async def kill(self) -> None:
        """End the browser now."""
        await self.chromium.kill()
        await self._let_go()

    async def detach(self) -> None:
        """Leave the browser running and forget it."""
        await self._let_go()
        self.chromium.forget()

    async def _let_go(self) -> None:
        await self._storage.stop()
        bridge, self._bridge = self._bridge, None
        if bridge is not None:
            self._driver.watchers.discard(bridge.lose)
            await bridge.close()
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()
        self._browser = None


def _net_error(error: Error) -> str:
    line = error.message.partition("\n")[0]
    return line.partition(" at ")[0].removeprefix("Page.goto: ")
