"""New browsers start with the caches of a good one and with keys of their own; what harms is thrown away."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from browser_pool.golden_profile import CACHES, NEVER
from tests.system import System
from tests.waiting import eventually

pytestmark = pytest.mark.browser
ON = {"GOLDEN_PROFILE": "on"}
OTHER_VERSION = "2.3000.1050000000"


def manifest(system: System) -> dict[str, Any]:
    """What stands in the golden profile; empty while there is none."""
    try:
        body: dict[str, Any] = json.loads((system.data_dir / "golden" / "manifest.json").read_text())
    except FileNotFoundError:
        return {}
    return body


def health(system: System) -> dict[str, Any]:
    body: dict[str, Any] = requests.get(f"{system.pool_url}/health", timeout=5).json()
    return body


def logged(system: System, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in system.log("pool").splitlines() if f'"{event}"' in line]
    return [line for line in lines if line["event"] == event]


def shows_qr(system: System, **wanted: Any) -> tuple[str, list[str]]:
    """(session id, parts of the QR) of a new session."""
    session_id = system.create(**wanted)["id"]
    shown = system.until(session_id, lambda one: one["qr"] is not None)
    return session_id, shown["qr"]["text"].split(",")


def is_built(system: System) -> dict[str, Any]:
    eventually(lambda: logged(system, "golden_built"), "the golden profile is built")
    return manifest(system)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), **ON) as running:
        shows_qr(running)
        is_built(running)
        yield running


def test_two_sessions_from_one_golden_profile_share_no_key(system: System) -> None:
    before = len(logged(system, "golden_copied"))
    (_, first), (_, second) = shows_qr(system), shows_qr(system)
    assert len(logged(system, "golden_copied")) == before + 2
    assert not set(first[:4]) & set(second[:4])


def test_it_holds_caches_and_no_identity(system: System) -> None:
    golden = system.data_dir / "golden"
    assert {path.name for path in (golden / "Default").iterdir()} <= set(CACHES)
    assert not [path for path in golden.rglob("*") if path.name in NEVER]
    about = manifest(system)
    assert about["files"] > 10
    assert about["bytes"] > 50_000
    assert about["chromium"] == health(system)["chromium"]
    assert health(system)["golden"] == {"web_version": about["web"], "built_at": about["built_at"]}
    _, parts = shows_qr(system)
    texts = [part.encode() for part in parts[:4]]
    held = b"".join(path.read_bytes() for path in golden.rglob("*") if path.is_file())
    assert not [text for text in texts if text in held]


def test_a_browser_that_starts_from_it_loads_no_asset_again(system: System) -> None:
    before = system.standin.stats()["asset_loads"]
    shows_qr(system)
    assert system.standin.stats()["asset_loads"] == before


def test_a_build_leaves_neither_browser_nor_directory(system: System) -> None:
    held = {one["id"] for one in system.pool_call("GET", "/sessions")["sessions"]}
    assert set(system.browsers().values()) == held
    assert {path.name for path in (system.data_dir / "profiles").iterdir()} == held
    assert not [path for path in system.data_dir.iterdir() if path.suffix in (".new", ".old")]


def test_a_login_on_disk_is_left_as_it_is(system: System) -> None:
    session = system.link("+6281234567890")
    system.stop("pool")
    system.start("pool")
    copies = len(logged(system, "golden_copied"))
    system.until(session["id"], "connected")
    eventually(lambda: "session_reconnected" in system.receiver.types(session["id"]), "it is back")
    assert not [line for line in logged(system, "golden_copied")[copies:] if line["profile"] == session["id"]]
    assert system.standin.stats()["links"] == 1


def test_another_version_of_chromium_or_of_the_site_builds_it_anew(tmp_path: Path) -> None:
    with System(tmp_path, **ON) as system:
        shows_qr(system)
        first = is_built(system)
        system.standin.options(version=OTHER_VERSION)
        shows_qr(system)
        eventually(lambda: manifest(system).get("web") == OTHER_VERSION, "the new version's is built")
        assert manifest(system)["built_at"] > first["built_at"]
        system.stop("pool")
        older = {**manifest(system), "chromium": "1.2.3.4"}
        (system.data_dir / "golden" / "manifest.json").write_text(json.dumps(older))
        system.start("pool")
        eventually(lambda: not manifest(system), "one of another Chromium is gone")
        shows_qr(system)
        eventually(lambda: manifest(system).get("chromium") == first["chromium"], "it is built again")


def test_one_that_does_harm_is_removed_and_not_built_again(tmp_path: Path) -> None:
    hurry = {"LOAD_TIMEOUT_SECONDS": "3", "FIRST_QR_TIMEOUT_SECONDS": "2"}
    with System(tmp_path, {"sw_keeps_index": True}, **hurry, **ON) as system:
        shows_qr(system)
        is_built(system)
        poison(system)
        shows_qr(system)
        eventually(lambda: logged(system, "golden_removed"), "the harm was noticed")
        assert len(logged(system, "golden_suspected")) == 1
        assert not (system.data_dir / "golden").exists()
        shows_qr(system)
        assert len(logged(system, "golden_built")) == 1
        assert manifest(system) == {}


def poison(system: System) -> None:
    """Caches that make the site's script fail: every cached script is one letter off."""
    for path in (system.data_dir / "golden").rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            path.write_bytes(raw.replace(b"window.require = ", b"window.require_= "))


def test_a_pool_killed_while_it_builds_leaves_nothing(tmp_path: Path) -> None:
    with System(tmp_path, **ON) as system:
        shows_qr(system)

        def building() -> list[str]:
            return [name for name in system.browsers().values() if name.startswith("warm-golden-")]

        eventually(building, "a golden profile is being built")
        system.kill("pool")
        shutil.rmtree(system.data_dir / "golden", ignore_errors=True)
        system.start("pool")
        eventually(lambda: '"sessions_resumed"' in system.log("pool"), "the next pool took over")
        assert not building()
        profiles = [path.name for path in (system.data_dir / "profiles").iterdir()]
        assert not [name for name in profiles if name.startswith("warm-golden-")]
        shows_qr(system)
        eventually(lambda: manifest(system), "the next pool builds one")


def test_a_build_gives_way_to_a_session_that_waits(tmp_path: Path) -> None:
    with System(tmp_path, MAX_SLOTS="2", START_CONCURRENCY="1", **ON) as system:
        first, _ = shows_qr(system)
        eventually(lambda: len(system.browsers()) == 2, "a golden profile is being built")
        shows_qr(system)
        assert not manifest(system)
        os.killpg(system.browser_pid(first), signal.SIGKILL)
        eventually(lambda: logged(system, "golden_gave_way"), "it gave way")
