"""Our own line to one browser, beside Playwright's: commands and events of CDP over one websocket.

Rule: what a page can send as fast as it likes comes this way and never through Playwright's driver, which
all slots share. A page that floods fills its own line, is noticed by `FloodGuard`, and is hung up on.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any, Self

from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, TCPConnector, WSMsgType

from browser_pool.door import Door
from browser_pool.errors import BrowserGone
from browser_pool.flood_guard import FloodGuard

log = logging.getLogger(__name__)

LARGEST_MESSAGE = 32 * 1024 * 1024
"""All of localStorage, which Chromium bounds at 10 MB, arrives in one; a page that sends more floods."""
Parameters = dict[str, Any]
Handler = Callable[[Parameters], None]


class BrowserSocket:
    """Made by `open`; ends with `close`, with its browser, or when its page floods."""

    def __init__(
        self, http: ClientSession, socket: ClientWebSocketResponse, flooded: Callable[[str], None]
    ) -> None:
        self._http = http
        self._socket = socket
        self._flooded = flooded
        self._guard = FloodGuard()
        self._calls = 0
        self._answers: dict[int, asyncio.Future[Parameters]] = {}
        self._handlers: dict[tuple[str | None, str], Handler] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_end: Callable[[], None] = lambda: None
        """Called once, when nothing will be heard any more."""
        self._reader = asyncio.create_task(self._read(), name="browser-socket")

    @classmethod
    async def open(cls, address: str, door: Door, flooded: Callable[[str], None]) -> Self:
        """`flooded` is called once, with a sentence, by a page that sends too much. Raises BrowserGone."""
        try:
            with door.expecting() as source:
                http = ClientSession(connector=TCPConnector(local_addr=source))
                try:
                    socket = await http.ws_connect(address, max_msg_size=LARGEST_MESSAGE)
                except BaseException:
                    await http.close()
                    raise
        except (ClientError, OSError, ValueError) as error:
            raise BrowserGone(f"cannot talk to a browser: {error}") from error
        return cls(http, socket, flooded)

    def on(self, event: str, handler: Handler, session: str | None = None) -> None:
        """Call `handler` with the parameters of every such event."""
        self._handlers[session, event] = handler

    async def send(
        self, method: str, parameters: Parameters | None = None, session: str | None = None
    ) -> Any:
        """One command and its answer. The caller bounds the wait. Raises BrowserGone."""
        self._calls += 1
        number = self._calls
        message: Parameters = {"id": number, "method": method, "params": parameters or {}}
        if session is not None:
            message["sessionId"] = session
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            if self._reader.done():
                raise BrowserGone(f"{method}: the browser hung up")
            await self._socket.send_str(json.dumps(message))
            return await answer
        except (ClientError, OSError) as error:
            raise BrowserGone(f"{method}: {error}") from error
        finally:
            self._answers.pop(number, None)

    async def page_session(self) -> PageSession:
        """A session with the one page that there is. Raises BrowserGone."""
        targets = (await self.send("Target.getTargets"))["targetInfos"]
        pages = [one["targetId"] for one in targets if one["type"] == "page" and "openerId" not in one]
        if not pages:
            raise BrowserGone("the browser has no page")
        attached = await self.send("Target.attachToTarget", {"targetId": pages[0], "flatten": True})
        return PageSession(self, attached["sessionId"])

    def spawn(self, work: Any, name: str) -> None:
        """Run something that a handler began, for as long as this line lives."""
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                content = json.loads(message.data)
                if (number := content.get("id")) is not None:
                    self._on_answer(number, content)
                    continue
                if (why := self._guard.count(len(message.data))) is not None:
                    self._flooded(why)
                    return
                self._on_event(content)
            if self._socket.close_code == MESSAGE_TOO_BIG:
                self._flooded("the page sent a message of more than 32 MB")
        except Exception:
            log.exception("browser_socket_failed")
        finally:
            self._hang_up()
            self.on_end()

    def _on_answer(self, number: int, content: Parameters) -> None:
        waiting = self._answers.get(number)
        if waiting is None or waiting.done():
            return
        if "error" in content:
            waiting.set_exception(BrowserGone(f"CDP: {str(content['error'].get('message'))[:200]}"))
        else:
            waiting.set_result(content.get("result", {}))

    def _on_event(self, content: Parameters) -> None:
        handler = self._handlers.get((content.get("sessionId"), content.get("method", "")))
        if handler is not None:
            handler(content.get("params", {}))

    def _hang_up(self) -> None:
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(BrowserGone("the browser hung up"))

    async def close(self) -> None:
        """Hang up: every session on this line ends, every worker held by it goes on. Twice is fine."""
        tasks = [self._reader, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._socket.close()
        await self._http.close()


MESSAGE_TOO_BIG = 1009
"""The websocket's own code for a message above LARGEST_MESSAGE."""


class PageSession:
    """One page on a browser's line."""

    def __init__(self, socket: BrowserSocket, session: str) -> None:
        self._socket = socket
        self._session = session

    def on(self, event: str, handler: Handler) -> None:
        """Call `handler` with the parameters of every such event of this page."""
        self._socket.on(event, handler, self._session)

    async def send(self, method: str, parameters: Parameters | None = None) -> Any:
        """One command to this page and its answer. Raises BrowserGone."""
        return await self._socket.send(method, parameters, self._session)
