"""How this node is: health in the seeds' shape, readiness, pressure, and the gauges that Prometheus reads.

Rule: counts, shares and ages. Nothing here names a session, a workspace or a number.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from browser_pool.driller import Driller
from browser_pool.memory_watch import MB, MemoryWatch
from browser_pool.metrics import PoolMetrics, Readings
from browser_pool.node_agent import NodeAgent
from browser_pool.outbox import Outbox
from browser_pool.pool import Pool
from browser_pool.snapshotter import Snapshotter
from browser_pool.start_queue import StartQueue
from storage.clock import Clock
from storage.models import LINKED, SessionStatus

_AUTHENTICATED = LINKED | {SessionStatus.AUTHENTICATED}


@dataclass(frozen=True, kw_only=True)
class Vitals:
    """Made by `service.py`; asked by the control API."""

    pool: Pool
    starts: StartQueue
    memory: MemoryWatch
    outbox: Outbox
    agent: NodeAgent
    snapshotter: Snapshotter | None
    driller: Driller | None
    metrics: PoolMetrics
    clock: Clock
    about: dict[str, Any]
    state: Callable[[], dict[str, Any]]
    started_at: float
    """Monotonic."""

    def health(self) -> dict[str, Any]:
        """Open to everybody who reaches the control API."""
        runners, pulse = self.pool.holdings.runners, self.metrics.pulse
        counts: dict[str, int] = {}
        for runner in runners:
            counts[runner.status.value] = counts.get(runner.status.value, 0) + 1
        unready = self.unready()
        status = "draining" if self.pool.draining else "degraded" if unready else "healthy"
        return {
            "status": status,
            "uptime": round(self.clock.monotonic() - self.started_at, 1),
            "pid": os.getpid(),
            "memory": {
                "rss": _rss(),
                "browsers_pss_mb": self.memory.total // MB,
                "budget_mb": self.memory.budget // MB,
            },
            "sessions": {
                **counts,
                "active": len(runners),
                "authenticated": sum(runner.status in _AUTHENTICATED for runner in runners),
                "qr_scanning": counts.get(SessionStatus.QR_SCANNING.value, 0),
            },
            "performance": {
                "avg_qr_time_ms": pulse.avg_qr_ms,
                "avg_phone_extraction_ms": pulse.avg_phone_ms,
            },
            "ready": unready is None,
            "not_ready_because": unready,
            "pressure": self.pressure(),
            "slots": {
                "capacity": self.starts.max_slots,
                "in_use": self.starts.in_use,
                "queued": self.starts.waiting,
            },
            "warm": self.pool.warm.live,
            "parked": self.pool.warm.parked,
            "hibernated": self.pool.holdings.hibernated,
            "outbox_depth": self.outbox.depth(),
            **self.state(),
            **self.about,
        }

    def unready(self) -> str | None:
        """Why a new link would get no QR from this node now; None when it would."""
        return self.unfit() or self._full()

    def unfit(self) -> str | None:
        """The same, but for being full: with all its slots in use a node does what it is for."""
        if self.pool.draining:
            return "it is draining: it takes no new sessions"
        if not self.pool.warm.live and not self.metrics.pulse.is_well:
            return "the last starts came to no QR; see the log, or run: python -m browser_pool doctor"
        return None

    def _full(self) -> str | None:
        if self.pool.warm.live:
            return None
        if not self.starts.has_memory():
            return "the browsers use the memory they may have (MEMORY_BUDGET_MB)"
        if not self.starts.has_room:
            return "every slot is taken (MAX_SLOTS)"
        return None

    def pressure(self) -> dict[str, float]:
        """Shares from 0 to 1 of what this node has, and how many sessions wait for a slot."""
        return {
            "slots": round(self.starts.in_use / self.starts.max_slots, 3),
            "memory": round(self.memory.total / self.memory.budget, 3),
            "cpu": round(self.memory.machine_cpu_ratio, 3),
            "queued": self.starts.waiting,
        }

    def readings(self) -> Readings:
        """Gauges, read when Prometheus asks."""
        warm, oldest = self.pool.warm, self.outbox.oldest_at()
        waited = 0.0 if oldest is None else max(0.0, (self.clock.now() - oldest).total_seconds())
        found: dict[tuple[str, str], float | dict[str, float]] = {
            ("linkpool_slots", "Browsers by what they are for, and sessions that have none."): {
                "live": len([one for one in self.pool.holdings.runners if one.browser_pid is not None]),
                "warm": warm.live,
                "parked": warm.parked,
                "in_use": self.starts.in_use,
                "queued": self.starts.waiting,
                "hibernated": self.pool.holdings.hibernated,
                "capacity": self.starts.max_slots,
            },
            ("linkpool_active_sessions", "Sessions that have a browser or wait for one."): len(
                self.pool.holdings.runners
            ),
            ("linkpool_ready", "1 while a new link would get a QR now."): float(self.unready() is None),
            ("linkpool_browsers_pss_bytes", "Memory of all browsers."): self.memory.total,
            ("linkpool_slot_pss_largest_bytes", "Memory of the largest browser."): self.memory.largest,
            ("linkpool_memory_budget_bytes", "What all browsers may use."): self.memory.budget,
            ("linkpool_node_rss_bytes", "Memory of the pool process."): _rss(),
            ("linkpool_machine_cpu_ratio", "Share of all cores in use."): self.memory.machine_cpu_ratio,
            (
                "linkpool_outbox_depth",
                "Events that the functions have not acknowledged.",
            ): self.outbox.depth(),
            ("linkpool_outbox_refused", "Events that the functions called malformed."): self.outbox.refused(),
            ("linkpool_outbox_oldest_seconds", "How long the oldest of them has waited."): waited,
            ("linkpool_lease_age_seconds", "Since the functions last answered a heartbeat."): (
                self.clock.monotonic() - self.agent.heard_at
            ),
            ("linkpool_sandbox", "1 while Chromium's sandbox is on."): float(self.about["sandbox"]),
        }
        if self.snapshotter is not None:
            state = self.snapshotter.state()
            failing, unsaved = state["failing_sessions"], state["oldest_unsaved_seconds"]
            found |= {
                ("linkpool_snapshot_failing_sessions", "Sessions whose last save failed."): failing,
                ("linkpool_snapshot_unsaved_seconds", "Age of the oldest unsaved change."): unsaved,
                ("linkpool_snapshot_store_open", "1 while the object store can be used."): float(
                    state["state"] == "open" and state["trouble"] is None
                ),
            }
        if self.driller is not None:
            return {**found, **self.driller.readings()}
        return found


def _rss() -> int:
    resident_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return resident_pages * resource.getpagesize()
