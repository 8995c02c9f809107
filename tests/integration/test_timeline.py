"""A session explains itself: in the API to its workspace, on the command line to the operator."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.events import EventType as E
from tests.fakes import fixtures
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.system import ROOT

PHONE = "6281234567890"
functions = fixtures.functions
idle_pool = fixtures.idle_pool
pool = fixtures.pool


@pytest.fixture
def backend(functions: LocalFunctions) -> Backend:
    return functions.workspace(webhook_url="https://backend.example/hooks")


@pytest.fixture
def linked(functions: LocalFunctions, backend: Backend, pool: FakePool) -> Iterator[dict[str, Any]]:
    """A session that waited, started, showed three QRs, was linked and saved."""
    pool.full = True
    session = backend.create(reference="customer-77")
    pool.emit(session["id"], E.SESSION_STARTING, phase="launching")
    pool.emit(session["id"], E.SESSION_STARTING, phase="launching", failed_before="launch_timeout")
    for phase in ("loading", "waiting_for_qr"):
        pool.emit(session["id"], E.SESSION_STARTING, phase=phase)
    parts = {"qr_generation_ms": 900, "launch_ms": 130, "load_ms": 600, "retrieval_ms": 170}
    pool.show_qr(session["id"], **parts)
    pool.show_qr(session["id"])
    pool.show_qr(session["id"])
    pool.scan(session["id"])
    saved = {"snapshot_id": "01SNAP", "saved_at": "2026-11-22T03:00:00.000Z", "size_bytes": 4200}
    pool.emit(session["id"], E.SNAPSHOT_SAVED, **saved)
    pool.emit(session["id"], E.SESSION_STARTING, generation=0, phase="launching")
    assert pool.relay(functions.send).status_code == 200
    return session


def test_the_steps_of_a_link_in_order(backend: Backend, linked: dict[str, Any]) -> None:
    story = backend.get(f"/api/sessions/{linked['id']}/timeline").get_json()
    assert (story["session_id"], story["status"], story["truncated"]) == (linked["id"], "connected", False)
    steps = [step for step in story["steps"] if step["what"] != "webhook" and not step["ignored"]]
    assert [step["what"] for step in steps] == [
        *("created", "queued", "launching", "launching", "launched", "loaded", "qr_shown"),
        *("scanned", "number", "ready", "snapshot"),
    ]
    by_name = {step["what"]: step for step in steps}
    assert by_name["launching"]["details"] == {"failed_before": "launch_timeout"}
    assert by_name["launched"]["details"] == {}
    assert by_name["qr_shown"]["times"] == 3
    assert by_name["qr_shown"]["details"]["load_ms"] == 600
    assert by_name["snapshot"]["details"] == {"snapshot_id": "01SNAP", "size_bytes": 4200}
    assert by_name["ready"]["node_id"] == "node-1"
    times = [step["at"] for step in story["steps"]]
    assert times == sorted(times)
    assert story["steps"][0]["after_ms"] == 0
    assert all(step["since_previous_ms"] >= 0 for step in story["steps"])


def test_webhooks_and_what_was_ignored_stand_in_it(backend: Backend, linked: dict[str, Any]) -> None:
    steps = backend.get(f"/api/sessions/{linked['id']}/timeline").get_json()["steps"]
    owed = [step["details"] for step in steps if step["what"] == "webhook"]
    assert {one["type"] for one in owed} >= {"qr_code_generated", "session_ready", "snapshot_saved"}
    assert {one["status"] for one in owed} == {"pending"}
    assert [step["ignored"] for step in steps if step["ignored"]] == ["stale_generation"]


def test_no_number_and_no_ref_stands_in_it(backend: Backend, linked: dict[str, Any]) -> None:
    text = backend.get(f"/api/sessions/{linked['id']}/timeline").get_data(as_text=True)
    assert PHONE not in text
    assert "2@" not in text
    assert linked["link_url"].rpartition("/")[2] not in text


def test_a_stranger_gets_no_story(functions: LocalFunctions, linked: dict[str, Any]) -> None:
    answer = functions.workspace("Other").get(f"/api/sessions/{linked['id']}/timeline")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "session_not_found")


def test_the_reason_of_a_failure_is_told(
    functions: LocalFunctions, backend: Backend, pool: FakePool, linked: dict[str, Any]
) -> None:
    failed = {"reason_code": "page_broken", "message": "socket: not found in the page"}
    pool.emit(linked["id"], E.SESSION_FAILED, **failed)
    pool.relay(functions.send)
    story = backend.get(f"/api/sessions/{linked['id']}/timeline").get_json()
    assert (story["status"], story["reason_code"]) == ("failed", "page_broken")
    last = [step for step in story["steps"] if step["what"] == "session_failed"][-1]
    assert last["details"] == failed


def show(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    from tests.fakes.databases import registry_in

    return subprocess.run(
        [sys.executable, "-m", "storage.cli", "sessions", "show", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": registry_in(directory)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_line_tells_the_whole_story(linked: dict[str, Any], tmp_path: Path) -> None:
    told = show(tmp_path, linked["id"])
    assert told.returncode == 0, told.stderr
    for word in ("connected", "node-1", "qr_shown", "3 times", "load_ms=600", "IGNORED: stale_generation"):
        assert word in told.stdout, told.stdout
    assert PHONE not in told.stdout
    assert "+62" in told.stdout
    as_json = json.loads(show(tmp_path, linked["id"], "--json").stdout)
    assert as_json["reference"] == "customer-77"
    assert next(step["what"] for step in as_json["steps"]) == "created"
    assert show(tmp_path, "01JD3Z0V5M8Q4T2X9Y7W6R1K0B").returncode == 2
