"""Outbox and journal on a real database: what was written is there after the process is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from browser_pool.errors import BrowserGone, PageUnreachable
from browser_pool.journal import BrowserMark, Journal, JournalEntry
from browser_pool.outbox import Outbox
from browser_pool.pool_db import open_pool_db, transaction
from browser_pool.restart_policy import RestartPolicy
from storage.clock import ManualClock
from storage.events import EventType
from storage.models import SessionStatus
from storage.node_protocol import SessionSpec

SPEC = SessionSpec(id="s1", workspace_id="w1", generation=3, linked=True, fresh=False, start_seq=2)


def test_events_are_owed_in_order_until_acknowledged(tmp_path: Path) -> None:
    db = open_pool_db(tmp_path / "pool.db")
    outbox = Outbox(db, ManualClock())
    for index in range(3):
        outbox.append("s1", 1, EventType.SESSION_PROGRESSED, {"percent": index})
    owed = outbox.pending(10)
    assert [event.data["percent"] for event in owed] == [0, 1, 2]
    assert owed[0].seq < owed[1].seq < owed[2].seq
    outbox.acknowledge(owed[:2])
    outbox.refuse(owed[2], "400: no")
    assert outbox.depth() == 0
    db.close()


def test_seq_grows_even_when_the_database_is_lost(tmp_path: Path) -> None:
    clock = ManualClock()
    first = open_pool_db(tmp_path / "one" / "pool.db")
    before = Outbox(first, clock).append("s1", 1, EventType.SESSION_READY, {})
    first.close()
    clock.advance(timedelta(milliseconds=1))
    second = open_pool_db(tmp_path / "two" / "pool.db")
    assert Outbox(second, clock).append("s1", 1, EventType.SESSION_READY, {}).seq > before.seq
    second.close()


def test_an_appended_event_survives_kill_9(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from browser_pool.outbox import Outbox\n"
        "from browser_pool.pool_db import open_pool_db\n"
        "from storage.clock import SystemClock\n"
        "from storage.events import EventType\n"
        "outbox = Outbox(open_pool_db(Path(sys.argv[1])), SystemClock())\n"
        "outbox.append('s1', 1, EventType.SESSION_READY, {'phone_number': None})\n"
        "print('written', flush=True)\n"
        "sys.stdin.read()\n"
    )
    path = tmp_path / "pool.db"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    db = open_pool_db(path)
    assert [event.type for event in Outbox(db, ManualClock()).pending(5)] == [EventType.SESSION_READY]
    db.close()


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    db = open_pool_db(tmp_path / "pool.db")
    outbox = Outbox(db, ManualClock())
    try:
        with transaction(db):
            outbox.append("s1", 1, EventType.SESSION_READY, {})
            raise ZeroDivisionError
    except ZeroDivisionError:
        assert outbox.depth() == 0
    db.close()


@pytest.mark.parametrize("fails", [False, True])
def test_only_a_passing_transaction_does_not_wait_for_the_disk(tmp_path: Path, fails: bool) -> None:
    db = open_pool_db(tmp_path / "pool.db")
    modes = []
    try:
        with transaction(db, passing=True), transaction(db):
            modes.append(_synchronous(db))
            Outbox(db, ManualClock()).append("s1", 1, EventType.QR_CODE_GENERATED, {})
            if fails:
                raise ZeroDivisionError
    except ZeroDivisionError:
        assert fails
    assert [*modes, _synchronous(db)] == [1, 2]
    assert Outbox(db, ManualClock()).depth() == (0 if fails else 1)
    db.close()


def _synchronous(db: Database) -> int:
    return int(db.execute("pragma synchronous").fetchone()[0])


def test_the_journal_gives_back_what_was_held(tmp_path: Path) -> None:
    db = open_pool_db(tmp_path / "pool.db")
    journal = Journal(db, ManualClock())
    entry = JournalEntry(
        spec=SPEC,
        status=SessionStatus.CONNECTED,
        phone_number="+6281234567890",
        profile="s1",
        ref=None,
        browser=BrowserMark(pid=12, started=34, port=56),
    )
    journal.save(entry)
    assert journal.entries() == [entry]
    journal.forget("s1")
    assert journal.entries() == []
    db.close()


def test_an_unlinked_session_gets_one_retry_and_a_linked_one_three() -> None:
    clock = ManualClock()
    gone = BrowserGone("gone")
    unlinked, linked = RestartPolicy(clock), RestartPolicy(clock)
    assert unlinked.pause_before_next(gone, linked=False) is not None
    assert unlinked.pause_before_next(gone, linked=False) is None
    assert [linked.pause_before_next(gone, linked=True) is None for _ in range(4)] == [False] * 3 + [True]


def test_a_browser_that_ran_long_is_forgiven() -> None:
    clock = ManualClock()
    policy = RestartPolicy(clock)
    for _ in range(10):
        assert policy.pause_before_next(BrowserGone("gone"), linked=False) == 0.0
        clock.advance(timedelta(minutes=11))


def test_a_linked_session_waits_for_its_site_however_long() -> None:
    policy = RestartPolicy(ManualClock())
    pauses = [policy.pause_before_next(PageUnreachable("away"), linked=True) for _ in range(50)]
    assert None not in pauses
    assert pauses[0] < pauses[5]
    assert max(pauses) == 60.0
