"""Gives service workers the face of their page: each is held at its first line, dressed, and let go.

At the browser's root, beside Playwright: an override on the page reaches its dedicated workers, not its
service workers, and auto-attachment below a page misses a worker that starts before the page has an
address. Chromium waits for every session that asked it to wait, so Playwright's cannot let a worker run
before it is dressed.
"""

from __future__ import annotations

import logging
from typing import Any

from browser_pool.browser_socket import BrowserSocket
from browser_pool.errors import BrowserGone
from browser_pool.user_agent import UserAgent

log = logging.getLogger(__name__)

SERVICE_WORKER = "service_worker"
ONLY_SERVICE_WORKERS = [{"type": SERVICE_WORKER}, {"exclude": True}]


class WorkerDresser:
    """Works from `start` on, until its socket closes: then every worker goes on."""

    def __init__(self, socket: BrowserSocket, user_agent: UserAgent) -> None:
        self._socket = socket
        self._override = user_agent.override()

    async def start(self) -> None:
        """Every service worker that starts from now on is dressed. Raises BrowserGone."""
        self._socket.on("Target.attachedToTarget", self._on_attached)
        await self._socket.send(
            "Target.setAutoAttach",
            {
                "autoAttach": True,
                "waitForDebuggerOnStart": True,
                "flatten": True,
                "filter": ONLY_SERVICE_WORKERS,
            },
        )

    def _on_attached(self, event: dict[str, Any]) -> None:
        if event["targetInfo"]["type"] == SERVICE_WORKER:
            self._socket.spawn(self._dress(event["sessionId"]), "dress-worker")

    async def _dress(self, session: str) -> None:
        try:
            await self._socket.send("Emulation.setUserAgentOverride", self._override, session)
            # the two commands take different ways to the worker: sent together, one in forty swapped
            await self._socket.send("Runtime.runIfWaitingForDebugger", {}, session)
        except BrowserGone as error:
            log.debug("worker_left_early", extra={"why": str(error)[:100]})
