"""What serverless.yml deploys: valid, closed, and with as few rights as each part needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.serverless import tools
from tests.serverless.gateway import route_for, routes_of

pytestmark = pytest.mark.peer


def of_type(template: dict[str, Any], type_: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == type_
    }


def test_cloudformation_takes_it(template: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    path.write_text(json.dumps(template))
    # W3005: the framework itself says a dependency twice
    linted = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "-r", "eu-central-1", "-i", "W3005", "-t", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (linted.returncode, linted.stdout) == (0, "")


@pytest.mark.parametrize("stage", ["dev", "prod", "local"])
def test_every_stage_resolves(archive: Path, template: dict[str, Any], tmp_path: Path, stage: str) -> None:
    said = yaml.safe_load(
        tools.run(tmp_path, "print", "--stage", stage, "--format", "yaml", LINKPOOL_ARCHIVE=str(archive))
    )
    assert set(said["functions"]) == {"page", "api", "nodes", "deliver", "operator"}
    assert "${" not in json.dumps(said["functions"])


@pytest.mark.parametrize(
    ("method", "path", "function"),
    [
        ("GET", "/link/abc", "Page"),
        ("HEAD", "/link/abc", "Page"),
        ("GET", "/link/abc/status", "Page"),
        ("GET", "/link/abc/qr.svg", "Page"),
        ("POST", "/link/abc/start", "Api"),
        ("GET", "/readyz", "Page"),
        ("POST", "/api/webhook", "Nodes"),
        ("POST", "/api/nodes/n1/heartbeat", "Nodes"),
        ("POST", "/api/sessions", "Api"),
        ("GET", "/health", "Api"),
        ("GET", "/openapi.json", "Api"),
        ("GET", "/nowhere", "Api"),
    ],
)
def test_a_request_reaches_the_function_made_for_it(
    template: dict[str, Any], method: str, path: str, function: str
) -> None:
    assert route_for(routes_of(template), method, path) == f"{function}LambdaFunction"


def test_only_nodes_reach_snapshots_and_their_key(template: dict[str, Any]) -> None:
    for name, role in of_type(template, "AWS::IAM::Role").items():
        actions = json.dumps(role.get("Policies", []))
        reaches = any(word in actions for word in ('"s3:', '"kms:', '"secretsmanager:'))
        assert reaches == (name == "NodeRole"), name
        assert '"*"' not in json.dumps([policy_actions(one) for one in role.get("Policies", [])]), name


def policy_actions(policy: dict[str, Any]) -> list[Any]:
    return [statement["Action"] for statement in policy["PolicyDocument"]["Statement"]]


def test_every_function_has_a_role_of_its_own_a_concurrency_and_a_log_that_ends(
    template: dict[str, Any],
) -> None:
    functions = of_type(template, "AWS::Lambda::Function")
    roles = [json.dumps(one["Role"]) for one in functions.values()]
    assert len(set(roles)) == len(functions) == 5
    for name, function in functions.items():
        assert function["Timeout"] < 30 or name in ("DeliverLambdaFunction", "OperatorLambdaFunction")
        assert "ReservedConcurrentExecutions" in function or name == "OperatorLambdaFunction"
        assert {tag["Key"] for tag in function["Tags"]} == {"service", "stage"}
    assert all(group["RetentionInDays"] == 30 for group in of_type(template, "AWS::Logs::LogGroup").values())


def test_the_bucket_is_closed_versioned_and_encrypted_and_is_kept(template: dict[str, Any]) -> None:
    bucket = template["Resources"]["Snapshots"]
    properties = bucket["Properties"]
    assert bucket["DeletionPolicy"] == "Retain"
    assert all(properties["PublicAccessBlockConfiguration"].values())
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert properties["LifecycleConfiguration"]["Rules"]


def test_no_secret_stands_in_the_template(template: dict[str, Any]) -> None:
    variables = of_type(template, "AWS::Lambda::Function")["ApiLambdaFunction"]["Environment"]["Variables"]
    for name in ("DATABASE_URL", "POOL_SECRET", "SECRET_KEY"):
        assert "resolve:secretsmanager" in json.dumps(variables[name])
