"""The pool's end of one page: injects `page/*.js`, receives typed facts, and asks the page for things.

Facts come over a CDP session of our own (`browser_socket.py`): a binding brings them within a millisecond
of happening. Playwright is only asked to evaluate.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Error, Page

from browser_pool.browser_socket import PageSession
from browser_pool.errors import BrowserGone, PageBroken
from browser_pool.facts import Fact, parse_fact
from browser_pool.index_document import IndexDocument
from browser_pool.index_route import IndexRoute
from browser_pool.page_hosts import origin
from browser_pool.page_log import PageLog
from browser_pool.user_agent import UserAgent

log = logging.getLogger(__name__)

BINDING = "linkpoolReport"
BLANK = "about:blank"
WEB = ("http:", "https:")
MAX_WAITING_FACTS = 1000
"""An honest page has a handful waiting; what more comes at once is dropped, and counted."""
LEFT_THE_SITE = "the page left WhatsApp Web for another address"
FactQueue = asyncio.Queue[Fact | None]
"""None: look at the slot, something in it ended."""
_PAGE_DIR = Path(__file__).parent / "page"


Overrides = Mapping[str, Sequence[str]]
"""Lookup to the paths that are tried before those of whatsapp.js."""


def _program(overrides: Overrides) -> str:
    bridge, whatsapp = ((_PAGE_DIR / name).read_text() for name in ("bridge.js", "whatsapp.js"))
    arguments = (json.dumps(BINDING), _without_header(whatsapp), json.dumps(overrides))
    return f"({_without_header(bridge)})({', '.join(arguments)})"


def _without_header(source: str) -> str:
    """The file is one arrow function behind leading comments."""
    lines = source.splitlines()
    while lines[0].startswith("//"):
        lines.pop(0)
    return "\n".join(lines)


def wake(sink: FactQueue) -> None:
    """Make the reader look up. A full queue keeps its reader awake anyway."""
    with contextlib.suppress(asyncio.QueueFull):
        sink.put_nowait(None)


@dataclass(frozen=True, kw_only=True)
class Eyes:
    """What a bridge needs beside its page."""

    user_agent: UserAgent
    url: str
    """The site; no other origin may fill the page."""
    sink: FactQueue
    strayed: Callable[[str], None]
    """Called with a sentence when the page leaves the site."""
    lookups: Overrides
    """The operator's, tried before those of whatsapp.js."""


