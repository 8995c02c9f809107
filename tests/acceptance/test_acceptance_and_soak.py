"""The customer's acceptance tests and a soak, both small, in real Chromium; make has the long ones."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from bench import acceptance, soak
from tests.system import System

pytestmark = pytest.mark.browser


def test_every_test_and_criterion_of_the_customer_is_met(tmp_path: Path) -> None:
    assert acceptance.main(["--weight", "light", "--count", "2", "--into", str(tmp_path)]) == 0
    report = json.loads((tmp_path / "acceptance.json").read_text())
    assert [one["name"] for one in report["criteria"]] == [
        "Average time",
        "95th percentile",
        "Max time",
        "Success rate",
    ]
    assert not [one["name"] for one in report["tests"] if one["skipped"] or not one["passed"]]


def test_a_deployment_is_asked_for_qrs_and_left_as_it_was(tmp_path: Path) -> None:
    into = tmp_path / "report"
    with System(tmp_path) as system:
        asked = ["--url", system.functions_url, "--count", "2", "--into", str(into), "--api-key"]
        assert acceptance.main([*asked, system.api_key]) == 0
        assert system.call("GET", "/api/sessions").json()["sessions"] == []
        assert acceptance.main([*asked, secrets.token_hex(16)]) == 1, "with a wrong key nothing succeeds"
    skipped = [
        one["task"] for one in json.loads((into / "acceptance.json").read_text())["tests"] if one["skipped"]
    ]
    assert len(skipped) == 4


def test_a_short_soak_leaves_nothing_behind(tmp_path: Path) -> None:
    plan = soak.plan_from(["--minutes", "0.2", "--users", "2", "--fault-every", "0.5", "2", "--no-store"])
    outcome = soak.soak(plan, tmp_path)
    assert outcome.problems == []
    assert outcome.journeys["link"] > 0
    assert sum(outcome.faults.values()) > 0
    assert outcome.picture.startswith("<svg")
    assert soak.markdown(outcome.to_json()).startswith("# Soak: 0.2 minutes, good")
