"""Decides about the golden profile: who starts from it, when it is built anew, when it has done harm.

A start from it that shows no QR puts it under suspicion: the next starts do without. The first of those
that succeeds proves the harm, and the golden profile goes; one that fails too clears it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path

from playwright.async_api import Error

from browser_pool.errors import BrowserGone, PageUnreachable, ProfileBusy, SlotError
from browser_pool.golden_profile import CACHES, GoldenManifest, GoldenProfile
from browser_pool.identity import Identity
from browser_pool.in_thread import in_thread
from browser_pool.profile import Profile
from browser_pool.slot import Slot
from browser_pool.start_queue import Permit
from storage.clock import Clock

log = logging.getLogger(__name__)

UNKNOWN = "unknown"
"""A page that does not tell its version."""
UNKNOWN_LIFE = timedelta(days=1)
"""The site changes about daily; caches of an older version only lose their use."""
ONCE_PER = timedelta(hours=1)
"""A version is built once in this time: after harm, and when the site serves two versions in turns."""
NOT_ITS_FAULT = (PageUnreachable, ProfileBusy)


class Origin(StrEnum):
    """What a browser's profile began with."""

    OWN = "own"
    GOLDEN = "golden"
    EMPTY = "empty"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A golden profile to be built, for the version that a slot has just shown a QR of."""

    web: str
    everybodys: frozenset[str]
    """Values in that slot's localStorage: what a second profile has as well identifies nobody."""


class GoldenKeeper:
    """`open` first. `trial` goes around every start; `saw` follows every first QR."""

    def __init__(
        self, golden: GoldenProfile, clock: Clock, *, enabled: bool, chromium: str, owner_uid: int | None
    ) -> None:
        self.manifest: GoldenManifest | None = None
        self._golden = golden
        self._clock = clock
        self._enabled = enabled
        self._chromium = chromium
        self._owner_uid = owner_uid
        self._files = asyncio.Lock()
        """No copy while it is being replaced."""
        self._suspected = False
        self._spoiled: dict[str, Profile] = {}
        """Begun from the golden profile and never showed a QR: to be begun anew."""
        self._not_before: dict[str, float] = {}
        self._wish: Wish | None = None
        self._news = asyncio.Event()

    async def open(self) -> None:
        """Look at what an earlier process left."""
        if self._enabled:
            self.manifest = await in_thread(partial(self._golden.open, self._chromium))
        else:
            await in_thread(self._golden.remove)

    # ---- starts

    @asynccontextmanager
    async def trial(self, profile: Profile, permit: Permit) -> AsyncIterator[None]:
        """Around one start, to its QR: fills a new profile before, and judges after. Gives the permit
        back when it comes to no browser."""
        try:
            origin = await self._begin(profile)
        except BaseException:
            permit.release()
            raise
        try:
            yield
        except SlotError as error:
            if not isinstance(error, NOT_ITS_FAULT):
                self._on_failure(profile, origin)
            raise
        await self._on_success(origin)

    async def _begin(self, profile: Profile) -> Origin:
        if self._spoiled.pop(profile.name, None) is not None:
            await in_thread(profile.erase)
        if profile.exists:
            return Origin.OWN
        started = self._clock.monotonic()
        async with self._files:
            if self.manifest is None or self._suspected:
                return Origin.EMPTY
            try:
                await in_thread(partial(self._golden.copy_to, profile, self._owner_uid))
            except OSError as error:
                log.warning("golden_not_copied", extra={"profile": profile.name, "why": str(error)[:200]})
                return Origin.EMPTY
        took = round((self._clock.monotonic() - started) * 1000)
        log.info("golden_copied", extra={"profile": profile.name, "copy_ms": took})
        return Origin.GOLDEN

    async def add_caches(self, profile: Profile) -> None:
        """Spare a restored profile, which is identity only, the downloads of a first visit."""
        async with self._files:
            if self.manifest is None:
                return
            default = self._golden.root / "Default"
            try:
                await in_thread(partial(profile.add_caches, default, CACHES, self._owner_uid))
            except OSError as error:
                log.warning("golden_not_copied", extra={"profile": profile.name, "why": str(error)[:200]})

    def _on_failure(self, profile: Profile, origin: Origin) -> None:
        if origin is Origin.GOLDEN:
            self._spoiled = {name: spoiled for name, spoiled in self._spoiled.items() if spoiled.exists}
            self._spoiled[profile.name] = profile
            self._suspected = self.manifest is not None
            log.warning("golden_suspected", extra={"profile": profile.name})
        elif origin is Origin.EMPTY and self._suspected:
            self._suspected = False
            log.info("golden_cleared", extra={"why": "a start without it failed too"})

    async def _on_success(self, origin: Origin) -> None:
        if not self._suspected or origin is Origin.OWN:
            return
        self._suspected = False
        if origin is Origin.EMPTY and self.manifest is not None:
            self._wait_before(self.manifest.web)
            log.warning("golden_removed", extra={"web_version": self.manifest.web, "why": "it did harm"})
            self.manifest = None
            async with self._files:
                await in_thread(self._golden.remove)

    # ---- building

    async def saw(self, slot: Slot) -> None:
        """A slot shows its first QR: is there a golden profile of this version?"""
        web = slot.load.version or UNKNOWN
        if not self._wants(web) or (self._wish is not None and self._wish.web == web):
            return
        try:
            stored = await slot.bridge.local_storage()
        except (Error, BrowserGone):
            return
        everybodys = frozenset(stored[1].values()) if stored is not None else frozenset()
        self._wish = Wish(web=web, everybodys=everybodys)
        self._news.set()

    def _wants(self, web: str) -> bool:
        if not self._enabled or self._suspected or self._clock.monotonic() < self._not_before.get(web, 0.0):
            return False
        if self.manifest is None:
            return True
        if web == UNKNOWN:
            return self._clock.now() - self.manifest.built > UNKNOWN_LIFE
        return web != self.manifest.web

    def _wait_before(self, web: str) -> None:
        now = self._clock.monotonic()
        self._not_before = {name: until for name, until in self._not_before.items() if until > now}
        self._not_before[web] = now + ONCE_PER.total_seconds()

    async def next_wish(self) -> Wish:
        """The version to build; it stays wished until `install` or `give_up`."""
        while self._wish is None:
            self._news.clear()
            await self._news.wait()
        return self._wish

    async def install(self, user_data_dir: Path, identity: Identity, wish: Wish) -> GoldenManifest:
        """Make this browser's caches the golden profile. Raises NotGolden, OSError."""
        replace = partial(
            self._golden.replace,
            user_data_dir,
            identity,
            chromium=self._chromium,
            web=wish.web,
            now=self._clock.now(),
        )
        async with self._files:
            self.manifest = await in_thread(replace)
        self.give_up(wish)
        return self.manifest

    def give_up(self, wish: Wish) -> None:
        """Done with this version for a while, built or not."""
        self._wait_before(wish.web)
        if self._wish == wish:
            self._wish = None

    def state(self) -> dict[str, str] | None:
        """For /health; None when there is none."""
        if self.manifest is None:
            return None
        return {"web_version": self.manifest.web, "built_at": self.manifest.built_at}
