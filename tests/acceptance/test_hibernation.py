"""Most linked accounts need no live browser: closed when idle, back in seconds, never with a QR."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.system import System
from tests.waiting import eventually

pytestmark = pytest.mark.browser
PHONE = "+6281300000001"
ACCOUNTS = int(os.environ.get("ACCOUNTS", "60"))
"""ACCOUNTS=200 take 90 s on a machine of its own; they were linked when this was built and since."""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), HIBERNATE_AFTER_SECONDS="0") as running:
        yield running


@pytest.fixture(scope="module")
def session_id(system: System) -> str:
    identifier: str = system.link(PHONE)["id"]
    return identifier


def act(system: System, session_id: str, action: str) -> int:
    return system.call("POST", f"/api/sessions/{session_id}/{action}", json={}).status_code


def test_a_hibernated_session_has_no_browser_and_wakes_without_a_qr(system: System, session_id: str) -> None:
    refs = system.standin.stats()["refs_issued"]
    assert act(system, session_id, "hibernate") == 200
    assert system.session(session_id)["status"] == "hibernated"
    assert session_id not in system.browsers().values()
    assert act(system, session_id, "hibernate") == 200, "again is no change"
    assert act(system, session_id, "wake") == 202
    woken = system.until(session_id, "connected")
    assert woken["phone_number"] == PHONE
    assert system.standin.stats()["refs_issued"] == refs
    types = system.receiver.types
    eventually(lambda: types(session_id)[-2:] == ["session_hibernated", "session_woken"], "both were told")


def test_wakes_that_meet_a_hibernation_end_awake(system: System, session_id: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda action: act(system, session_id, action), ["hibernate"] + ["wake"] * 5))
    eventually(lambda: act(system, session_id, "wake") in (200, 202), "it can be woken")
    system.until(session_id, "connected")
    assert system.standin.stats()["double_runs"] == 0


def test_a_restarted_pool_lets_it_sleep(system: System, session_id: str) -> None:
    assert act(system, session_id, "hibernate") == 200
    loads = system.standin.stats()["index_loads"]
    system.kill("pool")
    system.start("pool")
    system.wait_for_node()
    eventually(lambda: system.pool_call("GET", "/health")["hibernated"] == 1, "the pool knows it")
    assert system.session(session_id)["status"] == "hibernated"
    assert system.standin.stats()["index_loads"] == loads
    assert act(system, session_id, "wake") == 202
    system.until(session_id, "connected")


def test_a_week_without_a_browser_is_enough(system: System, session_id: str) -> None:
    assert act(system, session_id, "hibernate") == 200
    system.stop("pool")
    with sqlite3.connect(system.data_dir / "pool.db") as db:
        db.execute("update journal set hibernated_at = '2020-01-01T00:00:00.000Z'")
    db.close()
    system.start("pool")
    system.until(session_id, "connected")


def test_a_device_removed_while_it_slept_is_logged_out_on_waking(system: System) -> None:
    number = "+6281300000002"
    sleeper = system.link(number)["id"]
    assert act(system, sleeper, "hibernate") == 200
    system.standin.revoke(number)
    assert act(system, sleeper, "wake") == 202
    system.until(sleeper, "logged_out")
    assert sleeper not in system.browsers().values()


def test_deleting_a_sleeper_removes_its_device(system: System) -> None:
    number = "+6281300000003"
    sleeper = system.link(number)["id"]
    assert act(system, sleeper, "hibernate") == 200
    assert system.call("DELETE", f"/api/sessions/{sleeper}").ok
    eventually(
        lambda: not any(device["linked"] for device in system.standin.state(number)["devices"]),
        "the device is removed from the account",
    )
    eventually(lambda: not (system.data_dir / "profiles" / sleeper).exists(), "its profile is gone")


def test_only_linked_sessions_sleep_and_wake(system: System) -> None:
    fresh = system.create(start=False)["id"]
    assert act(system, fresh, "hibernate") == 409
    assert act(system, fresh, "wake") == 409


def test_idle_sessions_sleep_by_themselves_unless_they_are_kept_alive(tmp_path: Path) -> None:
    with System(tmp_path, HIBERNATE_AFTER_SECONDS="1") as system:
        kept = system.link("+6281300000004", keep_alive=True)["id"]
        idle = system.link("+6281300000005")["id"]
        system.until(idle, "hibernated")
        assert system.session(kept)["status"] == "connected"


def test_a_heavy_slot_is_recycled_without_losing_its_session(tmp_path: Path) -> None:
    with System(tmp_path) as system:
        session_id = system.link(PHONE)["id"]
        system.stop("pool")
        system.start("pool", MEMORY_WARN_MB="5", MEMORY_RECYCLE_MB="10")
        eventually(lambda: "slot_recycled" in system.log("pool"), "the slot was recycled")
        system.stop("pool")
        system.start("pool")
        system.until(session_id, "connected")
        told = [one.data for one in system.receiver.of_type("session_disconnected")]
        assert any(one["reason_code"] == "memory_limit" for one in told)
        assert system.receiver.types(session_id).count("session_ready") == 1


def test_no_browser_starts_beyond_the_memory_budget(tmp_path: Path) -> None:
    with System(tmp_path, MEMORY_BUDGET_MB="200") as system:
        first, second = system.create()["id"], system.create()["id"]
        system.until(first, lambda one: one["qr"] is not None)
        assert system.session(second)["status"] == "queued"
        system.call("DELETE", f"/api/sessions/{first}")
        system.until(second, lambda one: one["qr"] is not None)


@pytest.mark.timeout(600)
def test_ten_slots_serve_many_linked_accounts(tmp_path: Path) -> None:
    count = ACCOUNTS
    with System(tmp_path, MAX_SLOTS="10", WARM_SLOTS="2") as system:
        numbers = [f"+62813100{index:05}" for index in range(count)]

        def link(number: str) -> str:
            identifier: str = system.link(number, within=60)["id"]
            assert system.pool_call("GET", "/health")["slots"]["in_use"] <= 10
            return identifier

        with ThreadPoolExecutor(3) as threads:
            linked = dict(zip(threads.map(link, numbers), numbers, strict=True))
        eventually(lambda: len(system.browsers()) <= 10, "the kernel counts ten browsers, too")
        states = [system.session(one)["status"] for one in linked]
        assert set(states) <= {"connected", "hibernated"}
        assert states.count("hibernated") >= count - 10
        for session_id in list(linked)[:5]:
            assert act(system, session_id, "wake") == 202
            woken = system.until(session_id, "connected")
            assert woken["phone_number"] == linked[session_id]
        assert system.standin.stats()["double_runs"] == 0
