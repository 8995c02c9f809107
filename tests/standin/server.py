"""The stand-in's HTTP routes: index document, assets, service worker, socket of a page, and the phone API."""

import asyncio
import contextlib
import json
from typing import Any

from aiohttp import web

from tests.standin import assets, document
from tests.standin.phone import Phone, refusals
from tests.standin.site import Site
from tests.standin.sockets import PageLeft, PageSocket

FOR_EVER = "public, max-age=31536000, immutable"
HINTS = ("User-Agent", "Sec-CH-UA", "Sec-CH-UA-Full-Version-List")


def is_headless(text: str | None) -> bool:
    """A browser that calls itself HeadlessChrome or the like."""
    return "headless" in (text or "").lower()


class Server:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._assets = assets.Assets()
        self._assets.scripts(site.options)  # generate the weight before the first page waits for it
        self._open: set[web.WebSocketResponse] = set()

    def app(self) -> web.Application:
        app = web.Application(middlewares=[refusals])
        app.router.add_get("/", self.index)
        app.router.add_get("/assets/{name}", self.asset)
        app.router.add_get("/sw.js", self.service_worker)
        app.router.add_post("/seen", self.seen)
        app.router.add_get("/ws/chat", self.socket)
        Phone(self._site).add_to(app)
        app.on_shutdown.append(self._close_sockets)
        return app

    async def index(self, request: web.Request) -> web.Response:
        options, stats = self._site.options, self._site.stats
        stats.index_loads += 1
        if options.hang:
            await asyncio.Event().wait()  # until the browser gives up or the server stops
        await asyncio.sleep(options.slow_index_ms / 1000)
        if options.http_500:
            return web.Response(status=500, text="Internal Server Error")
        leaks = self._note_headers(request, "page")
        if options.refuse_all or (leaks and options.refuse_headless):
            stats.pages_refused += 1
            return web.Response(text=document.UNSUPPORTED, content_type="text/html")
        text, headers = document.index(options, self._assets)
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def asset(self, request: web.Request) -> web.Response:
        asset = self._assets.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        self._site.stats.asset_loads += 1
        headers = {"Cache-Control": FOR_EVER}
        return web.Response(
            body=asset.body, content_type=asset.content_type, charset="utf-8", headers=headers
        )

    async def service_worker(self, request: web.Request) -> web.Response:
        self._note_headers(request, "service_worker")
        headers = {"Cache-Control": "no-cache"}
        keeps = str(self._site.options.sw_keeps_index).lower()
        body = f"const KEEPS_INDEX = {keeps};\n".encode() + assets.service_worker()
        return web.Response(body=body, content_type="text/javascript", headers=headers)

    async def seen(self, request: web.Request) -> web.Response:
        """What a page or a worker sees of its own browser."""
        body: dict[str, Any] = await request.json()
        where = str(body["where"])
        leaks = [where + ":header"] if self._note_headers(request, where) else []
        for source in ("user_agent", "brands"):
            if is_headless(json.dumps(body.get(source))):
                leaks.append(f"{where}:{source}")
                self._site.stats.ua_leaks[leaks[-1]] += 1
        refused = bool(leaks) and self._site.options.refuse_headless
        self._site.stats.pages_refused += refused
        return web.json_response({"refused": refused})

    def _note_headers(self, request: web.Request, where: str) -> bool:
        leaks = [name.lower() for name in HINTS if is_headless(request.headers.get(name))]
        for name in leaks:
            self._site.stats.ua_leaks[f"{where}:{name}"] += 1
        return bool(leaks)

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(heartbeat=self._site.options.ping_ms / 1000)
        await ws.prepare(request)
        self._open.add(ws)
        try:
            with contextlib.suppress(PageLeft):
                await PageSocket(self._site, ws).run()
        finally:
            self._open.discard(ws)
        return ws

    async def _close_sockets(self, app: web.Application) -> None:
        """aiohttp waits for open handlers; a page would keep its socket for ever."""
        await asyncio.gather(*(ws.close(code=1001) for ws in list(self._open)))
