"""Stands in for a site: every document at its origin is blank, and every other request fails.

Rule: nothing is let through. A page gets the origin's storage without a byte from or to the origin.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from playwright.async_api import CDPSession, Error

log = logging.getLogger(__name__)


class BlankSite:
    """Answers for one page, through its CDP session."""

    def __init__(self, cdp: CDPSession, origin: str) -> None:
        self.url = f"{origin}/"
        self._cdp = cdp
        self._tasks: set[asyncio.Task[None]] = set()
        cdp.on("Fetch.requestPaused", self._on_paused)

    async def start(self) -> None:
        """Before the navigation. The site's service worker is gone by: it would answer in our place.

        Raises playwright's Error.
        """
        await self._cdp.send("Network.enable")
        await self._cdp.send("Network.setBypassServiceWorker", {"bypass": True})
        await self._cdp.send("Fetch.enable", {"patterns": [{"urlPattern": "*"}]})

    def _on_paused(self, event: dict[str, Any]) -> None:
        task = asyncio.create_task(self._answer(event), name="answer-blank")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, event: dict[str, Any]) -> None:
        request = {"requestId": event["requestId"]}
        try:
            if event["request"]["url"] == self.url and event.get("resourceType") == "Document":
                headers = [{"name": "content-type", "value": "text/html"}]
                answer = {**request, "responseCode": 200, "responseHeaders": headers, "body": ""}
                await self._cdp.send("Fetch.fulfillRequest", answer)
            else:
                await self._cdp.send("Fetch.failRequest", {**request, "errorReason": "BlockedByClient"})
        except Error as error:
            log.debug("blank_not_answered", extra={"why": error.message[:100]})
