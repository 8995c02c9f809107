"""What all tests of the Lambdas share: one archive, one template."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from deploy.lambda_package import build
from tests.serverless import tools

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the Python that runs it here."""
    return build(tmp_path_factory.mktemp("dist") / "functions.zip", python=PYTHON)


@pytest.fixture(scope="session")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In an empty directory."""
    directory = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(directory)
    return directory


@pytest.fixture(scope="session")
def template(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of the stage `prod`."""
    tools.require_framework()
    return tools.packaged(tmp_path_factory.mktemp("template"), "prod", archive)
