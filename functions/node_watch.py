"""Says in the log each minute how every node is: what alarms read that know nothing but logs.

Rule: one line for a node that is heard, or that has sessions to run. A node that is no more and has none is
history. Several deliverers say the same; the alarms take the largest.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from storage.clock import Clock
from storage.nodes import Nodes

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
"""The shortest period of an alarm on AWS that costs nothing extra."""


class NodeWatch:
    """`look` says it now; `look_when_due` once a minute, whoever asks however often."""

    def __init__(self, nodes: Nodes, clock: Clock, lease_ttl: timedelta) -> None:
        self._nodes = nodes
        self._clock = clock
        self._lease_ttl = lease_ttl
        self._due_at = clock.monotonic()

    def look_when_due(self) -> None:
        """Between two looks this costs the reading of a clock."""
        if self._clock.monotonic() >= self._due_at:
            self._due_at = self._clock.monotonic() + EVERY_SECONDS
            self.look()

    def look(self) -> None:
        """One line a node."""
        now, wanted = self._nodes.now(), self._nodes.wanted()
        for node in self._nodes.all():
            should_run = wanted.get(node.id, 0)
            if not should_run and not node.alive(now, self._lease_ttl):
                continue
            log.info(
                "node_load",
                extra={
                    "node_id": node.id,
                    "region": node.region,
                    "silent_s": round((now - node.last_seen_at).total_seconds(), 1),
                    "wanted": should_run,
                    "sessions": node.live,
                    "queued": node.queued,
                    "slots": node.capacity,
                    "free": node.free,
                    "largest_browser_mb": node.largest_browser_mb,
                    "cpu_percent": node.cpu_percent,
                    "draining": node.leaving,
                },
            )
