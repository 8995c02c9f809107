"""The packaged functions under Lambda's own runtime: the whole system, and a gateway's mistakes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.suite import Acceptance
from tests.postgres import PostgresServer
from tests.serverless.lambda_system import LambdaSystem
from tests.serverless.metric_filters import filters, json_lines, values
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.peer]


@pytest.fixture(scope="module")
def system(
    unpacked: Path,
    template: dict[str, Any],
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LambdaSystem]:
    url = postgres.make()
    with LambdaSystem(tmp_path_factory.mktemp("lambdas"), unpacked, template, url) as running:
        yield running
    postgres.drop(url)


class TestUnderLambdasRuntime(Acceptance):
    """Through the archive alone."""


def test_what_is_wrong_is_a_problem_here_too(system: LambdaSystem) -> None:
    wrong = requests.get(
        f"{system.functions_url}/api/sessions", headers={"Authorization": "Bearer no"}, timeout=20
    )
    assert (wrong.status_code, wrong.headers["Content-Type"]) == (401, "application/problem+json")
    large = system.call("POST", "/api/sessions", data=b"x" * 300_000)
    assert large.status_code == 413
    odd = requests.get(f"{system.functions_url}/%2e%2e/link/%00/%F0%9F%92%A9//", timeout=20)
    assert odd.status_code in (400, 404)
    stream = system.call("GET", "/api/events", headers={"Accept": "text/event-stream"})
    assert (stream.status_code, stream.json()["code"]) == (406, "no_streams_here")


def test_a_cookie_that_stands_twice_keeps_nobody_out(system: LambdaSystem) -> None:
    made = system.call("POST", "/api/sessions", json={"start": False}).json()
    page = made["link_url"]
    ours = requests.get(page, headers=BROWSER, timeout=20).headers["Set-Cookie"].split(";")[0]
    name = ours.partition("=")[0]
    for cookies in (f"{name}=planted.first; {ours}", f"{ours}; {name}=planted.last; {name}="):
        answer = requests.get(page, headers={**BROWSER, "Cookie": cookies}, timeout=20)
        assert (answer.status_code, answer.headers.get("Set-Cookie")) == (200, None)
    other = requests.get(page, headers={**BROWSER, "Cookie": f"{name}=planted.only"}, timeout=20)
    assert other.status_code == 403
    assert system.call("DELETE", f"/api/sessions/{made['id']}").status_code in (200, 202)


def test_a_payload_that_no_gateway_sends_gets_an_answer(system: LambdaSystem) -> None:
    assert system.lambdas is not None
    for event in ({}, {"version": "2.0"}, {"version": "1.0", "path": "/"}, [], "text", None):
        answer = system.lambdas.invoke("ApiLambdaFunction", event)
        assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (400, "bad_request")


BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
LOG_GROUPS = {
    "ApiLogGroup": "lambda_api",
    "NodesLogGroup": "lambda_nodes",
    "DeliverLogGroup": "lambda_deliver",
}
SCHEDULED = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-01-31T09:31:00Z",
    "resources": [],
    "detail": {},
}
"""What EventBridge sends."""


def counted(system: LambdaSystem) -> dict[str, list[float]]:
    """What CloudWatch would have written down of the functions' logs, by metric."""
    found: dict[str, list[float]] = {}
    for one in filters().values():
        lines = json_lines(system.log(LOG_GROUPS[one["LogGroupName"]]))
        (made,) = one["MetricTransformations"]
        found.setdefault(made["MetricName"], []).extend(values(one, lines))
    return found


def test_the_alarms_read_what_the_functions_write(system: LambdaSystem) -> None:
    assert system.lambdas is not None
    lambdas = system.lambdas
    system.link("+628555666777", keep_alive=True)

    def a_browser_was_measured() -> bool:
        lambdas.invoke("DeliverLambdaFunction", SCHEDULED)
        return max(counted(system)["largest_browser_mb"], default=0) > 50

    eventually(a_browser_was_measured, "the deliverer says how large a browser is", within=60)
    found = counted(system)
    assert max(found["node_sessions"]) >= 1
    assert 0 <= max(found["cpu_percent"]) <= 100
    assert max(found["node_silent_s"]) < 30
    assert min(found["qr_generation_ms"]) > 0
    assert min(found["phone_extraction_ms"]) >= 0
    assert len(found["qr_generation_success"]) >= len(found["qr_generation_ms"]) > 0
    before = len(found["node_sessions"])
    lambdas.invoke("DeliverLambdaFunction", {})  # who owes a webhook does not ask for it
    assert len(counted(system)["node_sessions"]) == before


def test_the_operators_function_says_what_it_takes(system: LambdaSystem) -> None:
    assert system.lambdas is not None
    operator = system.lambdas.runtimes["OperatorLambdaFunction"]
    assert operator.invoke({"argv": ["registry", "migrate"]}) == {
        "exit_code": 0,
        "stdout": "none\nNothing to do.\n",
        "stderr": "",
    }
    assert operator.invoke({"argv": "workspaces"})["exit_code"] == 2
    refused = operator.invoke({"argv": ["snapshots", "list"]})
    assert refused["exit_code"] == 2
    assert "on a node" in refused["stderr"]
