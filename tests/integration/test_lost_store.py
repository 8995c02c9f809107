"""The object store or its key is lost, the logins still lie on the disk: a new place, and all is saved."""

import secrets
from base64 import b64encode
from pathlib import Path

import pytest

from tests.fakes.snapshot_shop import KEY
from tests.system import System
from tests.waiting import eventually

pytestmark = pytest.mark.browser


def state(system: System) -> str:
    """What the pool's health says of its store."""
    return str(system.pool_call("GET", "/health")["snapshots"]["state"])


def test_with_another_key_a_session_runs_on_and_is_saved_to_a_new_place(tmp_path: Path) -> None:
    with System(tmp_path, SNAPSHOT_KEY=KEY, SNAPSHOT_URL=f"file://{tmp_path}/store") as system:
        session_id = system.link("+6281234567890")["id"]
        first = system.until(session_id, lambda one: one["snapshot"] is not None)["snapshot"]["id"]
        system.stop("pool")
        system.environ["SNAPSHOT_KEY"] = b64encode(secrets.token_bytes(32)).decode()
        system.start("pool")
        eventually(lambda: state(system) == "refused", "the store of another key is refused")
        system.until(session_id, "connected")

        system.stop("pool")
        system.environ["SNAPSHOT_URL"] = f"file://{tmp_path}/new"
        system.start("pool")
        eventually(lambda: state(system) == "open", "the new place is used")
        system.until(session_id, "connected")
        assert system.call("POST", f"/api/sessions/{session_id}/snapshot").status_code == 200
        system.until(session_id, lambda one: one["snapshot"]["id"] != first)
        assert list((tmp_path / "new" / "v1").glob("*/head"))
        assert system.standin.stats()["refs_issued"] == 1


def test_a_store_without_its_keyring_is_waited_for_and_used_when_it_is_put_back(tmp_path: Path) -> None:
    with System(tmp_path, SNAPSHOT_KEY=KEY, SNAPSHOT_URL=f"file://{tmp_path}/store") as system:
        session_id = system.link("+6281234567890")["id"]
        system.until(session_id, lambda one: one["snapshot"] is not None)
        system.stop("pool")
        keyring = tmp_path / "store" / "v1" / "keyring"
        keyring.rename(tmp_path / "keyring")
        system.start("pool")
        eventually(lambda: "its keyring is gone" in system.log("pool"), "it is told")
        system.until(session_id, "connected")
        assert state(system) == "away"
        (tmp_path / "keyring").rename(keyring)
        eventually(lambda: state(system) == "open", "it is used again")
