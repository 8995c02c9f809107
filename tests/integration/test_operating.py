"""What an operator sees of a real node: metrics, health, the doctor, the canary, a diagnosis."""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.system import ROOT, System
from tests.waiting import eventually

pytestmark = pytest.mark.browser

TOKEN = "metrics-token-for-tests-0123456789abcdef"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PHONE = "+6281234567890"
PAIRING = "WAWebAltDeviceLinkingApi"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    directory = tmp_path_factory.mktemp("system")
    lookups = directory / "lookups.json"
    lookups.write_text("{}")
    with System(
        directory,
        METRICS_TOKEN=TOKEN,
        CANARY_EVERY_SECONDS="1",
        WHATSAPP_LOOKUPS=str(lookups),
        LOAD_TIMEOUT_SECONDS="2",
        FIRST_QR_TIMEOUT_SECONDS="2",
    ) as running:
        yield running


def metrics(system: System) -> str:
    answer = requests.get(f"{system.pool_url}/metrics", headers=BEARER, timeout=10)
    assert answer.status_code == 200
    return answer.text


def value(system: System, name: str, **labels: str) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(metrics(system))
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def doctor(system: System, *arguments: str) -> tuple[int, Any]:
    """As an operator runs it: beside the node, without any secret."""
    environ = {name: text for name, text in system.environ.items() if name not in ("POOL_SECRET", "DATA_DIR")}
    command = [sys.executable, "-m", "browser_pool", "doctor", "--json", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=False)
    assert done.stdout, done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def linked(system: System) -> str:
    identifier: str = system.link(PHONE)["id"]
    return identifier


def test_a_link_is_counted_with_all_its_parts(system: System, linked: str) -> None:
    assert value(system, "qr_generation_success_total") == 1
    for part in ("qr_generation", "qr_launch", "qr_load", "qr_retrieval"):
        assert value(system, f"{part}_time_seconds_count") == 1, part
    assert value(system, "phone_extraction_time_seconds_count", method="me_user") == 1
    assert value(system, "linkpool_page_lookups_total", lookup="ref", outcome="found") >= 1
    assert value(system, "linkpool_slots", state="live") == 1
    assert value(system, "linkpool_event_loop_lag_seconds_count") > 0
    assert value(system, "linkpool_ready") == 1


def test_no_number_and_no_session_stands_in_the_metrics(system: System, linked: str) -> None:
    text = metrics(system)
    for secret in (PHONE.lstrip("+"), linked, system.workspace_id, "Toko", TOKEN):
        assert secret not in text


def test_the_token_of_metrics_opens_nothing_else(system: System) -> None:
    for path in ("/sessions", "/metrics"):
        assert requests.get(system.pool_url + path, timeout=5).status_code == 401
    assert requests.get(f"{system.pool_url}/sessions", headers=BEARER, timeout=5).status_code == 401
    secret = {"Authorization": f"Bearer {system.environ['POOL_SECRET']}"}
    assert requests.get(f"{system.pool_url}/metrics", headers=secret, timeout=5).status_code == 200


def test_health_of_the_node_has_the_agreed_shape(system: System, linked: str) -> None:
    health = requests.get(f"{system.pool_url}/health", timeout=5).json()
    assert (health["status"], health["ready"]) == ("healthy", True)
    assert health["memory"]["rss"] > 10**7
    assert health["sessions"]["active"] == health["sessions"]["authenticated"] == 1
    assert health["performance"]["avg_qr_time_ms"] > 0
    assert health["performance"]["avg_phone_extraction_ms"] > 0
    assert 0 < health["pressure"]["slots"] < 1
    assert requests.get(f"{system.pool_url}/livez", timeout=5).json() == {"status": "alive"}
    assert requests.get(f"{system.pool_url}/readyz", timeout=5).status_code == 200


def test_the_canary_looks_without_a_session(system: System) -> None:
    eventually(lambda: value(system, "linkpool_canary_runs_total", outcome="good") > 0, "the canary looked")
    seen = requests.get(f"{system.pool_url}/health", timeout=5).json()["canary"]
    assert seen["good"] is True
    assert value(system, "linkpool_page_lookups_total", lookup="advSecret", outcome="found") > 0


def test_the_doctor_finds_everything_and_leaves_nothing(system: System) -> None:
    before = set(Path("/tmp").glob("linkpool-doctor-*"))
    code, seen = doctor(system)
    assert (code, seen["good"], seen["problems"]) == (0, True, [])
    assert set(seen["lookups"].values()) == {"found"}
    assert set(seen["timings_ms"]) == {"launch", "load", "qr"}
    assert seen["web_version"]
    assert seen["sandbox"] is True
    assert seen["pss_mb"] > 20
    assert set(Path("/tmp").glob("linkpool-doctor-*")) <= before


