"""Answers one address of one page with a stored index document, in the site's place.

Only documents at exactly this address are held; everything else goes its way. It stays for the life of
the CDP session, because a page may reload itself after the link.

A service worker hides a navigation from us when it answers, and at times when it lets it pass, for then
Chromium races it against the network (both measured). Our own navigations go by it. One of the page's own
shows by what we were not asked for: it is loaded again, by the service worker.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import logging
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlsplit

from browser_pool.browser_socket import PageSession
from browser_pool.errors import BrowserGone
from browser_pool.index_document import IndexDocument

log = logging.getLogger(__name__)

AGAIN_SECONDS = 10.0
"""For a document from memory to be on display."""


class IndexRoute:
    """Through CDP and not Playwright's `page.route`, which switches the HTTP cache off."""

    def __init__(self, cdp: PageSession, url: str, document: IndexDocument) -> None:
        self.document = document
        self._cdp = cdp
        self._url = url
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked = False
        """Since the document on display was begun."""
        self._shown = asyncio.Event()
        self._again: asyncio.Task[None] | None = None
        cdp.on("Fetch.requestPaused", self._on_paused)

    async def start(self) -> None:
        """Before the navigation. Raises BrowserGone."""
        pattern = {"urlPattern": self._url, "resourceType": "Document", "requestStage": "Request"}
        await self._cdp.send("Fetch.enable", {"patterns": [pattern]})
        await self._cdp.send("Network.enable")
        await self._cdp.send("Network.setBypassServiceWorker", {"bypass": True})
        if _is_here(self._url):
            await self._allow_local_network()

    async def navigated(self) -> None:
        """After it: the page's own requests may use its service worker again. Raises BrowserGone."""
        await self._cdp.send("Network.setBypassServiceWorker", {"bypass": False})
        await self._cdp.send("Network.disable")

    def committed(self, url: str) -> None:
        """The page's main frame shows a new document. One at our address that we were not asked for came
        past us, and is replaced."""
        asked, self._asked = self._asked, False
        if url.partition("#")[0] != self._url:
            return
        if asked:
            self._shown.set()
        elif self._again is None or self._again.done():
            self._again = self._spawn(self._load_again(), "load-index-again")

    async def _load_again(self) -> None:
        log.info("index_loaded_again", extra={"web_version": self.document.name})
        self._shown.clear()
        try:
            await self.start()
            await self._cdp.send("Page.reload")
            async with asyncio.timeout(AGAIN_SECONDS):
                await self._shown.wait()
            await self.navigated()
        except (BrowserGone, TimeoutError) as error:
            # whoever waits for the page has a deadline of its own
            log.warning("index_not_loaded_again", extra={"why": f"{type(error).__name__}: {error}"[:100]})

    async def _allow_local_network(self) -> None:
        """A document that we answer has no address, so Chromium takes it for one of the public internet
        and cuts its socket off from a site on this machine: the stand-in. The real site needs nothing."""
        parts = urlsplit(self._url)
        for name in ("loopback-network", "local-network-access"):
            permission = {"permission": {"name": name}, "setting": "granted"}
            # each Chromium knows one of the two
            with contextlib.suppress(BrowserGone):
                await self._cdp.send(
                    "Browser.setPermission", {"origin": f"{parts.scheme}://{parts.netloc}", **permission}
                )

    def _on_paused(self, event: dict[str, Any]) -> None:
        if self._is_ours(event):
            self._asked = True
        self._spawn(self._answer(event), "answer-index")

    def _is_ours(self, event: dict[str, Any]) -> bool:
        url: str = event["request"]["url"]
        return url.partition("#")[0] == self._url and event["request"]["method"] == "GET"

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _answer(self, event: dict[str, Any]) -> None:
        request = {"requestId": event["requestId"]}
        if not self._is_ours(event):
            call, parameters = "Fetch.continueRequest", request
        else:
            headers = {"cache-control": "no-store", **self.document.headers}
            call = "Fetch.fulfillRequest"
            parameters = {
                **request,
                "responseCode": 200,
                "responseHeaders": [{"name": name, "value": value} for name, value in headers.items()],
                "body": base64.b64encode(self.document.body).decode(),
            }
        try:
            await self._cdp.send(call, parameters)
        except BrowserGone as error:
            log.debug("index_not_answered", extra={"why": str(error)[:100]})

    async def close(self) -> None:
        """Answer nothing any more."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
