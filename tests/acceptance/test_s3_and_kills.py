"""Logins in a real S3 server: cut off, killed in the middle of a save, and brought back."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import requests

from tests.s3_server import SHARED_BUCKET, S3Server
from tests.system import System
from tests.waiting import eventually

pytestmark = pytest.mark.browser
KILLS = 6


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, seaweed: S3Server) -> Iterator[System]:
    directory = tmp_path_factory.mktemp("system")
    with System(
        directory,
        DATABASE_URL=f"sqlite:///{directory}/registry.db",
        SNAPSHOT_KEY=base64.b64encode(secrets.token_bytes(32)).decode(),
        SNAPSHOT_URL=f"s3://{SHARED_BUCKET}/{secrets.token_hex(4)}",
        S3_ENDPOINT_URL=seaweed.url,
        SNAPSHOT_QUIET_SECONDS="0.3",
        **{name: value for name, value in seaweed.environment.items() if value},
    ) as running:
        yield running


def snapshots_state(system: System) -> str:
    state: str = requests.get(f"{system.pool_url}/health", timeout=5).json()["snapshots"]["state"]
    return state


def lose_machine(system: System) -> None:
    system.kill("pool")
    for pid in system.browsers():
        os.killpg(pid, signal.SIGKILL)
    eventually(lambda: not system.browsers(), "the browsers are gone")
    shutil.rmtree(system.data_dir)


def restored(system: System, session_id: str, times: int) -> None:
    eventually(
        lambda: system.receiver.types(session_id).count("session_restored") == times, "it was restored", 60
    )
    system.until(session_id, "connected")


def test_a_pool_killed_in_the_middle_of_saves_leaves_a_good_snapshot_and_the_profile(system: System) -> None:
    session_id: str = system.link("+628123452300")["id"]
    system.until(session_id, lambda one: one["snapshot"] is not None)
    profile = next(path for path in (system.data_dir / "profiles").iterdir() if path.is_dir())
    for number in range(KILLS):
        (profile / "local_storage.json").touch()  # something to save
        asked = threading.Thread(
            target=_ask_for_snapshot, args=(system, session_id), name=f"save-{number}", daemon=True
        )
        asked.start()
        # somewhere in the 30 ms of a save, a little later each time
        asked.join(0.006 * number)
        system.kill("pool")
        asked.join(30)
        assert (profile / "chromium").is_dir()
        system.start("pool")
        eventually(lambda: system.browser_pid(session_id), "its browser is attached")
    eventually(lambda: snapshots_state(system) == "open", "the store is open")
    assert system.call("POST", f"/api/sessions/{session_id}/snapshot").status_code == 200
    lose_machine(system)
    system.start("pool")
    restored(system, session_id, 1)
    assert not (system.data_dir / "snapshot-staging").exists() or not list(
        (system.data_dir / "snapshot-staging").iterdir()
    )


def _ask_for_snapshot(system: System, session_id: str) -> None:
    headers = {"Authorization": f"Bearer {system.environ['POOL_SECRET']}"}
    try:
        requests.post(
            f"{system.pool_url}/sessions/{session_id}/snapshot", headers=headers, json={}, timeout=20
        )
    except requests.RequestException:
        return  # the pool was killed under it: that is the point


def test_a_pool_killed_in_the_middle_of_a_restore_restores_again(system: System) -> None:
    session_id: str = system.link("+628123452301")["id"]
    system.until(session_id, lambda one: one["snapshot"] is not None)
    before = len(system.receiver.types(session_id))
    lose_machine(system)
    for delay in (0.1, 0.3, 0.5):
        system.start("pool")
        # somewhere between opening the store and the page that comes up
        threading.Event().wait(delay)
        system.kill("pool")
        for pid in system.browsers():
            with suppress(ProcessLookupError):  # it was ending by itself
                os.killpg(pid, signal.SIGKILL)
        eventually(lambda: not system.browsers(), "the browsers are gone")
    system.start("pool")
    system.wait_for_node()
    eventually(lambda: "session_reconnected" in system.receiver.types(session_id)[before:], "it is back", 60)
    assert "session_failed" not in system.receiver.types(session_id)
    assert "session_logged_out" not in system.receiver.types(session_id)
    assert system.standin.stats()["double_runs"] == 0


def test_sessions_go_on_while_s3_refuses_and_are_saved_when_it_does_not(system: System) -> None:
    session_id: str = system.link("+628123452302")["id"]
    first = system.until(session_id, lambda one: one["snapshot"] is not None)["snapshot"]["id"]
    system.stop("pool")
    system.start("pool", AWS_SECRET_ACCESS_KEY="not-the-secret")
    system.until(session_id, "connected")
    assert snapshots_state(system) == "away"
    refused = system.call("POST", f"/api/sessions/{session_id}/snapshot")
    assert refused.status_code == 503, refused.text
    assert "AWS_SECRET_ACCESS_KEY" in refused.json()["detail"] or "credential" in refused.json()["detail"]
    system.stop("pool")
    system.start("pool")
    system.until(session_id, lambda one: one["snapshot"]["id"] != first)


def test_a_wrong_key_is_told_and_nothing_is_touched(system: System) -> None:
    session_id: str = system.link("+628123452303")["id"]
    saved = system.until(session_id, lambda one: one["snapshot"] is not None)["snapshot"]["id"]
    system.stop("pool")
    other = base64.b64encode(secrets.token_bytes(32)).decode()
    system.start("pool", SNAPSHOT_KEY=other)
    eventually(lambda: snapshots_state(system) == "refused", "the store is refused")
    assert "SNAPSHOT_KEY" in system.log("pool").split("SNAPSHOT_STORE_REFUSED")[1][:600]
    system.until(session_id, "connected")
    system.kill("pool")
    system.start("pool")
    eventually(lambda: snapshots_state(system) == "open", "the store is open")
    assert system.session(session_id)["snapshot"]["id"] >= saved
