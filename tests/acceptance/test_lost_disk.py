"""Logins outlive the disk they lie on: nothing of a node is left but its object store, and no QR is asked."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.system import System
from tests.waiting import eventually

pytestmark = pytest.mark.browser
COUNT = 6
QUICK = {"SNAPSHOT_QUIET_SECONDS": "0.3", "LEASE_TTL_SECONDS": "5"}


def mirrored(directory: Path, **environ: str) -> System:
    """A system whose registry and store lie outside of the node's data directory."""
    return System(
        directory,
        DATABASE_URL=f"sqlite:///{directory}/registry.db",
        SNAPSHOT_KEY=base64.b64encode(secrets.token_bytes(32)).decode(),
        SNAPSHOT_URL=f"file://{directory}/store",
        **{**QUICK, **environ},
    )


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with mirrored(tmp_path_factory.mktemp("system")) as running:
        yield running


def linked(system: System, phone_number: str) -> str:
    """A linked session whose login is in the store."""
    session_id: str = system.link(phone_number)["id"]
    system.until(session_id, lambda one: one["snapshot"] is not None)
    settled(system, session_id)
    return session_id


def settled(system: System, session_id: str) -> str:
    """The id of its newest snapshot, once everything that it wrote after the link is saved."""

    def quiet() -> str | None:
        before = system.session(session_id)["snapshot"]["id"]
        now = system.call("POST", f"/api/sessions/{session_id}/snapshot").json()["snapshot"]["id"]
        return before if before == now else None

    snapshot_id = eventually(quiet, "nothing more is to be saved")
    assert snapshot_id is not None
    return snapshot_id


def lose_machine(system: System) -> None:
    """kill -9 to everything of the node, and its disk with it."""
    system.kill("pool")
    for pid in system.browsers():
        os.killpg(pid, signal.SIGKILL)
    eventually(lambda: not system.browsers(), "the browsers are gone")
    shutil.rmtree(system.data_dir)


def restored(system: System, session_id: str) -> None:
    """It is back from a snapshot. (Its status says "connected" until the new node reports.)"""
    eventually(lambda: "session_restored" in system.receiver.types(session_id), "it was restored", 60)
    system.until(session_id, "connected")


def close_pool(system: System) -> None:
    """An orderly stop: browsers closed, profiles on disk."""
    system.stop("pool")
    assert not system.browsers()


def health(system: System) -> dict[str, Any]:
    body: dict[str, Any] = requests.get(f"{system.pool_url}/health", timeout=5).json()
    return body


def test_a_lost_disk_costs_no_login(system: System) -> None:
    ids = [linked(system, f"+62812345200{index}") for index in range(COUNT)]
    refs = system.standin.stats()["refs_issued"]
    lose_machine(system)
    system.start("pool")
    for session_id in ids:
        restored(system, session_id)
        assert system.session(session_id)["phone_number"] is not None
    assert system.standin.stats()["refs_issued"] == refs
    assert system.standin.stats()["double_runs"] == 0
    for session_id in ids:
        assert system.call("DELETE", f"/api/sessions/{session_id}").status_code == 200
    eventually(lambda: store_names(system) == {"keyring"}, "a deleted session leaves nothing in the store")


def store_names(system: System) -> set[str]:
    root = system.directory / "store" / "v1"
    return {path.name for path in root.iterdir() if path.is_file() or any(path.rglob("*"))}


def test_a_profile_that_lost_its_login_is_replaced_and_kept_aside(system: System) -> None:
    numbers = ["+628123452100", "+628123452101"]
    ids = [linked(system, number) for number in numbers]
    close_pool(system)
    for session_id in ids:
        shutil.rmtree(system.data_dir / "profiles" / session_id / "chromium" / "Default" / "IndexedDB")
    refs = system.standin.stats()["refs_issued"]
    system.start("pool")
    for session_id in ids:
        restored(system, session_id)
        assert "qr_code_generated" not in system.receiver.types(session_id)[-3:]
        assert len(put_aside(system, session_id)) == 1
    # each page came up without a login and asked for a ref, but nobody was shown one
    assert system.standin.stats()["refs_issued"] <= refs + 2
    delete(system, ids[0])
    assert not put_aside(system, ids[0])
    system.standin.revoke(numbers[1])
    system.until(ids[1], "logged_out")
    eventually(lambda: not put_aside(system, ids[1]), "nothing is kept of a device that the phone removed")
    delete(system, ids[1])


def put_aside(system: System, session_id: str) -> list[Path]:
    return list((system.data_dir / "profiles-aside").glob(f"{session_id}-*"))


