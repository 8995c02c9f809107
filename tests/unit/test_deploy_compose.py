"""deploy/compose.yaml is what compose understands, and tells our processes what they understand."""

from __future__ import annotations

import base64
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from browser_pool.config import OnStop, PoolConfig
from deploy.env_files import read_env_file
from deploy.settings import ROOT
from functions.config import FunctionsConfig
from tests.deployment import COMPOSE, documents, filled, references
from tests.dockerfile import read_dockerfile

(FILE,) = documents(COMPOSE)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("linkpool-")}
NODES = {name: service for name, service in OURS.items() if service["image"].startswith("linkpool-pool:")}
SECRETS = ("POOL_SECRET", "SECRET_KEY", "SNAPSHOT_KEY", "POSTGRES_PASSWORD", "AWS_SECRET_ACCESS_KEY")
GIVEN = {
    "POOL_SECRET": secrets.token_hex(32),
    "SECRET_KEY": secrets.token_hex(32),
    "SNAPSHOT_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    "POSTGRES_PASSWORD": secrets.token_hex(32),
    "AWS_ACCESS_KEY_ID": secrets.token_hex(8),
    "AWS_SECRET_ACCESS_KEY": secrets.token_hex(32),
}


def environ_of(service: dict[str, Any]) -> dict[str, str]:
    told = {name: filled(value, GIVEN) for name, value in service["environment"].items()}
    dockerfile = ROOT / service["build"]["dockerfile"]
    return read_dockerfile(dockerfile)[-1].environ | {name: value for name, value in told.items() if value}


def test_it_follows_the_compose_specification() -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [program, "--builtin-schema", "vendor.compose-spec", COMPOSE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_every_name_it_tells_our_processes_or_asks_for_is_a_setting() -> None:
    settings = set(read_env_file(ROOT / ".env.example"))
    told = {name for service in OURS.values() for name in service["environment"]}
    asked = set(references(FILE))
    assert {name for name in told | asked if not name.startswith(("AWS_", "POSTGRES_"))} <= settings


def test_a_secret_is_named_and_its_absence_ends_the_start() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if name in SECRETS:
                assert references(value)[name][0] == ":?", name
    assert references(OURS["functions"]["environment"]["DATABASE_URL"])["POSTGRES_PASSWORD"][0] == ":?"


def test_functions_and_nodes_take_what_they_are_told() -> None:
    functions = FunctionsConfig.from_env(environ_of(SERVICES["functions"]))
    assert functions.database_url.endswith("@postgres:5432/linkpool")
    FunctionsConfig.from_env(environ_of(SERVICES["deliverer"]))
    nodes = [PoolConfig.from_env(environ_of(node)) for node in NODES.values()]
    assert len({node.node_id for node in nodes}) == len(nodes) > 1
    for name, node in zip(NODES, nodes, strict=True):
        assert node.pool_url == f"http://{name}:{node.pool_port}"
        assert node.functions_url == "http://functions:8000"
        assert node.mirrored
        assert node.on_stop is OnStop.CLOSE


def test_a_node_has_no_way_to_the_registry_and_a_browser_none_to_a_disk_of_others() -> None:
    for node in NODES.values():
        assert not set(node["networks"]) & {"registry", "edge"}
        assert not {"DATABASE_URL", "SECRET_KEY"} & set(node["environment"])
    disks = [mount.partition(":")[0] for node in NODES.values() for mount in node["volumes"]]
    assert len(set(disks)) == len(NODES)
    assert all(FILE["networks"][name]["internal"] for name in ("nodes", "registry", "store"))


def test_only_loopback_of_the_machine_is_published() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["functions"]
    (port,) = published["functions"]
    assert filled(port, {}) == "127.0.0.1:8000:8000"


@pytest.mark.parametrize("service", OURS.values(), ids=OURS)
def test_what_runs_is_confined(service: dict[str, Any]) -> None:
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert (COMPOSE.parent / service["build"]["context"]).resolve() == ROOT
    assert any(mount.startswith("/tmp:") for mount in service["tmpfs"])


@pytest.mark.parametrize("node", NODES.values(), ids=NODES)
def test_a_browsers_sandbox_is_allowed_and_its_memory_is_shared(node: dict[str, Any]) -> None:
    (profile,) = [one.partition(":")[2] for one in node["security_opt"] if one.startswith("seccomp:")]
    assert (COMPOSE.parent / profile).is_file()
    assert node["shm_size"] == "1gb"


def test_networks_and_volumes_are_declared() -> None:
    for service in SERVICES.values():
        assert set(service["networks"]) <= set(FILE["networks"])
        assert {mount.partition(":")[0] for mount in service.get("volumes", [])} <= set(FILE["volumes"])
        assert set(service.get("depends_on", [])) <= set(SERVICES)
        assert not service["image"].endswith(":latest") or service in OURS.values()
