"""The heartbeat: says what this node runs, and does what the answer says it should run."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from datetime import timedelta
from typing import NoReturn
from urllib.parse import quote

from aiohttp import ClientError, ClientSession, ClientTimeout

from browser_pool.lease import Lease
from browser_pool.lease_guard import boot_seconds
from browser_pool.memory_watch import MB, MemoryWatch
from browser_pool.pool import Pool
from browser_pool.reconciler import Reconciler
from browser_pool.room import room
from browser_pool.site_watch import SiteWatch
from browser_pool.start_queue import StartQueue
from storage.clock import Clock
from storage.errors import BadMessage
from storage.node_protocol import Heartbeat, HeartbeatAnswer
from storage.node_signing import sign

log = logging.getLogger(__name__)

TIMEOUT = ClientTimeout(total=5, connect=2)


class NodeAgent:
    """An unreachable registry changes nothing here; a lease that runs out meanwhile stops the browsers."""

    def __init__(
        self,
        http: ClientSession,
        pool: Pool,
        reconciler: Reconciler,
        lease: Lease,
        starts: StartQueue,
        memory: MemoryWatch,
        site: SiteWatch,
        clock: Clock,
        *,
        tls: ssl.SSLContext | None = None,
        functions_url: str,
        node_id: str,
        node_url: str,
        region: str | None,
        secret: str,
        every: timedelta,
    ) -> None:
        self._http = http
        self._pool = pool
        self._reconciler = reconciler
        self._lease = lease
        self._starts = starts
        self._memory = memory
        self._site = site
        self._clock = clock
        self._tls = tls or True
        self._functions_url = functions_url
        self._path = f"/api/nodes/{quote(node_id, safe='')}/heartbeat"
        self._node_id = node_id
        self._node_url = node_url
        self._region = region
        self._secret = secret
        self._every = every
        self._well = True
        self.heard_at = clock.monotonic()
        """When the functions last answered a heartbeat; from before it was sent."""

    async def run(self) -> NoReturn:
        """Forever; cancel to stop."""
        while True:
            await self.beat()
            await asyncio.sleep(self._every.total_seconds())

    def heartbeat(self, *, keeps_browsers: bool = False) -> Heartbeat:
        """What this node would say now."""
        pool, holdings = self._pool, self._pool.holdings
        return Heartbeat(
            node_id=self._node_id,
            url=self._node_url,
            region=self._region,
            capacity=self._starts.max_slots,
            live=len(holdings.runners),
            warm=pool.warm.live,
            queued=self._starts.waiting,
            draining=pool.draining or self._is_cut_off(),
            sessions=holdings.held(),
            profiles=holdings.profiles(),
            erased=sorted(holdings.erased),
            room=room(),
            leased=self._lease.leased,
            handed_over=holdings.handed_over_to_tell(),
            largest_browser_mb=self._memory.largest // MB,
            cpu_percent=round(100 * self._memory.machine_cpu_ratio),
            keeps_browsers=keeps_browsers,
        )

    def _is_cut_off(self) -> bool:
        """From WhatsApp, and others may not be: to the functions that is a node that drains. When nobody
        reaches the site all of them say so, and everything stays where it is."""
        return self._site.away and self._lease.leased

    async def beat(self) -> bool:
        """One heartbeat; False when it was not heard."""
        asked_at, asked_at_boot = self._clock.monotonic(), boot_seconds()
        heartbeat, untold = self.heartbeat(), self._pool.holdings.untold()
        wishes = await self._ask(heartbeat)
        if wishes is None:
            return False
        self.heard_at = asked_at
        await self._reconciler.drop(wishes.drop)
        if wishes.alone:
            self._lease.set_free()
        else:
            self._lease.renew(asked_at_boot, wishes.lease_ttl_seconds)
        self._pool.holdings.forget_handed_over(set(heartbeat.handed_over) - set(wishes.hand_over))
        self._reconciler.reconcile(wishes, asked_at, heartbeat, untold)
        return True

    async def say_goodbye(self, *, keeps_browsers: bool) -> None:
        """At stop: nothing new is to be placed here. What the answer wishes is for the next pool process."""
        self._pool.draining = True
        await self._ask(self.heartbeat(keeps_browsers=keeps_browsers))

    async def _ask(self, heartbeat: Heartbeat) -> HeartbeatAnswer | None:
        body = json.dumps(heartbeat.to_wire()).encode()
        headers = sign(self._secret, self._node_id, "POST", self._path, body, self._clock.now())
        headers["Content-Type"] = "application/json"
        url = self._functions_url + self._path
        try:
            async with self._http.post(
                url, data=body, headers=headers, timeout=TIMEOUT, ssl=self._tls
            ) as answer:
                if answer.status != 200:
                    self._say(f"answered {answer.status}: {(await answer.text())[:300]}")
                    return None
                wishes = HeartbeatAnswer.from_wire(await answer.json())
        except (ClientError, TimeoutError, OSError, BadMessage, ValueError) as error:
            self._say(f"{type(error).__name__}: {error}")
            return None
        self._say(None)
        return wishes

    def _say(self, trouble: str | None) -> None:
        self._lease.check()
        if trouble is not None and self._well:
            log.warning("heartbeat_not_heard", extra={"why": trouble[:300]})
        if trouble is None and not self._well:
            log.info("heartbeat_heard_again")
        self._well = trouble is None
