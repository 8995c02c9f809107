"""The script that boots a node on AWS, run here with its own shell and a metadata service.

What it would ask of the machine (packages, units, AWS) is written down; what it writes is read as it will be.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from browser_pool.config import OnStop, PoolConfig
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
BOOT = ROOT / "deploy" / "serverless" / "node_boot.sh"
FLEET = ROOT / "deploy" / "serverless" / "fleet.yml"
FILLED_IN = {
    "AWS::Region": "eu-central-1",
    "HttpApi.ApiEndpoint": "https://a1b2c3.execute-api.eu-central-1.amazonaws.com",
    "Key.Arn": "arn:aws:kms:eu-central-1:111122223333:key/8d1c",
    "PoolImage": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/linkpool-pool:0.1.0",
    "PoolSecret": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:linkpool/prod/pool-secret",
    "Snapshots": "linkpool-prod-snapshots-x",
    "Stage": "prod",
}
"""By CloudFormation."""

RECORD = '#!/bin/bash\nprintf "%q " "$(basename "$0")" "$@" >>"$RECORD"; echo >>"$RECORD"\n'


class Metadata:
    """Of an instance, version 2: nothing without a token."""

    def __init__(self) -> None:
        metadata = self
        self.said = {"local-ipv4": "10.0.3.7", "instance-id": "i-0abc"}
        self.asked = 0

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self._answer(200, "token" if "X-aws-ec2-metadata-token-ttl-seconds" in self.headers else "")

            def do_GET(self) -> None:
                metadata.asked += 1
                found = metadata.said.get(self.path.removeprefix("/latest/meta-data/"))
                known = self.headers.get("X-aws-ec2-metadata-token") == "token" and found is not None
                self._answer(200 if known else 404, found or "")

            def _answer(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where the script ran."""

    root: Path
    environ: dict[str, str]
    metadata: Metadata

    def read(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text(encoding="utf-8")

    @property
    def asked_for(self) -> list[list[str]]:
        """Every command that would have changed the machine or asked AWS."""
        return [shlex.split(line) for line in self.read("record").splitlines()]


def filled_in(text: str) -> str:
    """As Fn::Sub does it. Names that the stack does not know fail there, and here."""
    text = re.sub(r"\$\{([A-Za-z][\w.:]*)\}", lambda found: FILLED_IN[found[1]], text)
    return text.replace("${!", "${")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    for name in ("etc/systemd/system", "usr/local/bin", "commands"):
        (tmp_path / name).mkdir(parents=True)
    for name, more in {
        "dnf": "",
        "systemctl": "",
        "aws": 'case "$*" in *get-secret-value*) echo ' + "0123456789abcdef" * 2 + ";; esac\n",
    }.items():
        command = tmp_path / "commands" / name
        command.write_text(RECORD + more)
        command.chmod(0o755)
    metadata = Metadata()
    script = filled_in(BOOT.read_text(encoding="utf-8"))
    script = script.replace("169.254.169.254", metadata.address)
    script = re.sub(r"(?<![\w.])/(etc/|usr/local/)", rf"{tmp_path}/\1", script)
    environ = {
        "PATH": f"{tmp_path / 'commands'}:{os.environ['PATH']}",
        "RECORD": str(tmp_path / "record"),
    }
    done = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    yield Machine(root=tmp_path, environ=environ, metadata=metadata)
    metadata.close()


def test_the_pool_starts_with_what_it_writes(machine: Machine) -> None:
    lines = machine.read("/etc/linkpool/pool.env").splitlines()
    config = PoolConfig.from_env(dict(line.split("=", 1) for line in lines))
    assert (config.node_id, config.pool_host) == ("i-0abc", "10.0.3.7")
    assert config.pool_url == "http://10.0.3.7:8100"
    assert config.functions_url == FILLED_IN["HttpApi.ApiEndpoint"]
    assert config.on_stop is OnStop.DRAIN
    assert (machine.root / "etc/linkpool/pool.env").stat().st_mode & 0o077 == 0


def test_its_container_is_as_closed_as_that_of_the_compose_file(machine: Machine) -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))["services"][
        "pool-1"
    ]
    unit = machine.read("/etc/systemd/system/linkpool-pool.service")
    (command,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    said = shlex.split(command)
    assert ("--read-only" in said) is compose["read_only"] is True
    for option, values in {
        "--cap-drop": compose["cap_drop"],
        "--pids-limit": [str(compose["pids_limit"])],
        "--shm-size": ["1g"],
        "--volume": ["linkpool:/var/lib/linkpool"],
        "--security-opt": ["no-new-privileges", f"seccomp={machine.root}/etc/linkpool/chromium.json"],
    }.items():
        assert [said[at + 1] for at, word in enumerate(said) if word == option] == values, option
    assert said[-1] == FILLED_IN["PoolImage"]


def test_the_sandboxes_profile_comes_out_of_the_image(machine: Machine) -> None:
    dockerfile = (ROOT / "deploy" / "docker" / "pool.Dockerfile").read_text(encoding="utf-8")
    unit = machine.read("/etc/systemd/system/linkpool-pool.service")
    (inside,) = re.findall(r"--entrypoint cat \S+ (\S+) >", unit)
    assert f"COPY {inside} ./{inside}\n" in dockerfile


def test_an_image_of_the_accounts_own_registry_can_be_pulled(machine: Machine) -> None:
    registry = FILLED_IN["PoolImage"].partition("/")[0]
    assert machine.read("/etc/linkpool/config.json") == f'{{"credHelpers": {{"{registry}": "ecr-login"}}}}\n'
    assert ["dnf", "install", "-y", "docker", "amazon-ecr-credential-helper"] in machine.asked_for


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_its_units(machine: Machine) -> None:
    for name in ("linkpool-pool", "linkpool-leave"):
        unit = machine.root / "etc/systemd/system" / f"{name}.service"
        done = subprocess.run(
            ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
        )
        complaints = [line for line in done.stderr.splitlines() if unit.name in line]
        assert [line for line in complaints if "docker" not in line] == []  # which is not installed here


def test_a_machine_that_is_to_go_hands_over_first(machine: Machine) -> None:
    unit = machine.read("/etc/systemd/system/linkpool-leave.service")
    (command,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    before, asked = len(machine.asked_for), machine.metadata.asked
    leave = subprocess.Popen(["bash", *shlex.split(command)], env=machine.environ)
    eventually(lambda: machine.metadata.asked > asked, "it looks")
    assert len(machine.asked_for) == before
    machine.metadata.said["autoscaling/target-lifecycle-state"] = "Terminated"
    assert leave.wait(30) == 0
    stopped, completed = machine.asked_for[before:]
    assert stopped == ["systemctl", "stop", "linkpool-pool"]
    assert completed[:3] == ["aws", "autoscaling", "complete-lifecycle-action"]
    fleet = FLEET.read_text(encoding="utf-8")
    name = completed[completed.index("--lifecycle-hook-name") + 1]
    group = completed[completed.index("--auto-scaling-group-name") + 1]
    assert f"LifecycleHookName: {name}\n" in fleet
    assert f"AutoScalingGroupName: {group.replace('prod', '${sls:stage}')}\n" in fleet
