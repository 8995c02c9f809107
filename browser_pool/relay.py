"""Carries the outbox to the functions: signed, in order, again and again until it is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import NoReturn

from aiohttp import ClientError, ClientSession, ClientTimeout

from browser_pool.outbox import Outbox
from storage.clock import Clock
from storage.events import NodeEvent, encode_events
from storage.logs import REQUEST_ID_HEADER
from storage.node_signing import sign

log = logging.getLogger(__name__)

PATH = "/api/webhook"
BATCH = 100
TIMEOUT = ClientTimeout(total=10, connect=2)
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
"""While the functions are away. Short: when they are back, somebody is looking at a page."""
IDLE_SECONDS = 30.0
"""News wakes the relay; this is only the second look."""
MALFORMED = frozenset({400, 413, 422})


class Relay:
    """One request at a time keeps the order; a refused event is set aside so that it blocks no other."""

    def __init__(
        self,
        http: ClientSession,
        outbox: Outbox,
        clock: Clock,
        *,
        tls: ssl.SSLContext | None = None,
        functions_url: str,
        node_id: str,
        secret: str,
    ) -> None:
        self._http = http
        self._outbox = outbox
        self._clock = clock
        self._tls = tls or True
        self._url = functions_url + PATH
        self._node_id = node_id
        self._secret = secret
        self._down = False

    async def run(self) -> NoReturn:
        """Forever; cancel to stop."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            if await self.flush_once():
                pause = FIRST_PAUSE_SECONDS
                await self._outbox.wait_for_news(IDLE_SECONDS)
            else:
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE_SECONDS, pause * 2)

    async def flush_once(self) -> bool:
        """Send everything owed. False when the functions did not take it."""
        while batch := self._outbox.pending(BATCH):
            if not await self._send(batch):
                return False
        return True

    async def _send(self, batch: list[NodeEvent]) -> bool:
        body = encode_events(self._node_id, batch)
        headers = sign(self._secret, self._node_id, "POST", PATH, body, self._clock.now())
        headers["Content-Type"] = "application/json"
        headers[REQUEST_ID_HEADER] = batch[0].id
        try:
            async with self._http.post(
                self._url, data=body, headers=headers, timeout=TIMEOUT, ssl=self._tls
            ) as answer:
                status, text = answer.status, (await answer.text())[:300]
        except (ClientError, TimeoutError, OSError) as error:
            self._say_down(f"{type(error).__name__}: {error}")
            return False
        if 200 <= status < 300:
            self._outbox.acknowledge(batch)
            self._say_up(len(batch))
            return True
        if status in MALFORMED and len(batch) == 1:
            log.error(
                "event_refused", extra={"event_id": batch[0].id, "type": batch[0].type, "status": status}
            )
            self._outbox.refuse(batch[0], f"{status}: {text}")
            return True
        if status in MALFORMED:
            for event in batch:
                if not await self._send([event]):
                    return False
            return True
        self._say_down(f"answered {status}: {text}")
        return False

    def _say_down(self, why: str) -> None:
        if not self._down:
            log.warning("functions_unreachable", extra={"url": self._url, "why": why[:300]})
        self._down = True

    def _say_up(self, count: int) -> None:
        if self._down:
            log.info("functions_back", extra={"url": self._url, "delivered": count})
        self._down = False
