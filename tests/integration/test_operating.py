"""What an operator sees of a real node: metrics, health, the doctor, the canary, a diagnosis."""

import base64
import io
import json
import os
import secrets
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.promql import Series, grouped_by, selectors, series_of
from tests.system import ROOT, System
from tests.waiting import eventually

pytestmark = pytest.mark.browser

TOKEN = "metrics-token-for-tests-0123456789abcdef"
OPS_TOKEN = "ops-token-for-tests-0123456789abcdefghijk"
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
        OPS_TOKEN=OPS_TOKEN,
        WHATSAPP_LOOKUPS=str(lookups),
        LOAD_TIMEOUT_SECONDS="6",
        FIRST_QR_TIMEOUT_SECONDS="2.5",
        SNAPSHOT_KEY=base64.b64encode(secrets.token_bytes(32)).decode(),
        SNAPSHOT_QUIET_SECONDS="0.5",
    ) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def fresh(system: System) -> list[Series]:
    """What was exported before anything happened."""
    return exported(system)


def exported(system: System) -> list[Series]:
    """What Prometheus gets, of both processes."""
    return series_of([metrics(system), metrics(system, system.functions_url)])


def metrics(system: System, url: str | None = None) -> str:
    answer = requests.get(f"{url or system.pool_url}/metrics", headers=BEARER, timeout=10)
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


def asked() -> dict[str, str]:
    """Every expression of alerts and dashboard, by where it stands."""
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    panels = json.loads((ROOT / "deploy" / "grafana" / "linkpool.json").read_text())["panels"]
    alerts = {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}
    return alerts | {
        f"{panel['title']} ({number})": target["expr"]
        for panel in panels
        for number, target in enumerate(panel.get("targets", []))
    }


def test_alerts_and_dashboard_ask_for_what_the_processes_export(system: System, linked: str) -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    up: list[Series] = [("up", {"job": job["job_name"]}) for job in config["scrape_configs"]]
    of_prometheus = {"job", "instance"}
    assert len(asked()) > 80

    def unmet() -> list[str]:
        series = exported(system) + up
        missing = []
        for where, expression in asked().items():
            wanted = list(selectors(expression))
            assert wanted, where
            missing += [f"{where}: {one}" for one in wanted if not any(map(one.takes, series))]
            names = {one.name for one in wanted}
            labels = {label for name, given in series if name in names for label in given}
            missing += [f"{where}: by {label}" for label in grouped_by(expression) - labels - of_prometheus]
        return missing

    last: list[list[str]] = []
    try:  # memory is looked at and webhooks are delivered a moment after the link
        eventually(lambda: last.append(unmet()) or not last[-1], "all is exported")
    except AssertionError as error:
        raise AssertionError("\n".join(last[-1])) from error


def test_a_counter_of_an_alert_stands_at_zero_before_its_first_fault(fresh: list[Series]) -> None:
    rules = [expression for where, expression in asked().items() if where.startswith("Linkpool")]
    counters = [one for rule in rules for one in selectors(rule) if one.counted and one.name[-6:] == "_total"]
    assert len(counters) > 10
    assert [str(one) for one in counters if not any(map(one.takes, fresh))] == []


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


def registry_url(system: System) -> str:
    return f"sqlite:///{system.data_dir}/registry.db"


def unpacked(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        files = {one.name: packed.extractfile(one) for one in packed.getmembers() if one.isfile()}
        return {name: file.read() for name, file in files.items() if file is not None}


def test_a_failure_leaves_a_diagnosis_without_secrets(system: System, tmp_path: Path) -> None:
    system.standin.options(never_qr=True)
    try:
        session = system.create(phone="+6281299998888", reference="customer-77")
        system.until(session["id"], "failed")
        code, seen = doctor(system)
        assert (code, seen["lookups"]["socket"], "ref" in seen["lookups"]) == (1, "found", False)
    finally:
        system.standin.options(never_qr=False)
    steps = system.call("GET", f"/api/sessions/{session['id']}/timeline").json()["steps"]
    tries = [step["details"].get("failed_before") for step in steps if step["what"] == "launching"]
    assert tries[0] is None
    assert set(tries[1:]) == {"qr_timeout"}, "each try says why the one before it ended"
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
    fetched = tmp_path / "from-afar.tar.gz"
    told = subprocess.run(
        [sys.executable, "-m", "storage.cli", "sessions", "diagnosis", session["id"], "-o", str(fetched)],
        cwd=ROOT,
        env={**system.environ, "DATA_DIR": str(tmp_path), "DATABASE_URL": registry_url(system)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(told.stdout) == facts
    address = f"{system.functions_url}/ops/sessions/{session['id']}/diagnosis"
    clicked = requests.get(address, headers={"Authorization": f"Bearer {OPS_TOKEN}"}, timeout=20)
    for content in (fetched.read_bytes(), clicked.content):
        assert unpacked(content) == unpacked(archive.read_bytes())
        for secret in ("81299998888", session["link_url"].rpartition("/")[2], "2@", "customer-77", PHONE[1:]):
            assert not [name for name, file in unpacked(content).items() if secret.encode() in file], secret
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
