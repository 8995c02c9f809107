"""The packaged functions under Lambda's own runtime: the whole system, and a gateway's mistakes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.postgres import PostgresServer
from tests.serverless.acceptance import walk
from tests.serverless.lambda_system import LambdaSystem

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


def test_an_account_is_linked_through_the_archive_alone(system: LambdaSystem) -> None:
    session_id = walk(system)
    assert system.call("DELETE", f"/api/sessions/{session_id}").status_code in (200, 202, 204)


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


def test_a_payload_that_no_gateway_sends_gets_an_answer(system: LambdaSystem) -> None:
    assert system.lambdas is not None
    for event in ({}, {"version": "2.0"}, {"version": "1.0", "path": "/"}, [], "text", None):
        answer = system.lambdas.invoke("ApiLambdaFunction", event)
        assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (400, "bad_request")


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
