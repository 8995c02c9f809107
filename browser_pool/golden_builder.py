"""Builds the golden profile: one browser on an empty profile, loaded to its QR, closed in order.

Rule: never in a session's way. It takes its turn as nobody does, and gives up as soon as a session waits.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import NoReturn

from playwright.async_api import Error
from ulid import ULID

from browser_pool import facts
from browser_pool.errors import BrowserGone, PageBroken, SlotError
from browser_pool.golden_keeper import GoldenKeeper, Wish
from browser_pool.golden_profile import CACHES, NotGolden
from browser_pool.identity import Identity
from browser_pool.in_thread import in_thread
from browser_pool.profile import WARM_PREFIX, Profile
from browser_pool.slot import Slot
from browser_pool.start_queue import NOBODY
from browser_pool.workshop import Workshop

log = logging.getLogger(__name__)

PREFIX = WARM_PREFIX + "golden-"
"""Like a warm slot's: what a killed pool leaves of it, the next one erases."""
SERVICE_WORKER_SECONDS = 10.0
"""Activated 0.2 s after the QR, measured; a version without one costs this wait once."""
QUIET_SECONDS = 1.0
"""Caches that did not grow for so long are complete; the last write came 0.6 s after the QR, measured."""
QUIET_DEADLINE_SECONDS = 20.0
LOOK_SECONDS = 0.1
PAUSE_SECONDS = 5.0
"""After giving way: sessions rarely come alone."""


class GoldenBuilder:
    """`run` in a task; cancelling it leaves neither browser nor directory."""

    def __init__(self, shop: Workshop, keeper: GoldenKeeper) -> None:
        self._shop = shop
        self._keeper = keeper
        self._build: asyncio.Task[None] | None = None
        self._in_the_way = False
        """It holds a turn and has not been told to give it back."""
        shop.starts.on_session_waiting = self.give_way

    def give_way(self) -> None:
        """A session waits for its turn: it gets this one's."""
        if self._build is not None and self._in_the_way:
            self._in_the_way = False
            self._build.cancel()

    async def run(self) -> NoReturn:
        """Forever; cancel to stop."""
        while True:
            wish = await self._keeper.next_wish()
            self._build = asyncio.create_task(self._try(wish), name="golden-build")
            try:
                await asyncio.wait({self._build})
            finally:
                build, self._build = self._build, None
                if not build.cancelling():
                    build.cancel()
                await asyncio.wait({build})
            if build.cancelled():
                log.info("golden_gave_way", extra={"web_version": wish.web})
                await asyncio.sleep(PAUSE_SECONDS)

    async def _try(self, wish: Wish) -> None:
        profile = Profile(self._shop.data_dir, PREFIX + str(ULID()).lower())
        started = self._shop.clock.monotonic()
        try:
            identity = await self._fill(profile, wish)
            manifest = await self._keeper.install(profile.user_data_dir, identity, wish)
        except (SlotError, NotGolden, OSError, Error, TimeoutError) as error:
            self._keeper.give_up(wish)
            log.warning("golden_not_built", extra={"web_version": wish.web, "why": str(error)[:300]})
        else:
            took = round((self._shop.clock.monotonic() - started) * 1000)
            extra = {"web_version": wish.web, "bytes": manifest.bytes, "files": manifest.files}
            log.info("golden_built", extra={**extra, "build_ms": took})
        finally:
            await in_thread(profile.erase)

    async def _fill(self, profile: Profile, wish: Wish) -> Identity:
        """Load the page once and close the browser; what would identify it."""
        shop = self._shop
        async with shop.starts.turn(NOBODY, lambda _: None) as permit:
            self._in_the_way = True
            slot = await Slot.open(shop.slots, shop.driver, profile, permit, None, background=True)
            try:
                slot.load.begin(shop.web_versions.document())
                limit = shop.load_timeout + shop.first_qr_timeout
                async with asyncio.timeout(limit.total_seconds()):
                    await slot.navigate()
                    ref_text = await _shown_ref(slot)
                await _service_worker(slot)
                await _quiet(profile.user_data_dir / "Default")
                stored = await slot.bridge.local_storage()
                await slot.close()
            finally:
                await slot.kill()
        items = stored[1] if stored is not None else {}
        return Identity.of_page(ref_text, items, wish.everybodys)


async def _shown_ref(slot: Slot) -> str:
    while True:
        match await slot.facts.get():
            case facts.RefShown(text=text):
                return text
            case facts.Foreign():
                raise PageBroken("what answered is not WhatsApp Web")
            case None if slot.lost:
                raise BrowserGone("the browser died while it filled the golden profile")


async def _service_worker(slot: Slot) -> None:
    """Wait until it is activated; go on without when there is none."""
    ready = "navigator.serviceWorker?.ready.then(() => true) ?? false"
    try:
        async with asyncio.timeout(SERVICE_WORKER_SECONDS):
            await slot.bridge.page.evaluate(ready)
    except TimeoutError:
        log.info("golden_without_service_worker")


async def _quiet(default: Path) -> None:
    """Wait until the caches stop growing."""

    def look() -> tuple[int, int]:
        sizes = []
        for name in CACHES:
            for path in (default / name).rglob("*"):
                try:
                    sizes.append(path.lstat().st_size)
                except FileNotFoundError:
                    continue  # Chromium renames its indexes while we look
        return len(sizes), sum(sizes)

    loop = asyncio.get_running_loop()
    deadline = loop.time() + QUIET_DEADLINE_SECONDS
    last, since = await in_thread(look), loop.time()
    while loop.time() - since < QUIET_SECONDS and loop.time() < deadline:
        await asyncio.sleep(LOOK_SECONDS)
        now = await in_thread(look)
        if now != last:
            last, since = now, loop.time()
