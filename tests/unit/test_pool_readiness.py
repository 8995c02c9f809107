"""When a node is ready: for a new link, and for a rollout that waits for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from browser_pool.metrics import PoolMetrics
from browser_pool.start_queue import StartQueue
from browser_pool.vitals import Vitals
from storage.clock import SystemClock


def vitals_of(*, in_use: int = 0, draining: bool = False, warm: int = 0, failures: int = 0) -> Vitals:
    starts, metrics = StartQueue(3, 2, SystemClock()), PoolMetrics()
    starts.in_use = in_use
    for _ in range(failures):
        metrics.pulse.start_failed()
    pool = SimpleNamespace(draining=draining, warm=SimpleNamespace(live=warm))
    unread: Any = None
    return Vitals(
        pool=cast(Any, pool),
        starts=starts,
        metrics=metrics,
        memory=unread,
        outbox=unread,
        agent=unread,
        snapshotter=unread,
        driller=unread,
        clock=unread,
        about={},
        state=dict,
        started_at=0.0,
    )


def test_a_full_node_takes_no_link_and_holds_up_no_rollout() -> None:
    full = vitals_of(in_use=2)
    assert "MAX_SLOTS" in (full.unready() or "")
    assert full.unfit() is None


def test_a_node_that_shows_no_qr_or_is_leaving_is_ready_for_neither() -> None:
    for node in (vitals_of(failures=3), vitals_of(draining=True, warm=1)):
        assert node.unready() is not None
        assert node.unready() == node.unfit()


def test_a_warm_qr_is_a_qr_whatever_failed_before() -> None:
    assert vitals_of(in_use=2, warm=1, failures=3).unready() is None
