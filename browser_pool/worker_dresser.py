"""Gives service workers the face of their page: each is held at its first line, dressed, and let go.

A session of our own at the browser's root, beside Playwright's: an override on the page reaches its
dedicated workers, not its service workers, and auto-attachment below a page misses a worker that starts
before the page has an address. Chromium waits for every session that asked it to wait, so Playwright's
cannot let a worker run before it is dressed.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, Self

from aiohttp import ClientError, ClientSession, ClientWebSocketResponse, WSMsgType

from browser_pool.errors import BrowserGone
from browser_pool.user_agent import UserAgent

log = logging.getLogger(__name__)

LARGEST_MESSAGE = 4 * 1024 * 1024
ONLY_SERVICE_WORKERS = [{"type": "service_worker"}, {"exclude": True}]


class WorkerDresser:
    """Made by `open`; ends with `close`, or by itself with its browser."""

    def __init__(self, socket: ClientWebSocketResponse, user_agent: UserAgent) -> None:
        self._socket = socket
        self._override = user_agent.override()
        self._calls = 0
        self._dressing: dict[int, str] = {}
        """Number of a call that dresses a worker → the worker's session."""
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, http: ClientSession, endpoint: str, user_agent: UserAgent) -> Self:
        """Attach to a browser: every service worker that starts from now on is dressed.

        Raises BrowserGone.
        """
        try:
            async with http.get(f"{endpoint}/json/version") as answer:
                address = (await answer.json())["webSocketDebuggerUrl"]
            socket = await http.ws_connect(address, max_msg_size=LARGEST_MESSAGE)
        except (ClientError, OSError, ValueError, KeyError) as error:
            raise BrowserGone(f"cannot watch the workers of {endpoint}: {error}") from error
        dresser = cls(socket, user_agent)
        await dresser._call(
            "Target.setAutoAttach",
            {
                "autoAttach": True,
                "waitForDebuggerOnStart": True,
                "flatten": True,
                "filter": ONLY_SERVICE_WORKERS,
            },
        )
        await dresser._answered(dresser._calls)
        dresser._task = asyncio.create_task(dresser._watch(), name="worker-dresser")
        return dresser

    async def _call(self, method: str, parameters: dict[str, Any], session: str | None = None) -> None:
        self._calls += 1
        message: dict[str, Any] = {"id": self._calls, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        try:
            await self._socket.send_str(json.dumps(message))
        except (ClientError, OSError) as error:
            raise BrowserGone(f"{method}: {error}") from error

    async def _answered(self, number: int) -> None:
        """Wait for one answer, dressing whatever comes before it."""
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                continue
            content = json.loads(message.data)
            if content.get("id") == number:
                return
            await self._on_message(content)
        raise BrowserGone("the browser hung up while its workers were asked for")

    async def _watch(self) -> None:
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    await self._on_message(json.loads(message.data))
        except BrowserGone as error:
            log.debug("worker_left_early", extra={"why": str(error)[:100]})

    async def _on_message(self, content: dict[str, Any]) -> None:
        if content.get("method") == "Target.attachedToTarget":
            session = content["params"]["sessionId"]
            self._dressing[self._calls + 1] = session
            await self._call("Emulation.setUserAgentOverride", self._override, session)
        elif (session := self._dressing.pop(content.get("id", 0), None)) is not None:
            # the two commands take different ways to the worker: sent together, one in forty swapped
            await self._call("Runtime.runIfWaitingForDebugger", {}, session)

    async def close(self) -> None:
        """Let every worker go on. Twice is fine."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._socket.close()
