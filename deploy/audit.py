"""`make audit`: what we ship, under which licences, and what is known against it.

Writes docs/licences.md (checked in) and dist/sbom.cdx.json, then asks the advisory service about every pinned
version. `make check` only asks (--advisories). Rule: an answer that did not come is said to be missing and
never taken for a good one. Exit code 0: nothing known; 1: advisories; 3: nobody could be asked.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LICENCES = ROOT / "docs" / "licences.md"
SBOM = ROOT / "dist" / "sbom.cdx.json"
TOOLS_VENV = ROOT / ".venv-tools"
"""Apart from what we run, so that what audits is not what is audited."""
_PINNED = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[a-z,_-]+\])?==", re.MULTILINE)
_HEAD = """# Licences of what linkpool runs with

Made by `make audit` from the installed packages of requirements.txt. `tests/unit/test_supply_chain.py` holds
that the list is complete, and that nothing copyleft comes in but what is named there with a reason. Chromium
(BSD-3-Clause and others, listed in its own `chrome://credits`) is installed beside it and not shipped.

"""


def runtime_packages() -> list[str]:
    """Names in requirements.txt."""
    return sorted(_PINNED.findall((ROOT / "requirements.txt").read_text()), key=str.lower)


def tools() -> Path:
    """Where pip-audit, pip-licenses and cyclonedx-py are; installs them when they are nowhere."""
    here = Path(sys.executable).parent
    for place in (here, TOOLS_VENV / "bin"):
        if all((place / name).exists() for name in ("pip-audit", "pip-licenses", "cyclonedx-py")):
            return place
    venv.create(TOOLS_VENV, with_pip=True)
    pip: list[str | Path] = [TOOLS_VENV / "bin" / "pip", "install", "--quiet", "--require-hashes"]
    subprocess.run([*pip, "-r", ROOT / "requirements-tools.txt"], check=True)
    return TOOLS_VENV / "bin"


def write_licences(place: Path) -> None:
    """The list for people."""
    options = ["--format=markdown", "--with-urls", "--with-system", "--no-version", "--order=name"]
    command: list[str | Path] = [
        place / "pip-licenses",
        f"--python={sys.executable}",
        *options,
        "--packages",
        *runtime_packages(),
    ]
    table = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    LICENCES.write_text(_HEAD + table.rstrip() + "\n")


def write_sbom(place: Path) -> None:
    """The list for machines, with the hashes that are installed."""
    SBOM.parent.mkdir(exist_ok=True)
    command: list[str | Path] = [place / "cyclonedx-py", "requirements", ROOT / "requirements.txt"]
    command += ["--output-reproducible", "--of", "JSON", "-o", SBOM]
    subprocess.run(command, check=True, capture_output=True)


def advisories(place: Path) -> tuple[list[str], int]:
    """(what is known against our pins, how many of them could not be asked about)."""
    command: list[str | Path] = [
        place / "pip-audit",
        "-r",
        ROOT / "requirements.txt",
        "--require-hashes",
        "--disable-pip",
    ]
    command += ["--progress-spinner", "off", "--format", "json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ})
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return [], len(runtime_packages())
    found = [
        f"{package['name']} {package['version']}: {advisory['id']}, fixed in {advisory['fix_versions']}"
        for package in answer["dependencies"]
        for advisory in package.get("vulns", [])
    ]
    return found, sum("skip_reason" in package for package in answer["dependencies"])


def ask() -> int:
    """Say what is known against what we ship, or that nobody could be asked; the exit code."""
    try:
        found, unasked = advisories(tools())
    except subprocess.CalledProcessError:
        found, unasked = [], len(runtime_packages())
    for line in found:
        print(f"ADVISORY {line}")
    if unasked:
        of = f"{unasked} of {len(runtime_packages())} packages"
        print(f"NOT AUDITED: {of}; the advisory service gave no answer about them")
    elif not found:
        print("no advisory is known against any pinned version")
    return 1 if found else 3 if unasked else 0


def main(arguments: list[str]) -> int:
    """Everything, in this order: what needs no network first."""
    if arguments == ["--advisories"]:
        return ask()
    if arguments:
        print("usage: python -m deploy.audit [--advisories]", file=sys.stderr)
        return 2
    place = tools()
    write_licences(place)
    write_sbom(place)
    print(f"{LICENCES.relative_to(ROOT)} and {SBOM.relative_to(ROOT)} are written")
    return ask()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
