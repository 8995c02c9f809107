"""The Serverless Framework's fork, and what it makes of serverless.yml."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FRAMEWORK = ROOT / "deploy" / "serverless" / "node_modules" / ".bin" / "serverless"


def require_framework() -> None:
    """In CI its absence is a failure; elsewhere the tests skip."""
    if shutil.which("node") is not None and FRAMEWORK.exists():
        return
    reason = "osls is not installed: npm ci --prefix deploy/serverless"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def environment(directory: Path, **more: str) -> dict[str, str]:
    """No account: it makes a template and calls nobody."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "SLS_TRACKING_DISABLED": "1",
        "SLS_NOTIFICATIONS_MODE": "off",
        **more,
    }


def run(directory: Path, *arguments: str, **environ: str) -> str:
    """What it printed. Raises CalledProcessError."""
    done = subprocess.run(
        [FRAMEWORK, *arguments],
        cwd=ROOT,
        env=environment(directory, **environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def packaged(directory: Path, stage: str, archive: Path) -> dict[str, Any]:
    """The CloudFormation template of a stage."""
    target = str(directory / stage)
    run(directory, "package", "--stage", stage, "--package", target, LINKPOOL_ARCHIVE=str(archive))
    path = directory / stage / "cloudformation-template-update-stack.json"
    template: dict[str, Any] = json.loads(path.read_text())
    return template
