"""The alarms on AWS read lines that the code writes, and mean what Prometheus' alerts mean."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.node_watch import EVERY_SECONDS, NodeWatch
from storage.events import EventType as E
from storage.logs import JsonFormatter
from storage.nodes import Nodes
from tests.contract.test_registry_events import PHONE, World, heartbeat
from tests.serverless.metric_filters import filters, json_lines, resources, values

LEASE = timedelta(seconds=15)
SOON = "2026-01-01T00:01:00.000Z"
PAIRING = {"code": "ABCD1234", "phone_number": PHONE, "expires_at": SOON}
ROOT = Path(__file__).parents[2]


class Written:
    """What a process would have written to its log."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def lines(self) -> list[dict[str, Any]]:
        return list(json_lines(self.stream.getvalue()))

    def of(self, name: str) -> list[float]:
        """What the filter of this name makes of it."""
        return values(filters()[name], self.lines())


@pytest.fixture
def written() -> Iterator[Written]:
    made = Written()
    handler = logging.StreamHandler(made.stream)
    handler.setFormatter(JsonFormatter())
    loggers = [logging.getLogger(name) for name in ("storage", "functions")]
    before = [one.level for one in loggers]
    for one in loggers:
        one.addHandler(handler)
        one.setLevel(logging.INFO)
    yield made
    for one, level in zip(loggers, before, strict=True):
        one.removeHandler(handler)
        one.setLevel(level)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path}/registry.db")
    yield made
    made.database.close()


def link(world: World) -> None:
    session = world.session()
    world.tell(session, E.SESSION_STARTING)
    shown = {"ref": "1@x", "expires_at": SOON, "qr_generation_ms": 830}
    world.tell(session, E.QR_CODE_GENERATED, **shown)
    world.tell(session, E.SESSION_AUTHENTICATED)
    world.tell(session, E.SESSION_READY, phone_number=PHONE, phone_extraction_ms=88)
    world.tell(session, E.SESSION_HIBERNATED)
    world.tell(session, E.SESSION_WOKEN)


def test_a_link_is_timed_once_and_counts_as_a_qr_that_was_shown(world: World, written: Written) -> None:
    link(world)
    for where in ("Nodes", "Api"):
        assert written.of(f"QrTimeIn{where}") == [830]
        assert written.of(f"PhoneTimeIn{where}") == [88]
        assert written.of(f"ShownIn{where}") == [1]
        assert written.of(f"FailedIn{where}") == []


def test_a_failure_counts_when_there_was_no_qr_before_it(world: World, written: Written) -> None:
    early, late = world.session(), world.session()
    world.tell(early, E.SESSION_STARTING)
    world.tell(early, E.SESSION_FAILED, reason_code="load_timeout", message="no page")
    assert written.of("FailedInNodes") == [1]
    world.tell(late, E.PAIRING_CODE_GENERATED, **PAIRING)
    world.tell(late, E.SESSION_FAILED, reason_code="page_crashed", message="gone")
    assert written.of("FailedInNodes") == [1]
    assert written.of("QrTimeInNodes") == []


def test_a_node_is_watched_by_what_it_said_last(world: World, written: Written) -> None:
    nodes = Nodes(world.database, world.clock)
    nodes.report(replace(heartbeat("node-1"), live=31, largest_browser_mb=412, cpu_percent=71))
    world.session()
    world.clock.advance(timedelta(seconds=2))
    nodes.report(heartbeat("node-2"))  # of an older version: it does not say
    NodeWatch(nodes, world.clock, LEASE).look()
    assert written.of("NodeMemory") == [412]
    assert written.of("NodeCpu") == [71]
    assert sorted(written.of("NodeSessions")) == [0, 31]
    assert written.of("NodeSilence") == [2]


def test_a_node_that_is_gone_is_named_as_long_as_it_has_sessions(world: World, written: Written) -> None:
    session = world.session()
    world.clock.advance(timedelta(hours=1))
    watch = NodeWatch(Nodes(world.database, world.clock), world.clock, LEASE)
    watch.look()
    assert [line["node_id"] for line in written.lines() if line["event"] == "node_load"] == ["node-1"]
    assert written.of("NodeSilence") == [3600]
    world.registry.request_delete(session.id)
    watch.look()
    assert written.of("NodeSilence") == [3600]


def test_a_deliverer_that_never_sleeps_says_it_once_a_minute(world: World, written: Written) -> None:
    watch = NodeWatch(Nodes(world.database, world.clock), world.clock, LEASE)
    for _ in range(3):
        watch.look_when_due()
    assert len(written.of("NodeSessions")) == 2  # two nodes
    world.clock.advance(timedelta(seconds=EVERY_SECONDS))
    Nodes(world.database, world.clock).report(heartbeat("node-1"))
    watch.look_when_due()
    assert len(written.of("NodeSessions")) == 3


def alarms() -> dict[str, dict[str, Any]]:
    return {
        name: one["Properties"]
        for name, one in resources().items()
        if one["Type"] == "AWS::CloudWatch::Alarm"
    }


def metrics_of(alarm: dict[str, Any]) -> list[tuple[str, str]]:
    """(namespace, name) of every metric that it reads."""
    queries = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
    return [(one["Namespace"], one["MetricName"]) for one in queries or [alarm]]


def test_every_alarm_reads_a_metric_that_somebody_writes() -> None:
    ours = {
        (made["MetricNamespace"], made["MetricName"])
        for one in filters().values()
        for made in one["MetricTransformations"]
    }
    of_aws = {("AWS/Lambda", "Errors"), ("AWS/Lambda", "Throttles"), ("AWS/ApiGateway", "5xx")}
    read = {metric for alarm in alarms().values() for metric in metrics_of(alarm)}
    assert read - of_aws == ours


def test_every_alarm_has_a_section_to_read_and_somebody_who_hears_it() -> None:
    for name, alarm in alarms().items():
        page, _, anchor = alarm["AlarmDescription"].rpartition("; ")[2].partition("#")
        headings = re.findall(r"^##+ (.+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, name
        assert alarm["AlarmActions"] == alarm["OKActions"] == ["Alarms"], name


SAME = {
    "QrSlow": ("LinkpoolQrSlow", 1000),
    "QrVerySlow": ("LinkpoolQrSlowCritical", 1000),
    "PhoneSlow": ("LinkpoolPhoneSlow", 1000),
    "PhoneVerySlow": ("LinkpoolPhoneSlowCritical", 1000),
    "SuccessLow": ("LinkpoolSuccessLow", 100),
    "SuccessVeryLow": ("LinkpoolSuccessLowCritical", 100),
    "MemoryHigh": ("LinkpoolMemoryHigh", 1),
    "MemoryVeryHigh": ("LinkpoolMemoryHighCritical", 1),
    "CpuHigh": ("LinkpoolCpuHigh", 100),
    "CpuVeryHigh": ("LinkpoolCpuHighCritical", 100),
    "ManySessions": ("LinkpoolManySessions", 1),
    "TooManySessions": ("LinkpoolManySessionsCritical", 1),
}
"""Alarm on AWS, alert of Prometheus, and how many of the one's unit are one of the other's."""


def test_the_seeds_thresholds_are_those_of_prometheus() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    (seeds,) = (group for group in rules["groups"] if group["name"] == "linkpool-seeds")
    limits = {rule["alert"]: float(rule["expr"].split()[-1]) for rule in seeds["rules"]}
    assert {alert for alert, _ in SAME.values()} == limits.keys()
    found = alarms()
    for name, (alert, times) in SAME.items():
        assert found[name]["Threshold"] == pytest.approx(limits[alert] * times), name
