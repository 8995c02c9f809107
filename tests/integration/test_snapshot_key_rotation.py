"""The steps of docs/rotation.md for SNAPSHOT_KEY, with the command line and a node as processes."""

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from storage.key_wrap import LocalKeyWrap
from tests.fakes.snapshot_shop import KEY, LOGIN, SECRET, SnapshotShop
from tests.fakes.vaults import contents_of
from tests.system import System
from tests.waiting import eventually

NEW_SECRET = os.urandom(32)
NEW, OTHER = base64.b64encode(NEW_SECRET).decode(), base64.b64encode(os.urandom(32)).decode()
OLD_ID, NEW_ID = LocalKeyWrap(SECRET).key_id, LocalKeyWrap(NEW_SECRET).key_id
LEARNT = {"SNAPSHOT_KEY": KEY, "SNAPSHOT_KEY_OLD": NEW}
USED = {"SNAPSHOT_KEY": NEW, "SNAPSHOT_KEY_OLD": KEY}
FORGOTTEN = {"SNAPSHOT_KEY": NEW}


def rewrap(shop: SnapshotShop, environ: Mapping[str, str], *more: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what it says."""
    done = shop.run("rewrap", "--json", *more, **environ)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def refused(shop: SnapshotShop, environ: Mapping[str, str]) -> str:
    """In one line, with exit code 2, and without the key itself."""
    done = shop.run("rewrap", **environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert not any(key in done.stderr for key in (KEY, NEW, OTHER))
    return done.stderr


def test_the_command_replaces_a_key_and_old_snapshots_restore_without_the_old_one(tmp_path: Path) -> None:
    shop = SnapshotShop(tmp_path)
    saved = [shop.save() for _ in range(3)]
    assert shop.run("verify", "--all", **LEARNT).returncode == 0
    code, said = rewrap(shop, USED, "--dry-run")
    assert (code, said["left"], said["rewrapped"], said["dry_run"]) == (1, 4, 0, True)
    assert shop.run("verify", "--all", **USED).returncode == 0
    code, said = rewrap(shop, USED)
    assert (code, said) == (
        0,
        {
            "key_id": NEW_ID,
            "dry_run": False,
            "rewrapped": 4,
            "already": 0,
            "failed": 0,
            "left": 0,
            "problems": [],
        },
    )
    assert rewrap(shop, USED, "--dry-run")[0] == 0
    assert rewrap(shop, FORGOTTEN)[1]["already"] == 4
    assert NEW_ID in refused(shop, {})  # who has the old key alone is told which one it needs
    target = tmp_path / "restored"
    done = shop.run("restore", saved[0].about.session_id, "--to", str(target), **FORGOTTEN)
    assert (done.returncode, contents_of(target)) == (0, LOGIN)
    told = [json.loads(line) for line in (shop.data_dir / "audit.jsonl").read_text().splitlines()]
    about = [line["subjects"] for line in told if line["action"] == "snapshots.rewrap"]
    assert about == [{"key_id": NEW_ID}] * 2


def test_a_wrong_old_key_changes_nothing_and_what_is_left_is_told(tmp_path: Path) -> None:
    shop = SnapshotShop(tmp_path)
    key_of = {shop.save().about.session_id: "" for _ in range(2)}
    paths = [shop.data_dir / "snapshots/v1" / shop.vault.session(one).name / "key" for one in key_of]
    before = [path.read_bytes() for path in paths]
    line = refused(shop, {**USED, "SNAPSHOT_KEY_OLD": OTHER})
    assert "SNAPSHOT_KEY_OLD holds local:" in line
    assert f"made with key {OLD_ID}" in line
    assert "SNAPSHOT_KEY_OLD is not base64; give the key that" in refused(
        shop, {**FORGOTTEN, "SNAPSHOT_KEY_OLD": "?"}
    )
    assert [path.read_bytes() for path in paths] == before
    third = LocalKeyWrap(base64.b64decode(OTHER))
    paths[0].write_bytes(third.wrap(os.urandom(32), paths[0].parent.name).to_bytes())
    done = shop.run("rewrap", **USED)
    assert done.returncode == 1
    assert ["rewrapped", "1"] in [line.split() for line in done.stdout.splitlines()]
    assert f"failed: v1/{paths[0].parent.name}/key: SNAPSHOT_KEY is key {NEW_ID}" in done.stderr
    assert "2 keys are left. Keep SNAPSHOT_KEY_OLD everywhere" in done.stderr
    both = {**USED, "SNAPSHOT_KEY_OLD": f"{KEY},{OTHER}"}
    assert shop.run("rewrap", **both).returncode == 0
    assert shop.run("rewrap", "--dry-run", **FORGOTTEN).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's files need root")
def test_files_of_the_pools_user_are_not_taken_from_it(tmp_path: Path) -> None:
    shop = SnapshotShop(tmp_path)
    shop.save()
    subprocess.run(["chown", "-R", "65534", shop.data_dir / "snapshots"], check=True)
    assert "run this as that user" in refused(shop, USED)


@pytest.mark.browser
def test_a_node_saves_at_every_step(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/store"
    with System(tmp_path, SNAPSHOT_URL=url, **LEARNT) as system:
        session_id = system.link("+6281234567890")["id"]
        system.until(session_id, lambda one: one["snapshot"] is not None)
        operator = SnapshotShop(tmp_path, tmp_path / "operator", SNAPSHOT_URL=url)

        def restarted(environ: Mapping[str, str]) -> None:
            system.stop("pool")
            system.environ.pop("SNAPSHOT_KEY_OLD", None)
            system.environ.update(environ)
            system.start("pool")
            system.until(session_id, "connected")
            eventually(lambda: state(system) == "open", "the store is opened")

        def saves() -> bool:
            return system.call("POST", f"/api/sessions/{session_id}/snapshot").status_code == 200

        assert saves()
        restarted(USED)
        assert saves()
        assert rewrap(operator, USED)[0] == 0  # while the node runs
        assert saves()
        restarted(FORGOTTEN)
        assert saves()
        assert system.standin.stats()["refs_issued"] == 1


def state(system: System) -> str:
    """What the node's health says of its store."""
    return str(system.pool_call("GET", "/health")["snapshots"]["state"])