def delete(system: System, session_id: str) -> None:
    system.call("DELETE", f"/api/sessions/{session_id}")
    eventually(lambda: session_id not in system.browsers().values(), "its browser is gone")
    root = system.data_dir / "profiles" / session_id
    eventually(lambda: not root.exists(), "its profile is gone")


def test_a_store_that_is_away_is_waited_for(system: System) -> None:
    session_id = linked(system, "+628123452101")
    lose_machine(system)
    store, away = system.directory / "store", system.directory / "away"
    store.rename(away)
    store.write_text("where the mount should be")
    system.start("pool")
    eventually(lambda: health(system)["snapshots"]["state"] == "away", "the node says that its store is away")
    system.until(session_id, lambda one: one["status"] == "reconnecting")
    assert "session_logged_out" not in system.receiver.types(session_id)
    store.unlink()
    away.rename(store)
    restored(system, session_id)
    assert "session_failed" not in system.receiver.types(session_id)
    delete(system, session_id)


def test_an_empty_store_is_not_believed_when_a_snapshot_was_saved(system: System) -> None:
    session_id = linked(system, "+628123452106")
    lose_machine(system)
    system.start("pool", SNAPSHOT_URL=f"file://{system.directory}/elsewhere")
    eventually(lambda: "is it the right store" in system.story(session_id), "it says what is wrong")
    system.until(session_id, "reconnecting")
    system.kill("pool")
    system.start("pool")
    restored(system, session_id)
    delete(system, session_id)


def test_a_damaged_snapshot_is_noticed_and_the_one_before_serves(system: System) -> None:
    session_id = linked(system, "+628123452102")
    first = settled(system, session_id)
    (system.data_dir / "profiles" / profile_name(system) / "local_storage.json").touch()
    eventually(lambda: newer(system, session_id, first), "a newer snapshot is saved")
    lose_machine(system)
    manifests = (system.directory / "store").glob("v1/*/m/*")
    manifest = max(manifests, key=lambda path: path.name)
    data = bytearray(manifest.read_bytes())
    data[len(data) // 2] ^= 1
    manifest.write_bytes(data)
    system.start("pool")
    restored(system, session_id)
    assert "snapshot_corrupt" in system.log("pool")
    delete(system, session_id)


def profile_name(system: System) -> str:
    (name,) = (path.name for path in (system.data_dir / "profiles").iterdir() if path.is_dir())
    return name


def newer(system: System, session_id: str, than: str) -> str | None:
    snapshot_id: str = system.call("POST", f"/api/sessions/{session_id}/snapshot").json()["snapshot"]["id"]
    return None if snapshot_id == than else snapshot_id


def test_a_device_removed_while_nobody_looked_is_logged_out_and_not_restored_for_ever(
    system: System,
) -> None:
    session_id = linked(system, "+628123452103")
    close_pool(system)
    system.standin.revoke("+628123452103")
    system.start("pool")
    ended = system.until(session_id, lambda one: one["status"] in ("logged_out", "failed"), 90)
    assert ended["status"] == "logged_out"
    delete(system, session_id)


def test_an_idle_session_costs_no_request_and_a_restarted_pool_asks_for_nothing(system: System) -> None:
    session_id = linked(system, "+628123452104")
    settled(system, session_id)
    before = listing(system)
    close_pool(system)
    system.start("pool")
    system.until(session_id, "connected")
    settled(system, session_id)
    assert before.items() <= listing(system).items() or listing(system)
    again = listing(system)
    looks = system.log("pool").count("snapshot_saved")
    system.call("GET", f"/api/sessions/{session_id}")
    assert listing(system) == again
    assert system.log("pool").count("snapshot_saved") == looks
    delete(system, session_id)


def listing(system: System) -> dict[str, int]:
    root = system.directory / "store"
    return {
        str(path.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()
    }


def test_mirroring_switched_off_and_on_again_loses_nothing(system: System) -> None:
    session_id = linked(system, "+628123452105")
    first = settled(system, session_id)
    close_pool(system)
    system.start("pool", AUTH_STRATEGY="local")
    system.until(session_id, "connected")
    refused = system.call("POST", f"/api/sessions/{session_id}/snapshot")
    assert (refused.status_code, refused.json()["code"]) == (409, "snapshots_off")
    close_pool(system)
    system.start("pool")
    system.until(session_id, "connected")
    system.until(session_id, lambda one: one["snapshot"]["id"] != first)
    lose_machine(system)
    system.start("pool")
    restored(system, session_id)
    delete(system, session_id)
