"""Outbox and journal agree while a session is here, and the journal is left alone when it is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from browser_pool.journal import BrowserMark, Journal
from browser_pool.link_state import LinkState
from browser_pool.metrics import PoolMetrics
from browser_pool.outbox import Outbox
from browser_pool.pool_db import open_pool_db
from browser_pool.profile import Profile
from browser_pool.session_ledger import SessionLedger
from storage.clock import ManualClock
from storage.events import EventType
from storage.models import SessionStatus
from storage.node_protocol import SessionSpec

SPEC = SessionSpec(id="s1", workspace_id="w1", generation=3, linked=True, fresh=False, start_seq=2)
A_BROWSER, ANOTHER = (BrowserMark(pid=pid, started=1, port=2) for pid in (10, 20))


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Any]:
    db, clock = open_pool_db(tmp_path / "pool.db"), ManualClock()
    yield SimpleNamespace(
        db=db,
        clock=clock,
        outbox=Outbox(db, clock),
        journal=Journal(db, clock),
        metrics=PoolMetrics(),
        data_dir=tmp_path,
    )
    db.close()


def ledger(shop: Any, mark: BrowserMark | None) -> SessionLedger:
    return SessionLedger(shop, link(), Profile(shop.data_dir, SPEC.id), SPEC, mark)


def link() -> LinkState:
    number = "+6281234567890"
    return LinkState(status=SessionStatus.CONNECTED, linked=True, phone_number=number, last_ref=None)


def saved(of: SessionLedger) -> None:
    """A snapshot is told of that was under way."""
    of.write(link().report(EventType.SNAPSHOT_SAVED, snapshot_id="n1", new_bytes=1, size_bytes=1))


def types(shop: Any) -> list[EventType]:
    return [event.type for event in shop.outbox.pending(10)]


def test_an_event_and_what_a_restart_must_know_are_written_together(shop: Any) -> None:
    saved(ledger(shop, A_BROWSER))
    assert types(shop) == [EventType.SNAPSHOT_SAVED]
    assert [entry.browser for entry in shop.journal.entries()] == [A_BROWSER]


def test_a_snapshot_that_is_late_brings_no_erased_session_back(shop: Any) -> None:
    gone = ledger(shop, A_BROWSER)
    gone.remember()
    gone.let_go()
    shop.journal.forget(SPEC.id)
    saved(gone)
    assert types(shop) == [EventType.SNAPSHOT_SAVED]
    assert shop.journal.entries() == []


def test_a_snapshot_that_is_late_hides_no_browser_that_was_opened_since(shop: Any) -> None:
    before, after = ledger(shop, A_BROWSER), ledger(shop, ANOTHER)
    before.remember()
    before.let_go()
    after.remember()
    saved(before)
    assert [entry.browser for entry in shop.journal.entries()] == [ANOTHER]
