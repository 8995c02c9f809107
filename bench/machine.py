"""On what a run was made: machine, versions, commit. Rule: nothing in it names a person or a host."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "tests" / "peers"
PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CHROMIUM_PATH",
    "CHROMIUM_SANDBOX",
)
APT = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]


def clean_environ() -> dict[str, str]:
    """What both sides are given of our environment: enough to run, nothing that could set them up."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


def peer_chromium() -> tuple[str, str | None]:
    """The browser that whatsapp-web.js is given, and a note when it is not the one it would have.

    Its default is a whole Chromium with --headless. Debian's package is installed when it is missing; where
    that cannot be done the headless shell is used, which flatters the peer: less memory, faster start.
    """
    if shutil.which("chromium") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update", "-qq"], [*APT, "chromium"]):
            subprocess.run(command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, check=False)
    for name in ("chromium", "google-chrome"):
        if found := shutil.which(name):
            return found, None
    shell = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium-headless-shell")
    if shell is None:
        raise RuntimeError("the peer has no browser: install chromium")
    return shell, "the peer ran on the headless shell because no whole Chromium was there; this flatters it"


def commit() -> str:
    """Short hash of what is checked out."""
    return _says("git", "rev-parse", "--short", "HEAD") or "no-commit"


def describe(peer_browser: str) -> dict[str, Any]:
    """For the results."""
    package = json.loads((PEERS / "node_modules" / "whatsapp-web.js" / "package.json").read_text())
    return {
        "commit": commit(),
        "uncommitted_changes": bool(_says("git", "status", "--porcelain", "--", ":!bench/results")),
        "cpu": _first(r"model name\s*: (.*)", Path("/proc/cpuinfo")) or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "system": _first(r'PRETTY_NAME="(.*)"', Path("/etc/os-release")),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "node": _says("node", "--version"),
        "chromium_of_the_peer": _says(peer_browser, "--version"),
        "chromium_of_ours": _says(_ours(), "--version"),
        "whatsapp_web_js": package["version"],
    }


def _ours() -> str:
    return os.environ.get("CHROMIUM_PATH") or shutil.which("chromium-headless-shell") or "headless_shell"


def _says(*command: str) -> str | None:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _first(pattern: str, path: Path) -> str | None:
    found = re.search(pattern, path.read_text()) if path.exists() else None
    return found[1] if found else None
