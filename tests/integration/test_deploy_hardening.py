"""The walls around the processes forbid what they should, and Chromium's own sandbox stands inside them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.seccomp import library

ROOT = Path(__file__).parent.parent.parent
PROFILE = ROOT / "deploy" / "seccomp" / "chromium.json"
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
MOST_EXPOSED = {
    "linkpool-pool.service": 30,
    "linkpool-functions.service": 20,
    "linkpool-deliverer.service": 20,
}
"""Tenths of systemd's figure, of 100: an ordinary service has 96."""

PROVE = """
import asyncio, sys
from pathlib import Path
from browser_pool.executable import find_executable
from browser_pool.confinement import find_confinement
from browser_pool.sandbox_proof import prove_sandbox

async def main(directory):
    confinement = await find_confinement(directory, 60900, sandbox=True)
    await prove_sandbox(find_executable(None), confinement, "Test", directory)

asyncio.run(main(Path(sys.argv[1])))
print("proven")
"""


@pytest.fixture
def passable() -> Iterator[Path]:
    """Where an unprivileged uid can walk to: the profile forbids the mount that spares it the way."""
    directory = Path(tempfile.mkdtemp(prefix="linkpool-", dir="/tmp"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


def confined(*command: str) -> subprocess.CompletedProcess[str]:
    under = [sys.executable, "-m", "tests.fakes.seccomp", str(PROFILE), *command]
    return subprocess.run(under, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.browser
@pytest.mark.skipif(library() is None, reason="libseccomp is not installed")
def test_chromiums_sandbox_stands_under_the_seccomp_profile(passable: Path) -> None:
    done = confined(sys.executable, "-c", PROVE, str(passable))
    assert done.stdout.strip() == "proven", done.stderr
    mount = confined("mount", "-t", "tmpfs", "none", str(passable))
    assert mount.returncode != 0
    assert not os.path.ismount(passable)


def test_the_seccomp_profile_allows_nothing_that_an_escape_would_use() -> None:
    allowed = {name for rule in json.loads(PROFILE.read_text())["syscalls"] for name in rule["names"]}
    dangerous = {"mount", "umount2", "pivot_root", "setns", "ptrace", "process_vm_readv", "process_vm_writev"}
    dangerous |= {
        "bpf",
        "perf_event_open",
        "userfaultfd",
        "io_uring_setup",
        "keyctl",
        "add_key",
        "kexec_load",
    }
    dangerous |= {"init_module", "finit_module", "reboot", "swapon", "clock_settime", "open_by_handle_at"}
    assert not allowed & dangerous
    assert {"clone", "unshare", "chroot", "seccomp"} <= allowed


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_understood_and_leaves_little_open(unit: Path) -> None:
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    complaints = [line for line in verified.stderr.splitlines() if unit.name in line]
    assert [line for line in complaints if "is not executable" not in line] == []
    judged = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=true",
            f"--threshold={MOST_EXPOSED[unit.name]}",
            str(unit),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout[-200:]


def test_every_part_has_a_unit() -> None:
    assert {unit.name for unit in UNITS} == set(MOST_EXPOSED)
