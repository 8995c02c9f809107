"""One look at WhatsApp Web without an account, up to its QR: what is found, what fell back, what is missing.

Rule: on a profile of its own that is erased afterwards, and nothing of what the page shows is kept.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from browser_pool import facts
from browser_pool.driver import Driver
from browser_pool.errors import BrowserGone, PageBroken, SlotError
from browser_pool.in_thread import in_thread
from browser_pool.index_document import IndexDocument
from browser_pool.profile import Profile
from browser_pool.slot import Slot
from browser_pool.slot_settings import SlotSettings
from browser_pool.slot_usage import usage_by_group
from browser_pool.start_queue import Permit
from storage.clock import Clock

MODULES_WITHIN = timedelta(seconds=3)
"""After the QR: modules that nothing needed for it register a moment later."""
LOOK_SECONDS = 0.1
LONGEST_VERSION = 64
"""They have twenty characters; a page may say anything."""


@dataclass
class Examination:
    """What was seen. `good` when a QR came and no lookup is missing."""

    url: str
    chromium: str
    sandbox: bool
    debug_port: dict[str, str] | None = None
    """Who can reach it; None when nobody looked."""
    web_version: str | None = None
    timings_ms: dict[str, int] = field(default_factory=dict)
    """launch, load and qr, each from the start."""
    lookups: dict[str, str] = field(default_factory=dict)
    pss_mb: int | None = None
    console: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.problems

    def named(self, outcome: str) -> list[str]:
        """Lookups with this outcome."""
        return [name for name, found in self.lookups.items() if found == outcome]

    def to_json(self) -> dict[str, Any]:
        return {"good": self.good, **vars(self)}


class Examiner:
    """Opens one browser, looks, and leaves nothing."""

    def __init__(self, settings: SlotSettings, driver: Driver, clock: Clock, within: timedelta) -> None:
        self._settings = settings
        self._driver = driver
        self._clock = clock
        self._within = within

    async def examine(
        self, profile: Profile, permit: Permit, document: IndexDocument | None = None
    ) -> Examination:
        """Never raises for what is wrong with the page or the browser: that is what it reports."""
        settings = self._settings
        seen = Examination(
            url=settings.url,
            chromium=settings.user_agent.version,
            sandbox=settings.confinement.sandboxed,
        )
        self._began = self._clock.monotonic()
        slot: Slot | None = None
        try:
            slot = await Slot.open(settings, self._driver, profile, permit, None, background=True)
            self._mark(seen, "launch")
            slot.load.begin(document)
            async with asyncio.timeout(self._within.total_seconds()):
                await slot.navigate()
                await self._follow(slot, seen, permit)
            await self._probe(slot, seen)
        except TimeoutError:
            loaded = slot is not None and "load" in seen.timings_ms
            step = "showed no QR" if loaded else "was not ready"
            seen.problems.append(f"WhatsApp Web {step} within {self._within.total_seconds():g} s")
            if slot is not None and loaded:
                await self._probe_without_qr(slot, seen)
        except SlotError as error:
            seen.problems.append(str(error))
        finally:
            if slot is not None:
                await self._measure(slot, seen)
                await slot.kill()
            permit.release()
            await in_thread(profile.erase)
        return seen

    def _mark(self, seen: Examination, step: str) -> None:
        seen.timings_ms[step] = round((self._clock.monotonic() - self._began) * 1000)

    async def _follow(self, slot: Slot, seen: Examination, permit: Permit) -> None:
        while True:
            match await slot.facts.get():
                case facts.Loaded(version=version):
                    seen.web_version = version or None
                    self._mark(seen, "load")
                    permit.end_turn()
                case facts.RefShown(displayed=displayed):
                    self._mark(seen, "qr")
                    seen.lookups["ref"] = "found" if displayed else "fell_back"
                    if "load" in seen.timings_ms:
                        return
                case facts.Foreign(refuses_browser=True):
                    raise PageBroken("WhatsApp Web says that it does not support this browser")
                case facts.Foreign():
                    raise PageBroken("what answered is not WhatsApp Web: it has no module system")
                case None if slot.lost:
                    raise BrowserGone("the browser or its page died")
                case _ if "load" in seen.timings_ms and "qr" in seen.timings_ms:
                    return

    async def _probe_without_qr(self, slot: Slot, seen: Examination) -> None:
        """Which of the others are there says whether it is the page or the way to WhatsApp."""
        try:
            async with asyncio.timeout(2 * MODULES_WITHIN.total_seconds()):
                await self._probe(slot, seen)
        except (SlotError, TimeoutError) as error:
            seen.problems.append(f"the page does not say what is in it: {error or 'no answer'}")

    async def _probe(self, slot: Slot, seen: Examination) -> None:
        """All lookups, again until none is missing or it is clear that one is. Where no QR came it is not
        known whether one could have been found."""
        how_ref_came = seen.lookups.get("ref")
        deadline = self._clock.monotonic() + MODULES_WITHIN.total_seconds()
        while True:
            seen.lookups = dict(facts.probe_outcomes(await slot.call("probe")))
            seen.lookups.pop("ref", None)
            seen.lookups |= {} if how_ref_came is None else {"ref": how_ref_came}
            missing = seen.named("missing")
            if not missing or self._clock.monotonic() > deadline:
                break
            await asyncio.sleep(LOOK_SECONDS)
        if seen.web_version is None:  # a page may show its QR before it says what it is
            seen.web_version = str(await slot.call("version"))[:LONGEST_VERSION] or None
        if missing:
            seen.problems.append(f"not found in the page: {', '.join(missing)}")

    async def _measure(self, slot: Slot, seen: Examination) -> None:
        pid = slot.mark.pid
        usage = await in_thread(lambda: usage_by_group({pid}))
        seen.pss_mb = usage[pid].pss_bytes // (1024 * 1024) or None
        seen.console = list(slot.page_log.lines)
