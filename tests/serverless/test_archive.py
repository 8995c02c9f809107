"""The archive: what is in it, what is not, and what a cold start imports."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.lambda_package import build
from tests.serverless.conftest import PYTHON
from tests.serverless.lambda_system import runtime_alone

HEAVY = {
    "boto3",
    "botocore",
    "cryptography",
    "requests",
    "pydantic",
    "aiohttp",
    "playwright",
    "prometheus_client",
    "sqlite_utils",
    "standardwebhooks",
    "click_default_group",
}
"""What a page that is shown, or polled, never needs."""


def modules_after(unpacked: Path, tmp_path: Path, module: str) -> set[str]:
    """Top-level names that importing a Lambda brings, in a process with the archive alone."""
    code = f"import sys, {module}; print(*sorted(name.split('.')[0] for name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(unpacked),
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_pool_and_what_only_nodes_use_are_not_in_it(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        assert opened.testzip() is None
    first = {name.split("/")[0] for name in names}
    assert first & {"browser_pool", "deploy", "tests", "bench", "playwright", "aiohttp", "zstandard"} == set()
    assert {"functions", "storage", "templates", "psycopg", "flask"} <= first
    assert not [name for name in names if "vault" in name]
    assert archive.stat().st_size < 50 * 1024 * 1024, "Lambda takes a larger one only through S3"


def test_nothing_is_compiled_in_a_cold_start(unpacked: Path) -> None:
    for source in (
        "functions/lambda_page.py",
        "storage/database.py",
        "flask/app.py",
        "psycopg/connection.py",
    ):
        code = Path(importlib.util.cache_from_source(str(unpacked / source))).read_bytes()
        assert code[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(code[4:8], "little") == 0b01, (
            "by hash, and unchecked: its time counts for nothing"
        )


def test_the_same_commit_gives_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "again.zip", python=PYTHON)
    assert again.read_bytes() == archive.read_bytes()


def test_the_light_functions_import_nothing_heavy(unpacked: Path, tmp_path: Path) -> None:
    for module in ("functions.pages", "functions.health", "functions.frame", "functions.lambda_adapter"):
        assert modules_after(unpacked, tmp_path, module) & HEAVY == set(), module


def test_the_other_functions_import_no_boto3_until_they_need_it(unpacked: Path, tmp_path: Path) -> None:
    assert modules_after(unpacked, tmp_path, "functions.app") & {"boto3", "botocore", "cryptography"} == set()


def test_what_seals_numbers_is_in_it(unpacked: Path, tmp_path: Path) -> None:
    code = (
        "import os, storage.sealed_database, storage.number_sealing\n"
        "from storage.number_keys import NumberKeys\n"
        "from storage.sealed_number import Numbers\n"
        "numbers = Numbers(NumberKeys(sealing=os.urandom(32)))\n"
        "print(numbers.open('a', numbers.seal('a', '+6281234567890')))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("+6281234567890\n", "")


@pytest.mark.parametrize("module", ["lambda_page", "lambda_api", "lambda_nodes", "lambda_deliver"])
def test_sqlite_is_refused_with_the_reason(unpacked: Path, tmp_path: Path, module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import functions.{module}"],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{unpacked}:{runtime_alone(tmp_path / 'runtime')}",
            "DATABASE_URL": f"sqlite:///{tmp_path}/registry.db",
            "POOL_SECRET": "0123456789abcdef" * 2,
            "SECRET_KEY": "fedcba9876543210" * 2,
            "DELIVER_FUNCTION": "deliver",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "DATABASE_URL must be postgresql://" in done.stderr
    assert not (tmp_path / "registry.db").exists()
