"""What a page's identity looks like in files, in every form that Chromium writes it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from browser_pool.golden_profile import GoldenProfile, NotGolden
from browser_pool.identity import Identity
from storage.clock import ManualClock

NOISE, PUBLIC, SECRET = (bytes([number]) * 32 for number in (1, 2, 3))
PARTS = [base64.b64encode(key).decode() for key in (NOISE, PUBLIC, SECRET)]
REF = ",".join(["2@abcdefghijklmnopqrstuvwxyz", *PARTS, "1"])
STORED = {"secret": "a-value-of-its-own", "flag": "true", "version": "2.3000.1043987654"}


@pytest.mark.parametrize(
    "content",
    [
        b"abcdefghijklmnopqrstuvwxyz",
        PARTS[0].encode(),
        NOISE,
        PUBLIC,
        SECRET,
        PARTS[2].encode("utf-16-le"),
        b"a-value-of-its-own",
    ],
)
def test_every_form_of_every_secret_is_found(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"before" + content + b"after")
    identity = Identity.of_page(REF, STORED, everybodys={"2.3000.1043987654"})
    assert identity.traces_in(tmp_path) == ["below/file"]


def test_what_every_page_has_is_no_trace(tmp_path: Path) -> None:
    (tmp_path / "script.js").write_bytes(b'const version = "2.3000.1043987654", flag = true;')
    assert Identity.of_page(REF, STORED, everybodys={"2.3000.1043987654"}).traces_in(tmp_path) == []
    assert Identity.of_page(REF, STORED).traces_in(tmp_path) == ["script.js"]


def filled(tmp_path: Path) -> Path:
    """A user-data directory as a browser leaves it."""
    default = tmp_path / "chromium" / "Default"
    for name in (
        "Cache/Cache_Data",
        "Code Cache/js",
        "Service Worker/Database",
        "IndexedDB",
        "Local Storage",
    ):
        (default / name).mkdir(parents=True)
        (default / name / "file").write_bytes(b"public")
    (default / "Cookies").write_bytes(b"private")
    return default.parent


def replace(golden: GoldenProfile, source: Path, chromium: str = "1.0") -> None:
    identity = Identity.of_page(REF, {})
    golden.replace(source, identity, chromium=chromium, web="2.3", now=ManualClock().now())


def test_only_caches_are_taken_and_the_next_one_replaces_it(tmp_path: Path) -> None:
    golden, source = GoldenProfile(tmp_path), filled(tmp_path)
    replace(golden, source)
    (source / "Default" / "Cache" / "newer").write_bytes(b"public")
    replace(golden, source)
    taken = {path.name for path in (golden.root / "Default").iterdir()}
    assert taken == {"Cache", "Code Cache", "Service Worker"}
    assert (golden.root / "Default" / "Cache" / "newer").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"chromium", "golden"}
    manifest = golden.open("1.0")
    assert manifest is not None
    assert manifest.files == 4


@pytest.mark.parametrize("where", ["Cache/Cache_Data/page", "Service Worker/Database/000003.log"])
def test_caches_with_an_identity_in_them_are_refused_and_the_old_ones_stay(
    tmp_path: Path, where: str
) -> None:
    golden, source = GoldenProfile(tmp_path), filled(tmp_path)
    replace(golden, source)
    (source / "Default" / where).write_bytes(b"..." + SECRET)
    with pytest.raises(NotGolden, match="identity"):
        replace(golden, source)
    assert golden.open("1.0") is not None
    assert not (tmp_path / "golden.new").exists()


def test_a_directory_where_identities_live_is_refused_wherever_it_is(tmp_path: Path) -> None:
    golden, source = GoldenProfile(tmp_path), filled(tmp_path)
    (source / "Default" / "Service Worker" / "IndexedDB").mkdir()
    with pytest.raises(NotGolden, match="IndexedDB"):
        replace(golden, source)


def test_one_of_another_chromium_or_a_damaged_one_is_gone(tmp_path: Path) -> None:
    golden, source = GoldenProfile(tmp_path), filled(tmp_path)
    replace(golden, source, chromium="1.0")
    assert golden.open("2.0") is None
    assert not golden.root.exists()
    replace(golden, source)
    (golden.root / "manifest.json").write_text("{")
    (tmp_path / "golden.new").mkdir()
    assert golden.open("1.0") is None
    assert {path.name for path in tmp_path.iterdir()} == {"chromium"}