def test_a_renamed_module_is_noticed_and_mended_by_a_file_without_a_restart(system: System) -> None:
    system.standin.options(renamed_module=PAIRING)
    code, seen = doctor(system)
    assert (code, seen["lookups"]["pairing"]) == (1, "missing")
    assert any("pairing" in problem for problem in seen["problems"])
    eventually(
        lambda: value(system, "linkpool_page_lookups_total", lookup="pairing", outcome="missing") > 0,
        "the canary noticed",
    )
    lookups = Path(system.environ["WHATSAPP_LOOKUPS"])
    lookups.write_text(json.dumps({"pairing": ["WAWebNobodyKnows", f"{PAIRING}New"]}))
    os.utime(lookups, ns=(1, 1))
    code, seen = doctor(system)
    assert (code, seen["lookups"]["pairing"]) == (0, "fell_back")
    eventually(
        lambda: value(system, "linkpool_page_lookups_total", lookup="pairing", outcome="fell_back") > 0,
        "the running node reads the file, too",
    )
    session = system.create()
    system.until(session["id"], "qr_scanning")
    answer = system.call("POST", f"/api/sessions/{session['id']}/pairing-code", json={"phone": PHONE})
    assert answer.status_code == 200, answer.text
    system.standin.options(renamed_module="")


def test_a_failure_leaves_a_diagnosis_without_secrets(system: System, tmp_path: Path) -> None:
    system.standin.options(never_qr=True)
    try:
        session = system.create()
        system.until(session["id"], "failed")
    finally:
        system.standin.options(never_qr=False)
    command = [sys.executable, "-m", "browser_pool", "diagnosis"]
    listed = subprocess.run(command, cwd=ROOT, env=system.environ, capture_output=True, text=True, check=True)
    assert session["id"] in listed.stdout
    archive = tmp_path / "diagnosis.tar.gz"
    shown = subprocess.run(
        [*command, session["id"], "--out", str(archive)],
        cwd=ROOT,
        env=system.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    facts = json.loads(shown.stdout)
    assert (facts["reason_code"], facts["linked"]) == ("qr_timeout", False)
    assert facts["lookups"]["socket"] == "found"
    assert facts["lookups"]["ref"] == "missing"
    assert facts["web_version"]
    assert facts["start_ms"]["load_ms"] > 0
    assert session["link_url"].rpartition("/")[2] not in shown.stdout
    with tarfile.open(archive) as packed:
        assert {Path(name).name for name in packed.getnames()} >= {"why.json", "page.png"}
    assert value(system, "qr_generation_failure_total", reason="qr_timeout") == 1
    eventually(lambda: value(system, "linkpool_canary_runs_total", outcome="good") > 0, "all is well again")


def test_one_request_id_runs_through_functions_pool_and_the_sessions_events(system: System) -> None:
    answer = system.call("POST", "/api/sessions", json={}, headers={"X-Request-Id": "call-4711"})
    session_id = answer.json()["id"]
    system.until(session_id, "qr_scanning")

    def lines(name: str) -> list[dict[str, Any]]:
        parsed = [json.loads(line) for line in system.log(name).splitlines() if line.startswith("{")]
        return [line for line in parsed if line.get("request_id") == "call-4711"]

    # the move itself is told by the call's answer or by the node's own report, whichever comes first
    assert {line["event"] for line in lines("functions")} >= {"request", "session_created"}
    (call,) = [line for line in lines("pool") if line["event"] == "control_call"]
    assert (call["method"], call["session_id"], call["status"]) == ("PUT", session_id, 200)
    shown = [line for line in lines("pool") if line.get("type") == "qr_code_generated"]
    assert shown
    eventually(lambda: system.receiver.received, "a webhook came")
    assert all(one.headers["x-request-id"] == one.id for one in system.receiver.received)


def test_a_node_that_takes_nothing_is_not_ready(system: System) -> None:
    eventually(lambda: value(system, "linkpool_slot_pss_bytes_count") > 0, "memory was looked at")
    assert system.pool_call("POST", "/drain") == {"draining": True}
    answer = requests.get(f"{system.pool_url}/readyz", timeout=5)
    assert answer.status_code == 503
    assert "draining" in answer.json()["reason"]
    assert requests.get(f"{system.pool_url}/livez", timeout=5).status_code == 200
