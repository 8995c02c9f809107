"""A small rolling deploy in real Chromium; `make rolling` has the large one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.rolling.report import markdown, to_json
from bench.rolling.walk import Plan, roll
from tests.postgres import PostgresServer

pytestmark = pytest.mark.browser


@pytest.mark.timeout(600)  # a minute on a machine of its own
def test_three_nodes_are_replaced_twice_under_traffic_and_nobody_notices(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    plan = Plan(linked=3, backends=1, link_every=5.0, warm_slots=0)
    outcome = roll(plan, tmp_path, postgres.make(), print)
    assert outcome.problems == []
    assert [one.how for one in outcome.steps] == ["same machine"] * 3 + ["other machine"] * 3
    assert sum(one.sessions for one in outcome.steps[3:]) >= 3, "every session has moved"
    assert len(outcome.away_seconds) >= 3
    about = {**vars(plan), "commit": "0000000", "date": "", "cores": 2, "load_before": 0, "load_after": 0}
    found = to_json(about, outcome)
    assert json.loads(json.dumps(found)) == found
    assert markdown(found).startswith("# Rolling deploy: good")
