"""The alerts: valid, tried out one by one, explained, and fired for real by causing what they warn of."""

import json
import re
import subprocess
from pathlib import Path

import pytest

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
