"""A manifest is believed in full or not at all."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from storage.ids import new_id
from storage.manifest import Manifest, Place, parse_manifest
from storage.profile_files import DirectoryEntry, FileEntry, Tree
from storage.sealing import PIECE_BYTES
from storage.snapshot_errors import SnapshotCorrupt, SnapshotNewer
from tests.fakes.vaults import about

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PACK = "01KDVDNA00QHW8258TB2W3B3T8"
ONE, TWO = "a" * 32, "b" * 32


def manifest() -> Manifest:
    tree = Tree(
        directories=(DirectoryEntry(path="d", mode=0o700), DirectoryEntry(path="d/e", mode=0o755)),
        files=(
            FileEntry(path="d/e/f", mode=0o600, size=PIECE_BYTES + 1, sha256="0" * 64, pieces=(ONE, TWO)),
            FileEntry(path="g", mode=0o400, size=0, sha256="1" * 64, pieces=()),
        ),
    )
    places = {ONE: Place(pack=PACK, offset=0, length=60), TWO: Place(pack=PACK, offset=60, length=40)}
    return Manifest(
        id=new_id(NOW),
        saved_at=NOW,
        about=about(),
        tree=tree,
        places=places,
        packs={PACK: 100},
        packed_bytes=100,
    )


def test_a_manifest_reads_back_as_it_was() -> None:
    written = manifest()
    assert parse_manifest(written.to_bytes(), written.id, "it") == written


def spoil(**changes: Any) -> tuple[bytes, str]:
    written = manifest()
    wire = json.loads(written.to_bytes()) | changes
    return json.dumps(wire).encode(), written.id


def files(**changes: Any) -> list[Any]:
    row: dict[str, Any] = {"path": "g", "mode": 0o600, "size": 1, "sha256": "0" * 64, "pieces": [0]}
    return [list((row | changes).values())]


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 0},
        {"format": None},
        {"format": "1"},
        {"id": PACK},
        {"saved_at": "yesterday"},
        {"saved_at": "2026-01-01T00:00:00"},
        {"packed_bytes": -1},
        {"about": None},
        {"about": {"session_id": 7}},
        {"packs": [["../../x", 100]]},
        {"packs": [[PACK, 100], [PACK, 100]]},
        {"packs": [[PACK, True]]},
        {"packs": [[PACK, 99]]},
        {"packs": []},
        {"pieces": [[ONE, 0, 0, 60]]},
        {"pieces": [[ONE, 0, 0, 60], [ONE, 0, 60, 40]]},
        {"pieces": [[ONE, 0, -1, 60], [TWO, 0, 60, 40]]},
        {"pieces": [[ONE, 1, 0, 60], [TWO, 0, 60, 40]]},
        {"pieces": [["../../x", 0, 0, 60], [TWO, 0, 60, 40]]},
        {"directories": [["d/e", 0o700]]},
        {"directories": [["d/e", 0o700], ["d", 0o700]]},
        {"directories": [["d", 0o700], ["d", 0o700], ["d/e", 0o700]]},
        {"directories": [["d", 0o4700], ["d/e", 0o700]]},
        {"directories": {}},
        {"files": files(path="d/e")},
        {"files": files(path="../g")},
        {"files": files(path="/g")},
        {"files": files(path="h/g")},
        {"files": files(path="d/../g")},
        {"files": files(path="g\0")},
        {"files": files(path="x" * 1025)},
        {"files": files(mode=0o6755)},
        {"files": files(size=0)},
        {"files": files(size=PIECE_BYTES + 1)},
        {"files": files(sha256="0" * 63)},
        {"files": files(pieces=[2])},
        {"files": files(pieces=[-1])},
        {"files": files(pieces=[True])},
        {"files": files(pieces=["a"])},
        {"files": files(pieces=None)},
        {"files": [*files(), *files()]},
        {"files": [*files(), *files(path="g/below")]},
    ],
    ids=str,
)
def test_what_is_not_sound_is_refused(changes: dict[str, Any]) -> None:
    plain, snapshot_id = spoil(**changes)
    with pytest.raises(SnapshotCorrupt, match="try the previous one"):
        parse_manifest(plain, snapshot_id, f"snapshot {snapshot_id}")


def test_a_truncated_manifest_is_refused_wherever_it_ends() -> None:
    written = manifest()
    whole = written.to_bytes()
    for end in range(len(whole)):
        with pytest.raises(SnapshotCorrupt):
            parse_manifest(whole[:end], written.id, "it")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(SnapshotCorrupt):
        parse_manifest(b'{"format":' + b"[" * 200_000, PACK, "it")


def test_a_newer_one_asks_for_an_upgrade_whatever_else_it_holds() -> None:
    with pytest.raises(SnapshotNewer, match=r"format 2\); upgrade"):
        parse_manifest(b'{"format": 2, "files": "elsewhere"}', PACK, "it")


def test_messages_never_hold_values() -> None:
    plain, snapshot_id = spoil(about={"session_id": "x", "phone_number": 6281234509876})
    with pytest.raises(SnapshotCorrupt) as caught:
        parse_manifest(plain, snapshot_id, "it")
    assert "6281234509876" not in str(caught.value)
