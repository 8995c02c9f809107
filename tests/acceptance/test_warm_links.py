"""A QR before the finger leaves the button: warm slots, and what may go wrong with them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.standin.client import PhoneRefused
from tests.system import System
from tests.waiting import eventually

pytestmark = pytest.mark.browser


def health(system: System) -> dict[str, object]:
    body: dict[str, object] = requests.get(f"{system.pool_url}/health", timeout=5).json()
    return body


def wait_warm(system: System, count: int) -> None:
    eventually(lambda: health(system)["warm"] == count, f"{count} warm slots")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), WARM_SLOTS="2") as running:
        yield running


def scanned(system: System, session_id: str, number: str) -> bool:
    """Scan what is on display, as a person does: when it was dead already, look again."""
    shown = system.session(session_id)["qr"]
    if shown is None:
        return False
    try:
        system.standin.scan(shown["text"], number)
    except PhoneRefused:
        return False
    return True


def test_the_answer_of_a_create_carries_a_live_qr_that_links(system: System) -> None:
    wait_warm(system, 2)
    session = system.create()
    assert session["status"] == "qr_scanning"
    system.standin.scan(session["qr"]["text"], "+6281200000001")
    assert system.until(session["id"], "connected")["phone_number"] == "+6281200000001"
    wait_warm(system, 2)


def test_two_warm_slots_never_show_the_same_keys(system: System) -> None:
    wait_warm(system, 2)
    first, second = (system.create()["qr"]["text"].split(",") for _ in range(2))
    assert not set(first[:4]) & set(second[:4])


def test_a_pairing_code_comes_from_a_warm_slot_too(system: System) -> None:
    wait_warm(system, 2)
    session = system.create(phone="+6281200000002")
    shown = system.until(session["id"], lambda one: one["pairing_code"] is not None)
    system.standin.pair("+6281200000002", shown["pairing_code"]["code"].replace("-", ""))
    system.until(session["id"], "connected")


def test_an_adopted_session_survives_the_death_of_browser_and_pool(system: System) -> None:
    wait_warm(system, 2)
    session = system.link("+6281200000003")
    os.killpg(system.browser_pid(session["id"]), signal.SIGKILL)
    eventually(lambda: "session_reconnected" in system.receiver.types(session["id"]), "it is back")
    system.kill("pool")
    system.start("pool")
    assert system.browser_pid(session["id"]) > 0
    assert system.until(session["id"], "connected")["phone_number"] == "+6281200000003"
    assert system.receiver.types(session["id"]).count("session_ready") == 1


def test_a_killed_pool_finds_its_warm_slots_again(system: System) -> None:
    wait_warm(system, 2)
    before, browsers = system.standin.stats()["index_loads"], system.browsers()
    system.kill("pool")
    system.start("pool")
    eventually(lambda: health(system)["warm"] >= 2, "the warm slots are back")
    assert system.standin.stats()["index_loads"] == before
    assert system.browsers().items() <= browsers.items()
    system.link("+6281200000004")


def test_a_warm_slot_that_died_is_never_given_out(system: System) -> None:
    wait_warm(system, 2)
    warm = [pid for pid, name in system.browsers().items() if name.startswith("warm-")]
    held = {one["browser_pid"] for one in system.pool_call("GET", "/sessions")["sessions"]}
    for pid in set(warm) - held:
        os.killpg(pid, signal.SIGKILL)
    session = system.create()
    eventually(lambda: scanned(system, session["id"], "+6281200000005"), "a living QR was scanned")
    system.until(session["id"], "connected")


def test_a_crashed_renderer_in_a_warm_slot_is_replaced(system: System) -> None:
    wait_warm(system, 2)
    held = {one["browser_pid"] for one in system.pool_call("GET", "/sessions")["sessions"]}
    warm = next(pid for pid in system.browsers() if pid not in held)
    renderers = [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _is_renderer_of(entry, warm)
    ]
    for pid in renderers:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: warm not in system.browsers(), "its browser is gone")
    wait_warm(system, 2)


def _is_renderer_of(entry: Path, browser: int) -> bool:
    try:
        command = (entry / "cmdline").read_text()
        return "--type=renderer" in command and os.getpgid(int(entry.name)) == browser
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_thirty_creates_at_once_with_few_warm_all_get_a_qr(tmp_path: Path) -> None:
    with System(tmp_path, WARM_SLOTS="3", MAX_SLOTS="40") as system:
        wait_warm(system, 3)
        with ThreadPoolExecutor(30) as threads:
            created = list(threads.map(lambda _: system.create(), range(30)))
        assert sum(one["qr"] is not None for one in created) >= 3
        texts = set()
        for one in created:
            shown = system.until(one["id"], lambda now: now["qr"] is not None, within=90)
            texts.add(shown["qr"]["text"])
        assert len(texts) == 30


def test_a_full_machine_queues_with_a_position_and_serves_when_there_is_room(tmp_path: Path) -> None:
    with System(tmp_path, MAX_SLOTS="1") as system:
        first = system.create()
        system.until(first["id"], lambda one: one["qr"] is not None)
        second, third = system.create(), system.create()
        assert second["status"] == "queued"
        assert second["queue"]["position"] == 1
        assert third["queue"]["position"] == 2
        assert third["queue"]["estimated_wait_ms"] > 0
        system.call("DELETE", f"/api/sessions/{second['id']}")
        system.until(third["id"], lambda one: one["queue"] is not None and one["queue"]["position"] == 1)
        system.call("DELETE", f"/api/sessions/{first['id']}")
        system.until(third["id"], lambda one: one["qr"] is not None)


def test_warm_slots_give_way_to_sessions(tmp_path: Path) -> None:
    with System(tmp_path, WARM_SLOTS="2", MAX_SLOTS="2") as system:
        wait_warm(system, 2)
        sessions = [system.link(f"+628120000010{index}") for index in range(2)]
        for session in sessions:
            assert system.session(session["id"])["status"] == "connected"
        assert len(system.browsers()) == 2


def test_without_demand_a_warm_slot_is_parked_and_wakes_on_demand(tmp_path: Path) -> None:
    quick = {"first_ref_ms": 1000, "next_ref_ms": 1000, "refs": 2}
    with System(tmp_path, quick, WARM_SLOTS="1", WARM_PARK_SECONDS="0.5") as system:
        eventually(lambda: health(system)["parked"] == 1, "the slot is parked")
        refs = system.standin.stats()["refs_issued"]
        loads = system.standin.stats()["index_loads"]
        session = system.create()
        assert session["status"] in ("starting", "qr_scanning")
        system.scan(session["id"], "+6281200000006")
        assert system.standin.stats()["refs_issued"] > refs
        system.until(session["id"], "connected")
        assert system.session(session["id"])["phone_number"] == "+6281200000006"
        assert loads <= system.standin.stats()["index_loads"] <= loads + 1


def test_a_qr_that_dies_as_it_is_adopted_is_followed_by_a_living_one(tmp_path: Path) -> None:
    quick = {"first_ref_ms": 400, "next_ref_ms": 400, "refs": 100}
    with System(tmp_path, quick, WARM_SLOTS="1") as system:
        for index in range(6):
            eventually(lambda: system.pool_call("GET", "/health")["warm"] == 1, "a warm slot")
            session = system.create()
            number = f"+628120000020{index}"
            eventually(
                lambda one=session["id"], by=number: scanned(system, one, by), "a living QR was scanned"
            )
            system.until(session["id"], "connected")
