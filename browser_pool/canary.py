"""A browser without an account that looks, now and then, whether WhatsApp Web still shows a QR.

Rule: never in a session's way. It takes its turn as nobody does, skips when sessions wait, and is the first
to tell that WhatsApp has changed: before a customer opens a link.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

from ulid import ULID

from browser_pool.examination import Examination, Examiner
from browser_pool.profile import WARM_PREFIX, Profile
from browser_pool.start_queue import NOBODY
from browser_pool.workshop import Workshop
from storage.clock import to_wire

log = logging.getLogger(__name__)

PREFIX = WARM_PREFIX + "canary-"
"""Like a warm slot's: what a killed pool leaves of it, the next one erases."""


class Canary:
    """`run` in a task; cancelling it leaves neither browser nor directory."""

    def __init__(self, shop: Workshop, every: timedelta) -> None:
        self._shop = shop
        self._every = every
        self._last: dict[str, Any] | None = None

    async def run(self) -> None:
        """Forever; not at all with `every` 0."""
        while self._every:
            await asyncio.sleep(self._every.total_seconds())
            if self._shop.starts.is_full or self._shop.starts.waiting:
                log.info("canary_skipped", extra={"why": "sessions are starting"})
                continue
            await self.look()

    async def look(self) -> Examination:
        """Once, now."""
        shop = self._shop
        profile = Profile(shop.data_dir, PREFIX + str(ULID()).lower())
        examiner = Examiner(shop.slots, shop.driver, shop.clock, shop.load_timeout + shop.first_qr_timeout)
        async with shop.starts.turn(NOBODY, lambda _: None) as permit:
            seen = await examiner.examine(profile, permit, shop.web_versions.document())
        for name, outcome in seen.lookups.items():
            shop.metrics.lookup(name, outcome)
        qr_ms = seen.timings_ms.get("qr")
        shop.metrics.canary(
            good=seen.good,
            qr_seconds=None if qr_ms is None else qr_ms / 1000,
            now=shop.clock.now().timestamp(),
        )
        extra = {
            "good": seen.good,
            "problems": seen.problems,
            "fell_back": seen.named("fell_back"),
            "web_version": seen.web_version,
            **{f"{step}_ms": took for step, took in seen.timings_ms.items()},
        }
        log.log(logging.INFO if seen.good else logging.ERROR, "canary_looked", extra=extra)
        self._last = {"at": to_wire(shop.clock.now()), **extra}
        return seen

    def state(self) -> dict[str, Any] | None:
        """For /health: what it saw last; None before the first look."""
        return self._last
