"""The alerts: valid, tried out one by one, explained, and fired for real by causing what they warn of."""

import base64
import json
import os
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from storage.events import EventType, NodeEvent, encode_events
from storage.ids import new_id
from storage.node_signing import sign
from tests.peers import prometheus
from tests.peers.prometheus import RULES, Monitoring
from tests.system import ROOT, System

pytestmark = pytest.mark.peer
prometheus_installed = prometheus.prometheus_installed

ALERTS = re.findall(r"- alert: (\w+)", (RULES / "alerts.yml").read_text())
TOKEN = "metrics-token-for-tests-0123456789abcdef"


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=RULES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_rules_and_the_configuration() -> None:
    promtool("check", "rules", "alerts.yml")
    promtool("check", "config", "--syntax-only", "prometheus.yml")


def test_each_alert_fires_for_its_fault_and_none_on_a_good_day() -> None:
    promtool("test", "rules", "alerts_test.yml")
    assert set(re.findall(r'alertname="(\w+)"', (RULES / "alerts_test.yml").read_text())) == set(ALERTS)


def test_each_alert_has_its_runbook() -> None:
    headings = re.findall(r"^#+ (Linkpool.*)$", (ROOT / "docs" / "operate.md").read_text(), re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert set(headings) == {name.removesuffix("Critical") for name in ALERTS}  # else the anchors differ
    rules = (RULES / "alerts.yml").read_text()
    assert re.findall(r"runbook_url: 'docs/operate.md#(\w+)'", rules) == [
        name.removesuffix("Critical").lower() for name in ALERTS
    ]


def test_the_dashboard_asks_what_prometheus_understands(tmp_path: Path) -> None:
    panels = json.loads((ROOT / "deploy" / "grafana" / "linkpool.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    rules = [
        {"record": f"panel:{number}", "expr": expr.replace("$__rate_interval", "5m")}
        for number, expr in enumerate(asked)
    ]
    path = tmp_path / "panels.yml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", str(path))
    assert len(rules) > 30


@pytest.mark.browser
def test_faults_reach_whoever_is_on_call(tmp_path: Path) -> None:
    options = {"renamed_module": "WAWebAltDeviceLinkingApi"}
    with System(tmp_path, options, METRICS_TOKEN=TOKEN, MAX_SLOTS="1", WEBHOOK_RETRY_SECONDS="0.1") as system:
        jobs = {
            "linkpool-functions": system.functions_url.removeprefix("http://"),
            "linkpool-pool": system.pool_url.removeprefix("http://"),
        }
        monitoring = tmp_path / "monitoring"
        monitoring.mkdir()
        with Monitoring(monitoring, TOKEN, jobs) as on_call:
            system.receiver.answer = lambda _: (500, {})  # a backend that is broken
            first = system.create()  # on a page that WhatsApp has changed
            system.until(first["id"], "qr_scanning")
            system.create()  # and another, for which there is no room
            assert on_call.until("LinkpoolPageLookupMissing")["labels"]["lookup"] == "pairing"
            on_call.until("LinkpoolQueue")
            on_call.until("LinkpoolNotReady")
            on_call.until("LinkpoolWebhooksDead")
            on_call.until("LinkpoolWebhooksFail")
            system.stop("functions")
            on_call.until("LinkpoolFunctionsDown")
            on_call.until("LinkpoolHeartbeatNotHeard")
            system.kill("pool")
            down = on_call.until("LinkpoolNodeDown")
            assert down["annotations"]["runbook_url"] == "docs/operate.md#linkpoolnodedown"
            assert down["labels"]["severity"] == "critical"
        assert "LinkpoolQrSlow" not in on_call.alerts
        assert "LinkpoolSandboxOff" not in on_call.alerts
        system.start("functions")
        system.start("pool")
        system.wait_for_node()


@pytest.mark.browser
def test_faults_of_backups_and_of_whatsapp_reach_whoever_is_on_call(tmp_path: Path) -> None:
    settings = {
        "METRICS_TOKEN": TOKEN,
        "SNAPSHOT_KEY": base64.b64encode(os.urandom(32)).decode(),
        "SNAPSHOT_QUIET_SECONDS": "0.5",
        "CANARY_EVERY_SECONDS": "1",
        "DRILL_EVERY_SECONDS": "1",
        "FIRST_QR_TIMEOUT_SECONDS": "3",
    }
    with System(tmp_path, {"renamed_module": "WAWebAltDeviceLinkingApi"}, **settings) as system:
        session_id = system.link("+6281234567890", within=60)["id"]
        system.until(session_id, lambda one: one["snapshot"] is not None, within=60)
        jobs = {
            "linkpool-functions": system.functions_url.removeprefix("http://"),
            "linkpool-pool": system.pool_url.removeprefix("http://"),
        }
        monitoring = tmp_path / "monitoring"
        monitoring.mkdir()
        with Monitoring(monitoring, TOKEN, jobs) as on_call:
            for pack in (system.data_dir / "snapshots").glob("v1/*/p/*"):  # a bucket that rots
                pack.write_bytes(bytes(pack.stat().st_size))
            on_call.until("LinkpoolDrillFailed", within=90)
            on_call.until("LinkpoolCanaryDead", within=90)  # WhatsApp has changed its page
            (system.data_dir / "snapshots").rename(tmp_path / "lost")  # a bucket that is gone
            on_call.until("LinkpoolStoreAway", within=90)
            assert "LinkpoolEventsRefused" not in on_call.alerts
            report_of_strangers(system)  # a node of another deployment, with our secret and our address
            on_call.until("LinkpoolEventsRefused")
            assert "LinkpoolSuccessLow" not in on_call.alerts
            system.standin.options(never_qr=True)
            system.create()
            on_call.until("LinkpoolSuccessLowCritical", within=90)
            on_call.until("LinkpoolSuccessLow")
            (tmp_path / "lost").rename(system.data_dir / "snapshots")


def report_of_strangers(system: System) -> None:
    now, path = datetime.now(UTC), "/api/webhook"
    events = [
        NodeEvent(
            id=new_id(now),
            session_id=new_id(now),
            generation=1,
            seq=1,
            type=EventType.SESSION_DISCONNECTED,
            occurred_at=now,
            data={"reason_code": "socket_lost"},
        )
        for _ in range(10)
    ]
    body = encode_events("test-node", events)
    headers = sign(system.environ["POOL_SECRET"], "test-node", "POST", path, body, now)
    headers["Content-Type"] = "application/json"
    answer = requests.post(system.functions_url + path, data=body, headers=headers, timeout=20)
    assert answer.ok, answer.text
