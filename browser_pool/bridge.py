"""The pool's end of one page: injects `page/*.js`, receives typed facts, and asks the page for things.

Everything goes through one CDP session: a binding brings facts within a millisecond of happening.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession, Error, Page

from browser_pool.errors import BrowserGone, PageBroken
from browser_pool.facts import Fact, parse_fact
from browser_pool.index_document import IndexDocument
from browser_pool.index_route import IndexRoute
from browser_pool.user_agent import UserAgent

log = logging.getLogger(__name__)

BINDING = "linkpoolReport"
MAX_WAITING_FACTS = 1000
"""A page that floods is cut off here; an honest one has a handful waiting."""
FactQueue = asyncio.Queue[Fact | None]
"""None: look at the slot, something in it ended."""
_PAGE_DIR = Path(__file__).parent / "page"


def _program() -> str:
    bridge, whatsapp = ((_PAGE_DIR / name).read_text() for name in ("bridge.js", "whatsapp.js"))
    return f"({_without_header(bridge)})({json.dumps(BINDING)}, {_without_header(whatsapp)})"


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


class Bridge:
    """Facts go into `sink`; `call` asks. `gone` means that the page can never answer again, and puts a
    None into the sink."""

    def __init__(self, page: Page, cdp: CDPSession, user_agent: UserAgent, sink: FactQueue) -> None:
        self.page = page
        self.gone = False
        self.crashed = False
        self._sink = sink
        self.storage_changed = asyncio.Event()
        self._cdp = cdp
        self._user_agent = user_agent
        self._restore_script: str | None = None
        self._route: IndexRoute | None = None
        self._malformed = 0

    @classmethod
    async def open(cls, page: Page, user_agent: UserAgent, sink: FactQueue) -> Bridge:
        """Prepare a page that has not navigated yet. Raises BrowserGone."""
        bridge = await cls._listen(page, user_agent, sink)
        await bridge._send("Page.addScriptToEvaluateOnNewDocument", source=_program())
        return bridge

    @classmethod
    async def attach(cls, page: Page, user_agent: UserAgent, sink: FactQueue) -> Bridge:
        """Take over a living page without reloading it: every present fact is reported anew."""
        bridge = await cls.open(page, user_agent, sink)
        try:
            await page.evaluate(_program())
        except Error as error:
            raise BrowserGone(f"the page does not answer: {error.message}") from error
        return bridge

    @classmethod
    async def _listen(cls, page: Page, user_agent: UserAgent, sink: FactQueue) -> Bridge:
        try:
            cdp = await page.context.new_cdp_session(page)
        except Error as error:
            raise BrowserGone(f"the page cannot be attached: {error.message}") from error
        bridge = cls(page, cdp, user_agent, sink)
        cdp.on("Runtime.bindingCalled", bridge._on_binding)
        cdp.on("Inspector.targetCrashed", bridge._on_crash)
        cdp.on("close", bridge.lose)
        page.on("crash", bridge._on_crash)
        page.on("close", bridge.lose)
        for change in ("ItemAdded", "ItemUpdated", "ItemRemoved", "ItemsCleared"):
            cdp.on(f"DOMStorage.domStorage{change}", bridge._on_storage)
        await bridge._send("Emulation.setUserAgentOverride", **user_agent.override())
        await bridge._send("Runtime.enable")
        await bridge._send("Inspector.enable")
        await bridge._send("Page.enable")
        await bridge._send("DOMStorage.enable")
        await bridge._send("Runtime.addBinding", name=BINDING)
        return bridge

    async def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = await self._cdp.send(method, parameters)
        except Error as error:
            raise BrowserGone(f"{method}: {error.message}") from error
        return answer

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
        answer = await self._send("Page.addScriptToEvaluateOnNewDocument", source=program)
        self._restore_script = answer["identifier"]

    async def stop_restoring(self) -> None:
        """After that navigation: a later logout must find its wiped storage wiped."""
        if self._restore_script is not None:
            identifier, self._restore_script = self._restore_script, None
            await self._send("Page.removeScriptToEvaluateOnNewDocument", identifier=identifier)

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
        answer = await self._send("DOMStorage.getDOMStorageItems", storageId=storage)
        return origin, dict(answer["entries"])

    async def close(self) -> None:
        """Stop answering for the site. The page stays."""
        if self._route is not None:
            await self._route.close()
