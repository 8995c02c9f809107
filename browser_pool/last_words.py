"""What a stopping node still waits for: others that take its sessions over, functions that take its events.

Rule: each wait has an end, and nothing is lost by it: what is left is kept for the next start, or is taken
over when the lease has run out.
"""

from __future__ import annotations

import asyncio
import logging

from browser_pool.lease import Lease
from browser_pool.outbox import Outbox
from browser_pool.pool import Pool
from browser_pool.relay import Relay

log = logging.getLogger(__name__)

FLUSH_DEADLINE_SECONDS = 5.0
"""At stop, for events that the functions have not taken yet; what is left stays in the outbox."""
DRAIN_DEADLINE_SECONDS = 90.0
"""At stop with ON_STOP=drain, for sessions that others take over; Kubernetes' own 30 s are to be raised.
What is left is closed as with ON_STOP=close, and is taken over when the lease has run out."""
DRAIN_LOOK_SECONDS = 0.2


async def drain(pool: Pool, lease: Lease) -> None:
    """Take nothing new, and let the heartbeats hand over what is here while there is somebody to have it.

    Until the functions have heard of the last one: who stops while a login is being saved, or before it was
    told, leaves a session that nobody opens before the lease has run out.
    """
    pool.draining = True
    holdings = pool.holdings
    try:
        async with asyncio.timeout(DRAIN_DEADLINE_SECONDS):
            while lease.leased and not holdings.is_empty:  # noqa: ASYNC110 - nobody else tells
                await asyncio.sleep(DRAIN_LOOK_SECONDS)
    except TimeoutError:
        log.warning("drain_unfinished", extra={"sessions": len(holdings.held()) + holdings.hibernated})


async def flush(relay: Relay, outbox: Outbox) -> None:
    """Bring the outbox to the functions once more."""
    try:
        async with asyncio.timeout(FLUSH_DEADLINE_SECONDS):
            delivered = await relay.flush_once()
    except TimeoutError:
        delivered = False
    if not delivered:
        log.warning("outbox_kept", extra={"events": outbox.depth(), "until": "the next start of this node"})
