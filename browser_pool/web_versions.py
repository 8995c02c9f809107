"""Which index document a browser gets: the live one, the pinned one, or the last that got connected.

The live one is doubted after two loads in a row that reached no QR, by whatever slot; then the last good
one is served for a while. One that fails as well ends that: the fault is elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from playwright.async_api import Error

from browser_pool.errors import BrowserRefused, LoadTimedOut, PageBroken, QrTimedOut
from browser_pool.in_thread import in_thread
from browser_pool.index_document import (
    IndexDocument,
    kept_headers,
    looks_like_html,
    version_name,
)
from browser_pool.page_load import PageLoad
from browser_pool.version_store import VersionStore
from storage.clock import Clock

log = logging.getLogger(__name__)

BAD_DOCUMENT = (LoadTimedOut, QrTimedOut, PageBroken, BrowserRefused)
"""Ends of a load that another document may mend. A site that does not answer is none of them."""
DOUBT_AFTER = 2
"""Loads in a row; a session tries as often before it gives up."""
SERVED_FOR = timedelta(minutes=10)
"""Then one load tries the live document again."""
NO_USE_FOR = timedelta(minutes=1)
"""After the last good one failed too."""
FRESH_FOR = timedelta(days=1)
"""A stored document younger than this is not captured again: then a load costs nothing."""
READ_SECONDS = 5.0
MOST_CANDIDATES = 3


class WebVersions:
    """`trial` goes around a load, `capture` follows its QR, `connected` the link."""

    def __init__(self, store: VersionStore, clock: Clock) -> None:
        self.pinned: IndexDocument | None = None
        self._store = store
        self._clock = clock
        self._last_good = store.last_good()
        self._fresh_since = {about.name: about.saved_at for about in store.stored() if about.good_at}
        self._candidates: dict[str, IndexDocument] = {}
        """Captured, and not connected yet."""
        self._failures = 0
        self._fallback: IndexDocument | None = None
        self._until = 0.0
        self._no_use_before = 0.0

    # ---- serving

    def document(self) -> IndexDocument | None:
        """What the next load gets; None for the live one."""
        if self.pinned is not None:
            return self.pinned
        if self._fallback is not None and self._clock.monotonic() >= self._until:
            self._fallback, self._failures = None, DOUBT_AFTER - 1
            log.info("web_version_live_again", extra={"for": "one load"})
        return self._fallback

    @contextmanager
    def trial(self, load: PageLoad) -> Iterator[None]:
        """Around one load, to its QR or its login: chooses the document, and learns from the end."""
        load.begin(self.document())
        if load.document is not None:
            extra = {"web_version": load.document.name}
            log.log(
                logging.INFO if self.pinned else logging.WARNING,
                "web_version_pinned" if self.pinned else "web_version_fallback",
                extra=extra,
            )
        try:
            yield
        except BAD_DOCUMENT:
            self._failed(load)
            raise
        if load.document is None and load.name is not None:
            self._failures, self._fallback = 0, None

    def _failed(self, load: PageLoad) -> None:
        if load.document is None:
            self._failures += 1
            if self._failures >= DOUBT_AFTER and self._fallback is None:
                self._doubt_the_live_one()
        elif load.document is self._fallback:
            self._fallback, self._failures = None, 0
            self._no_use_before = self._clock.monotonic() + NO_USE_FOR.total_seconds()
            log.warning("web_version_fallback_failed", extra={"web_version": load.document.name})

    def _doubt_the_live_one(self) -> None:
        now = self._clock.monotonic()
        if now < self._no_use_before:
            return
        good = (self._store.load(about.name) for about in self._store.stored() if about.good_at is not None)
        self._fallback = next((document for document in good if document is not None), None)
        self._until = now + SERVED_FOR.total_seconds()

    def offers_another_try(self, load: PageLoad) -> bool:
        """The live document failed this session for good, and there is another."""
        return self._fallback is not None and load.document is None

    # ---- learning

    async def capture(self, load: PageLoad) -> None:
        """The page shows a QR: keep its document until somebody links with it."""
        load.name = version_name(load.version)
        answer, load.answer = load.answer, None
        if load.document is not None:
            load.name = load.document.name
            return
        if answer is None or not self._is_wanted(load.name):
            return
        try:
            async with asyncio.timeout(READ_SECONDS):
                body, headers = await answer.body(), await answer.all_headers()
        except (Error, TimeoutError) as error:
            log.info("index_not_captured", extra={"web_version": load.name, "why": str(error)[:200]})
            return
        if answer.status != 200 or not looks_like_html(body):
            log.info("index_not_captured", extra={"web_version": load.name, "why": "it is no HTML page"})
            return
        while len(self._candidates) >= MOST_CANDIDATES:
            del self._candidates[next(iter(self._candidates))]
        self._candidates[load.name] = IndexDocument(name=load.name, body=body, headers=kept_headers(headers))

    def _is_wanted(self, name: str) -> bool:
        if self.pinned is not None or name in self._candidates:
            return False
        since = self._fresh_since.get(name)
        return since is None or self._clock.now() - since > FRESH_FOR

    async def connected(self, load: PageLoad) -> None:
        """A session of this load is linked: its document is good."""
        name = load.name
        if name is None or self.pinned is not None:
            return
        now = self._clock.now()
        document = self._candidates.pop(name, None)
        try:
            if document is not None:
                await in_thread(partial(self._store.save, document, now=now, good=True))
                self._fresh_since[name] = now
                log.info("web_version_kept", extra={"web_version": name, "bytes": len(document.body)})
            elif name in self._fresh_since and name != self._last_good:
                await in_thread(partial(self._store.was_good, name, now))
            elif name != self._last_good:
                return
        except (OSError, KeyError) as error:
            self._fresh_since.pop(name, None)
            log.warning("web_version_not_kept", extra={"web_version": name, "why": str(error)[:200]})
            return
        self._last_good = name

    def state(self) -> dict[str, str | None]:
        """For /health."""
        pinned = self.pinned.name if self.pinned is not None else None
        serving = "pinned" if pinned else "last_good" if self._fallback is not None else "live"
        return {"serving": serving, "pinned": pinned, "last_good": self._last_good}
