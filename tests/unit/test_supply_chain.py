"""What is installed is what was pinned, from wherever, and under licences that we can live with."""

from __future__ import annotations

import json
import re
from importlib import metadata
from pathlib import Path

import pytest

from deploy.audit import LICENCES, runtime_packages

ROOT = Path(__file__).parent.parent.parent
PINS = sorted(ROOT.glob("requirements*.txt"))
NPM_LOCKS = [path for path in ROOT.rglob("package-lock.json") if "node_modules" not in path.parts]

FREE = re.compile(
    r"MIT|MIT-0|MIT-CMU|BSD|Apache|PSF|Python Software Foundation|Public Domain|ISC|Unlicense|0BSD",
    re.IGNORECASE,
)
COPYLEFT = re.compile(r"GPL|MPL|Mozilla|EUPL|CDDL|EPL|SSPL|Commons Clause|Affero", re.IGNORECASE)
ACCEPTED_COPYLEFT = {
    "psycopg": "LGPL-3.0: imported unchanged as a library; replaceable by whoever runs it",
    "psycopg-binary": "the same",
    "psycopg-pool": "the same",
    "certifi": "MPL-2.0: a list of certificates, unchanged",
}


@pytest.mark.parametrize("path", PINS, ids=lambda path: path.name)
def test_every_pin_has_its_hashes_and_no_index(path: Path) -> None:
    text = path.read_text()
    packages = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", text).strip())
    assert len(packages) > 10
    for package in packages:
        assert re.match(r"[A-Za-z0-9_.-]+(\[[a-z0-9,_-]+\])?==\S+", package), package[:80]
        assert "--hash=sha256:" in package, package[:80]
    assert "://" not in text
    assert not re.search(r"--(extra-)?index-url|--find-links|--trusted-host|-e |git\+", text)


@pytest.mark.parametrize("path", NPM_LOCKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_npm_package_has_its_hash_and_no_registry(path: Path) -> None:
    packages = json.loads(path.read_text())["packages"]
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert not name or "integrity" in package, name


def licence_of(distribution: metadata.Distribution) -> str:
    told = distribution.metadata
    classifiers = [one for one in told.get_all("Classifier") or [] if one.startswith("License")]
    return " ".join([told.get("License-Expression") or "", (told.get("License") or "")[:100], *classifiers])


def test_nothing_copyleft_is_run_but_what_was_looked_at() -> None:
    unknown, copyleft = [], []
    for name in runtime_packages():
        try:
            licence = licence_of(metadata.distribution(name))
        except metadata.PackageNotFoundError:
            continue  # for another system than this one
        if COPYLEFT.search(licence):
            copyleft.append(name)
        elif not FREE.search(licence):
            unknown.append(f"{name}: {licence}")
    assert set(copyleft) <= set(ACCEPTED_COPYLEFT)
    assert unknown == []


def test_the_list_of_licences_is_complete() -> None:
    """`make audit` writes it."""
    listed = {
        re.sub(r"[_.]", "-", row.split("|")[1].strip().lower())
        for row in LICENCES.read_text().splitlines()
        if row.startswith("| ") and not row.startswith("| Name")
    }
    installed = set()
    for name in runtime_packages():
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        installed.add(re.sub(r"[_.]", "-", name.lower()))
    assert listed == installed
