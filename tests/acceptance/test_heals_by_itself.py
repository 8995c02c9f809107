"""kill -9 of every part: each heals by itself, no event is lost or applied twice, no QR is asked for."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.system import System
from tests.waiting import eventually

pytestmark = pytest.mark.browser
COUNT = 5


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system")) as running:
        running.linked = [running.link(f"+62812345000{index}")["id"] for index in range(COUNT)]  # type: ignore[attr-defined]
        yield running


def linked(system: System) -> list[str]:
    ids: list[str] = system.linked  # type: ignore[attr-defined]
    return ids


def test_a_killed_pool_attaches_again_and_no_page_is_loaded(system: System) -> None:
    before, browsers = system.standin.stats(), system.browsers()
    assert len(browsers) == COUNT
    system.kill("pool")
    system.start("pool")
    for session_id in linked(system):
        eventually(lambda one=session_id: system.browser_pid(one), "its browser is attached")
    system.wait_for_node()
    for session_id in linked(system):
        assert system.session(session_id)["status"] == "connected"
    assert system.browsers() == browsers
    after = system.standin.stats()
    assert after["index_loads"] == before["index_loads"]
    assert after["refs_issued"] == before["refs_issued"]


def test_a_pool_stopped_with_keep_leaves_its_browsers_to_the_next(system: System) -> None:
    system.stop("pool")
    system.start("pool", ON_STOP="keep")
    for session_id in linked(system):
        system.until(session_id, "connected")
    before, browsers = system.standin.stats(), system.browsers()
    system.stop("pool")
    assert system.browsers() == browsers
    system.start("pool")
    for session_id in linked(system):
        eventually(lambda one=session_id: system.browser_pid(one), "its browser is attached")
        system.until(session_id, "connected")
    assert system.standin.stats()["index_loads"] == before["index_loads"]


def test_killed_browsers_come_back_without_a_qr(system: System) -> None:
    refs = system.standin.stats()["refs_issued"]
    heard = {one: system.receiver.types(one).count("session_reconnected") for one in linked(system)}
    for session_id in linked(system):
        os.killpg(system.browser_pid(session_id), signal.SIGKILL)
    for session_id in linked(system):
        eventually(
            lambda one=session_id: system.receiver.types(one).count("session_reconnected") == heard[one] + 1,
            "it reconnected, once",
        )
        assert system.until(session_id, "connected")["phone_number"] is not None
    assert system.standin.stats()["refs_issued"] == refs
    assert system.standin.stats()["double_runs"] == 0


def test_browsers_and_pool_killed_together_come_back_without_a_qr(system: System) -> None:
    refs = system.standin.stats()["refs_issued"]
    system.kill("pool")
    for pid in system.browsers():
        os.killpg(pid, signal.SIGKILL)
    eventually(lambda: not system.browsers(), "every browser is gone")
    system.start("pool")
    for session_id in linked(system):
        eventually(lambda one=session_id: system.browser_pid(one), "a browser is back")
        system.until(session_id, "connected")
    assert system.standin.stats()["refs_issued"] == refs
    assert system.standin.stats()["double_runs"] == 0


def test_a_lost_socket_is_told_only_when_it_stays_lost(system: System) -> None:
    session_id = linked(system)[0]
    number = system.session(session_id)["phone_number"]
    heard = system.receiver.types(session_id).count("session_disconnected")
    system.standin.offline(number, 5)
    eventually(
        lambda: system.receiver.types(session_id).count("session_disconnected") == heard + 1,
        "the backend was told",
    )
    told = [one.data for one in system.receiver.of_type("session_disconnected")]
    assert [one["reason_code"] for one in told if one["session_id"] == session_id][-1] == "socket_lost"
    system.until(session_id, "connected")


def test_every_webhook_arrived_once_and_in_order(system: System) -> None:
    for session_id in linked(system):
        types = system.receiver.types(session_id)
        assert types.count("session_ready") == 1
        assert types.index("qr_code_generated") < types.index("session_authenticated")
        assert types.index("session_authenticated") < types.index("session_ready")
    ids = [one.id for one in system.receiver.received]
    assert len(ids) == len(set(ids))
