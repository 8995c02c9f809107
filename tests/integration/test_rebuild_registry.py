"""A lost registry from the snapshots: the accounts come back by themselves, and nobody scans a QR."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from storage.clock import SystemClock
from storage.database import open_database, sqlite_url
from storage.models import SessionStatus, Wanted
from storage.registry_rebuild import plan, rebuild
from storage.session_table import SessionTable
from tests.fakes.snapshot_shop import KEY, SnapshotShop
from tests.fakes.vaults import PHONE, WORKSPACE_ID
from tests.system import System
from tests.waiting import eventually

OTHER_WORKSPACE = "01JQZ3N8K2V5W7X9Y1B4C6D8ZZ"


@pytest.fixture
def shop(tmp_path: Path) -> SnapshotShop:
    return SnapshotShop(tmp_path)


def settled(system: System, session_id: str) -> None:
    """Everything that it wrote after the link is saved."""
    system.until(session_id, lambda one: one["snapshot"] is not None)

    def quiet() -> bool:
        before = system.session(session_id)["snapshot"]["id"]
        now = system.call("POST", f"/api/sessions/{session_id}/snapshot").json()["snapshot"]["id"]
        return bool(before == now)

    eventually(quiet, "nothing more is to be saved")


@pytest.mark.browser
def test_after_registry_and_disk_are_lost_every_account_connects_without_a_qr(tmp_path: Path) -> None:
    environ = {
        "SNAPSHOT_KEY": KEY,
        "SNAPSHOT_URL": f"file://{tmp_path}/store",
        "SNAPSHOT_QUIET_SECONDS": "0.3",
    }
    with System(tmp_path, **environ) as system:
        first = system.link("+6281234567890", reference="customer-7", metadata={"plan": "gold"})["id"]
        second = system.link("+6281234567891", keep_alive=True)["id"]
        for session_id in (first, second):
            settled(system, session_id)
        before = system.standin.stats()
        system.stop("pool")
        system.kill("functions")
        system.kill("deliverer")
        shutil.rmtree(system.data_dir)

        shop = SnapshotShop(tmp_path, system.data_dir, **system.environ)
        wrong = shop.run("rebuild-registry", SNAPSHOT_URL=f"file://{tmp_path}/nothing")
        assert (wrong.returncode, wrong.stdout) == (2, "")
        said = shop.json("rebuild-registry")
        assert {one["session_id"] for one in said["sessions"]} == {first, second}
        (workspace,) = said["workspaces"]
        assert workspace["workspace_id"] == system.workspace_id
        key = shop.cli("keys", "create", system.workspace_id, "--json")
        system.api_key = json.loads(key.stdout)["api_key"]
        shop.cli("webhooks", "add", system.workspace_id, system.receiver.url())
        system.receiver.secret = workspace["webhook_secret"]

        for name in ("functions", "pool", "deliverer"):
            system.start(name)
        for session_id in (first, second):
            system.until(session_id, "connected", within=60)
        back = system.session(first)
        assert (back["reference"], back["metadata"]) == ("customer-7", {"plan": "gold"})
        assert (back["phone_number"], back["is_primary"]) == ("+6281234567890", True)
        again = system.session(second)
        assert (again["is_primary"], again["keep_alive"]) == (False, True)
        after = system.standin.stats()
        assert (after["links"], after["refs_issued"]) == (before["links"], before["refs_issued"])
        assert after["double_runs"] == 0
        settled(system, first)


def rebuilt(shop: SnapshotShop) -> dict[str, Any]:
    """Sessions of the registry by id."""
    database = open_database(sqlite_url(str(shop.data_dir)))
    try:
        return {one.id: one for one in SessionTable(database).recent()}
    finally:
        database.close()


def test_sessions_come_back_linked_wanted_and_without_a_node(shop: SnapshotShop) -> None:
    record = {"workspace_name": "Toko Bunga", "is_primary": True, "region": "sg", "keep_alive": True}
    saved = shop.save(generation=7, record={**record, "webhook_url": "https://example.com/hooks"})
    said = shop.run("rebuild-registry")
    assert said.returncode == 0
    assert PHONE not in said.stdout
    assert "keys create" in said.stdout
    assert "whsec_" in said.stdout
    session = rebuilt(shop)[saved.about.session_id]
    assert (session.status, session.wanted) == (SessionStatus.RECONNECTING, Wanted.OPEN)
    assert session.node_id is None
    assert session.generation > 7
    assert session.start_seq == session.generation
    assert (session.phone_number, session.snapshot_id) == (PHONE, saved.id)
    assert (session.is_primary, session.region, session.keep_alive) == (True, "sg", True)
    assert "Toko Bunga" in shop.cli("workspaces", "list").stdout
    assert "https://example.com/hooks" in shop.cli("webhooks", "list").stdout


def test_a_dry_run_writes_nothing_and_a_registry_in_use_is_left_alone(shop: SnapshotShop) -> None:
    shop.save()
    said = shop.run("rebuild-registry", "--dry-run")
    assert said.returncode == 0
    assert "1 workspaces and 1 sessions would be written" in said.stdout
    assert not (shop.data_dir / "registry.db").exists()
    assert shop.run("rebuild-registry").returncode == 0
    again = shop.run("rebuild-registry")
    assert (again.returncode, again.stdout) == (2, "")
    assert "only an empty one can be rebuilt" in again.stderr


def test_what_cannot_be_read_stops_it_unless_told_otherwise(shop: SnapshotShop) -> None:
    good, bad = shop.save(), shop.save()
    root = shop.data_dir / "snapshots" / "v1" / shop.vault.session(bad.about.session_id).name
    for path in [root / "head", *(root / "m").iterdir()]:
        path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))
    said = shop.run("rebuild-registry")
    assert said.returncode == 2
    assert "1 sessions cannot be read" in said.stderr
    assert not (shop.data_dir / "registry.db").exists()
    assert len(shop.json("list")["unreadable"]) == 1
    skipped = shop.json("rebuild-registry", "--skip-unreadable")
    assert len(skipped["unreadable"]) == 1
    assert set(rebuilt(shop)) == {good.about.session_id}


def test_each_workspace_has_one_primary_and_older_links_of_a_number_are_told(shop: SnapshotShop) -> None:
    def saved(number: str, created_at: str, **more: Any) -> Any:
        record = {"created_at": created_at, **more}
        return shop.save(phone_number=number, record=record)

    old = saved("+6281234500001", "2026-01-01T00:00:00.000Z", is_primary=True)
    new = saved("+6281234500001", "2026-02-01T00:00:00.000Z", is_primary=True)
    elsewhere = shop.save(
        workspace_id=OTHER_WORKSPACE, phone_number="+6281234500001", record={"metadata": []}
    )
    planned = plan([old, new, elsewhere])
    assert planned.workspaces == {
        WORKSPACE_ID: f"restored {WORKSPACE_ID}",
        OTHER_WORKSPACE: f"restored {OTHER_WORKSPACE}",
    }
    assert planned.shared_numbers == [old.about.session_id]
    assert {one.id for one in planned.sessions if one.is_primary} == {
        new.about.session_id,
        elsewhere.about.session_id,
    }
    database = open_database(sqlite_url(str(shop.data_dir)))
    database.migrate()
    rebuild(database, SystemClock(), planned)
    database.close()
    assert len(rebuilt(shop)) == 3
