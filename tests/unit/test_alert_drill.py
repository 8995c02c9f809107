"""The drill of the alerts (`make alerts`): whole, and strict with what it finds."""

from __future__ import annotations

import pytest

from bench.alerts.drill import STAGES, Verdict, chosen
from bench.alerts.report import markdown, to_json
from bench.alerts.rules import ALERTS, SHORTENED, shorten
from tests.peers.prometheus import RULES

ABOUT = {
    "commit": "0000000",
    "date": "2026-01-01",
    "cores": 2,
    "load_before": 1.0,
    "load_after": 1.0,
    "seconds": 1.0,
}


def test_each_alert_has_one_fault_that_is_caused_for_it() -> None:
    drilled = [alert for stage in STAGES for fault in stage.faults for alert in fault.alerts]
    assert sorted(drilled) == sorted(ALERTS)


def test_only_the_ages_that_the_report_names_are_shortened() -> None:
    rules = (RULES / "alerts.yml").read_text()
    pairs = zip(rules.splitlines(), shorten(rules).splitlines(), strict=True)
    changed = [(old.strip(), new.strip()) for old, new in pairs if old != new]
    assert len(changed) == len(SHORTENED)
    for old, new in changed:
        _, seconds, factor = SHORTENED[old]
        assert new == f"{old.partition(' > ')[0]} > {seconds // factor}"


def test_an_age_that_the_rules_do_not_name_any_more_is_said() -> None:
    with pytest.raises(ValueError, match="LinkpoolSnapshotOld"):
        shorten("groups: []")


def test_a_part_runs_the_faults_of_the_alerts_that_were_asked_for() -> None:
    (stage,) = chosen(["LinkpoolStoreAway"])
    assert stage.name == "backups"
    assert [fault.alerts for fault in stage.faults] == [("LinkpoolStoreAway", "LinkpoolDrillOverdue")]


def test_an_alert_that_is_silent_or_was_never_silent_has_not_fired_for_its_fault() -> None:
    fired = Verdict(alert="LinkpoolQueue", fault="a queue", seconds=2.0)
    silent = Verdict(alert="LinkpoolQrSlow", fault="a slow site", seconds=None, why="waited")
    earlier = Verdict(alert="LinkpoolNodeDown", fault="no node", seconds=0.0, before=True)
    crowded = Verdict(alert="LinkpoolCpuHigh", fault="busy processes", seconds=0.0, before=True)
    assert [one.good for one in (fired, silent, earlier, crowded)] == [True, False, False, True]
    found = to_json(ABOUT, [fired, silent, earlier, crowded])
    assert not found["good"]
    text = markdown(found)
    assert text.startswith("# Alerts: 2 of 4 ")
    assert "| LinkpoolQrSlow | a slow site | never | SILENT |" in text
    assert to_json(ABOUT, [fired])["good"]