class Bridge:
    """Facts go into `sink`; `call` asks. `gone` means that the page can never answer again, and puts a
    None into the sink."""

    def __init__(self, page: Page, cdp: PageSession, eyes: Eyes) -> None:
        self.page = page
        self.gone = False
        self.crashed = False
        self.page_log = PageLog()
        self._sink = eyes.sink
        self._strayed = eyes.strayed
        self._origin = origin(eyes.url)
        self._arrived = False
        self.storage_changed = asyncio.Event()
        self._cdp = cdp
        self._restore_script: str | None = None
        self._route: IndexRoute | None = None
        self._malformed = 0

    @classmethod
    async def open(cls, page: Page, cdp: PageSession, eyes: Eyes) -> Bridge:
        """Prepare a page that has not navigated yet. Raises BrowserGone."""
        bridge = await cls._listen(page, cdp, eyes)
        program = {"source": _program(eyes.lookups)}
        await cdp.send("Page.addScriptToEvaluateOnNewDocument", program)
        return bridge

    @classmethod
    async def attach(cls, page: Page, cdp: PageSession, eyes: Eyes) -> Bridge:
        """Take over a living page without reloading it: every present fact is reported anew."""
        bridge = await cls.open(page, cdp, eyes)
        if page.url.startswith(WEB):
            bridge._is_at(page.url)  # it may have left while nobody looked
        try:
            await page.evaluate(_program(eyes.lookups))
        except Error as error:
            raise BrowserGone(f"the page does not answer: {error.message}") from error
        return bridge

    @classmethod
    async def _listen(cls, page: Page, cdp: PageSession, eyes: Eyes) -> Bridge:
        bridge = cls(page, cdp, eyes)
        cdp.on("Runtime.bindingCalled", bridge._on_binding)
        cdp.on("Inspector.targetCrashed", bridge._on_crash)
        cdp.on("Page.frameNavigated", bridge._on_navigated)
        page.on("crash", bridge._on_crash)
        page.on("close", bridge.lose)
        for change in ("ItemAdded", "ItemUpdated", "ItemRemoved", "ItemsCleared"):
            cdp.on(f"DOMStorage.domStorage{change}", bridge._on_storage)
        bridge.page_log.listen(cdp)
        await cdp.send("Emulation.setUserAgentOverride", eyes.user_agent.override())
        # also what nobody reads: a page that floods its console or its exceptions is noticed by their number
        await cdp.send("Runtime.enable")
        await cdp.send("Inspector.enable")
        await cdp.send("Log.enable")
        await cdp.send("Page.enable")
        await cdp.send("DOMStorage.enable")
        await cdp.send("Runtime.addBinding", {"name": BINDING})
        return bridge

    def _on_binding(self, event: dict[str, Any]) -> None:
        if event.get("name") != BINDING:
            return
        fact = parse_fact(event.get("payload", ""))
        try:
            if fact is not None:
                self._sink.put_nowait(fact)
                return
        except asyncio.QueueFull:
            pass
        self._malformed += 1
        if self._malformed in (1, 10, 100, 1000):
            log.warning("page_fact_dropped", extra={"count": self._malformed})

    def lose(self, *_: object) -> None:
        """Nothing of this page can be seen any more."""
        if not self.gone:
            self.gone = True
            wake(self._sink)

    def _on_crash(self, *_: object) -> None:
        self.crashed = True
        self.lose()

    def _on_navigated(self, event: dict[str, Any]) -> None:
        """The whole page belongs to the site, from its first document on."""
        frame = event["frame"]
        if "parentId" in frame:
            return
        self._is_at(frame.get("unreachableUrl") or frame["url"])
        if self._route is not None:
            self._route.committed(frame["url"])

    def _is_at(self, url: str) -> None:
        if url.startswith(WEB) and origin(url) == self._origin:
            self._arrived = True
        elif self._arrived or url != BLANK:
            self._strayed(LEFT_THE_SITE)

    def _on_storage(self, event: dict[str, Any]) -> None:
        if event.get("storageId", {}).get("isLocalStorage"):
            self.storage_changed.set()

    async def call(self, name: str, *arguments: object) -> Any:
        """Call one of the functions that whatsapp.js offers. Raises PageBroken, BrowserGone."""
        program = (
            "([name, args]) => {"
            " const page = window[Symbol.for('linkpool')];"
            " if (!page) throw new Error('PageBroken: no bridge in the page');"
            " return page[name](...args); }"
        )
        try:
            return await self.page.evaluate(program, [name, list(arguments)])
        except Error as error:
            if "PageBroken" in error.message:
                what = error.message.partition("PageBroken: ")[2].partition("\n")[0]
                raise PageBroken(f"{name}: {what[:100]} not found in the page") from error
            if self.gone or "closed" in error.message:
                raise BrowserGone(f"{name}: the page is gone") from error
            raise PageBroken(f"{name}: {error.message[:200]}") from error

    async def restore_local_storage(self, origin: str, items: dict[str, str], replace: bool) -> None:
        """Before the next navigation: put back what the last browser died without writing."""
        program = (
            f"if (location.origin === {json.dumps(origin)})"
            f" for (const [key, value] of Object.entries({json.dumps(items)}))"
            f" if ({json.dumps(replace)} || localStorage.getItem(key) === null)"
            " localStorage.setItem(key, value);"
        )
        answer = await self._cdp.send("Page.addScriptToEvaluateOnNewDocument", {"source": program})
        self._restore_script = answer["identifier"]

    async def stop_restoring(self) -> None:
        """After that navigation: a later logout must find its wiped storage wiped."""
        if self._restore_script is not None:
            identifier, self._restore_script = self._restore_script, None
            await self._cdp.send("Page.removeScriptToEvaluateOnNewDocument", {"identifier": identifier})

    @asynccontextmanager
    async def index_from(self, url: str, document: IndexDocument | None) -> AsyncIterator[None]:
        """Around a navigation: this address answers with the document, now and when the page reloads.
        Raises playwright's Error."""
        if document is None:
            yield
            return
        if self._route is None:
            self._route = IndexRoute(self._cdp, url, document)
        await self._route.start()
        yield
        await self._route.navigated()

    async def local_storage(self) -> tuple[str, dict[str, str]] | None:
        """(origin, items) of the page; None while it is on no site."""
        origin = await self.page.evaluate("location.origin")
        if not origin.startswith("http"):
            return None
        storage = {"securityOrigin": origin, "isLocalStorage": True}
        answer = await self._cdp.send("DOMStorage.getDOMStorageItems", {"storageId": storage})
        return origin, dict(answer["entries"])

    async def close(self) -> None:
        """Stop answering for the site. The page stays."""
        if self._route is not None:
            await self._route.close()
