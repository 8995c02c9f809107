"""What a runner makes of what nobody foresaw: another try, then an end that is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from browser_pool.journal import Journal, JournalEntry
from browser_pool.metrics import PoolMetrics
from browser_pool.outbox import Outbox
from browser_pool.pool_db import open_pool_db
from browser_pool.profile import Profile
from browser_pool.ref_clock import RefLives
from browser_pool.session_runner import SessionRunner
from storage.clock import SystemClock
from storage.events import EventType
from storage.models import SessionStatus
from storage.node_protocol import SessionSpec

SPEC = SessionSpec(id="s1", workspace_id="w1", generation=1, linked=False, fresh=False, start_seq=1)


class Broken:
    """A part of the node that fails in a way of its own."""

    def __init__(self) -> None:
        self.asked = 0

    async def wait(self) -> None:
        self.asked += 1
        raise ZeroDivisionError


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Any]:
    db, clock = open_pool_db(tmp_path / "pool.db"), SystemClock()
    yield SimpleNamespace(
        db=db,
        clock=clock,
        outbox=Outbox(db, clock),
        journal=Journal(db, clock),
        metrics=PoolMetrics(),
        data_dir=tmp_path,
        lives=RefLives(),
        starts=SimpleNamespace(is_full=False),
        lease=Broken(),
        restorer=None,
        snapshots=None,
        snapshotter=None,
        slots=SimpleNamespace(user_agent=SimpleNamespace(version="1")),
        qr_timeout=timedelta(minutes=5),
        link_timeout=timedelta(minutes=1),
    )
    db.close()


class Stubborn:
    """A part that answers a cancellation with a failure of its own."""

    async def wait(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ZeroDivisionError


async def test_a_failure_in_the_middle_of_its_end_does_not_bring_a_session_back(shop: Any) -> None:
    shop.lease = Stubborn()
    entry = JournalEntry(
        spec=SPEC, status=SessionStatus.CREATED, phone_number=None, profile="s1", ref=None, browser=None
    )
    runner = SessionRunner(shop, Profile(shop.data_dir, "s1"), entry)
    runner.start(lambda _: None)
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await runner.kill()
    assert [event.type for event in shop.outbox.pending(10)] == [EventType.SESSION_STARTING]


async def test_what_nobody_foresaw_is_tried_again_and_then_told(shop: Any) -> None:
    entry = JournalEntry(
        spec=SPEC, status=SessionStatus.CREATED, phone_number=None, profile="s1", ref=None, browser=None
    )
    runner, ended = SessionRunner(shop, Profile(shop.data_dir, "s1"), entry), asyncio.Event()
    runner.start(lambda _: ended.set())
    async with asyncio.timeout(20):
        await ended.wait()
    assert shop.lease.asked == 2
    told = shop.outbox.pending(10)
    assert [event.type for event in told] == [EventType.SESSION_STARTING, EventType.SESSION_FAILED]
    assert "ZeroDivisionError" in told[-1].data["message"]
    assert shop.journal.entries() == []
