"""A snapshot's manifest: which files it has, which pieces they are made of, and where the pieces lie.

Rule: nothing of it is believed before `parse` has checked all of it. It was sealed by us, but perhaps by
another version, or by one with a fault.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.clock import to_wire
from storage.ids import ID_FORM, is_id
from storage.profile_files import DirectoryEntry, FileEntry, Tree, check_tree
from storage.snapshot_errors import SnapshotCorrupt, SnapshotNewer
from storage.snapshot_record import About, Snapshot, about_from_wire, about_to_wire
from storage.strict_fields import Fields, is_count

FORMAT = 1
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PIECE_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a sealed piece lies."""

    pack: str
    offset: int
    length: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One snapshot, complete."""

    id: str
    saved_at: datetime
    about: About
    tree: Tree
    places: Mapping[str, Place]
    """Of every piece of the tree, by its name."""
    packs: Mapping[str, int]
    """Bytes of every pack that a place is in."""
    packed_bytes: int
    """Of the packs that were written for this one."""

    def snapshot(self, sealed_bytes: int) -> Snapshot:
        """Its line in the history, when the sealed manifest has this many bytes."""
        return Snapshot(
            id=self.id,
            about=self.about,
            saved_at=self.saved_at,
            files=len(self.tree.files),
            size_bytes=self.tree.size_bytes,
            new_bytes=self.packed_bytes + sealed_bytes,
        )

    def to_bytes(self) -> bytes:
        """As JSON, before it is sealed. Packs and pieces are told once and then by their index."""
        pack_index = {pack: index for index, pack in enumerate(self.packs)}
        piece_index = {piece: index for index, piece in enumerate(self.places)}
        wire = {
            "format": FORMAT,
            "id": self.id,
            "saved_at": to_wire(self.saved_at),
            "about": about_to_wire(self.about),
            "packed_bytes": self.packed_bytes,
            "packs": [[pack, size] for pack, size in self.packs.items()],
            "pieces": [
                [piece, pack_index[place.pack], place.offset, place.length]
                for piece, place in self.places.items()
            ],
            "directories": [[entry.path, entry.mode] for entry in self.tree.directories],
            "files": [
                [file.path, file.mode, file.size, file.sha256, [piece_index[piece] for piece in file.pieces]]
                for file in self.tree.files
            ],
        }
        return json.dumps(wire, separators=(",", ":")).encode()


def parse_manifest(plain: bytes, snapshot_id: str, what: str) -> Manifest:
    """Read and check an opened manifest; `what` names it in messages.

    Raises SnapshotCorrupt, SnapshotNewer.
    """
    try:
        fields = Fields.parse(plain, "manifest")
        check_format(fields, FORMAT, what)
        if fields.text("id") != snapshot_id:
            raise ValueError("it is the manifest of another snapshot")
        packs = _packs(fields.rows("packs", str, int))
        places = _places(fields.rows("pieces", str, int, int, int), packs)
        names = list(places)
        tree = Tree(
            directories=tuple(
                DirectoryEntry(path=path, mode=mode) for path, mode in fields.rows("directories", str, int)
            ),
            files=tuple(_file(row, names) for row in fields.rows("files", str, int, int, str, list)),
        )
        check_tree(tree)
        return Manifest(
            id=fields.text("id", ID_FORM),
            saved_at=fields.moment("saved_at"),
            about=about_from_wire(fields.fields("about")),
            tree=tree,
            places=places,
            packs=packs,
            packed_bytes=fields.number("packed_bytes"),
        )
    except ValueError as error:
        raise SnapshotCorrupt(f"{what}: its manifest is not sound: {error}; try the previous one") from error


def check_format(fields: Fields, ours: int, what: str) -> None:
    """Raises SnapshotNewer for a format that comes after ours, ValueError for none."""
    made_by = fields.number("format")
    if made_by > ours:
        raise SnapshotNewer(f"{what} was made by a newer linkpool (format {made_by}); upgrade this one")
    if made_by != ours:
        raise ValueError("it has no known format")


def _packs(rows: list[list[Any]]) -> dict[str, int]:
    packs = dict(rows)
    if len(packs) != len(rows) or not all(is_id(pack) for pack in packs):
        raise ValueError("a pack stands there twice or has no id")
    return packs


def _places(rows: list[list[Any]], packs: Mapping[str, int]) -> dict[str, Place]:
    ids = list(packs)
    places: dict[str, Place] = {}
    for piece, index, offset, length in rows:
        if piece in places or not _PIECE_NAME.fullmatch(piece):
            raise ValueError("a piece stands there twice or has no name")
        if index >= len(ids) or offset + length > packs[ids[index]]:
            raise ValueError("a piece lies outside of its pack")
        places[piece] = Place(pack=ids[index], offset=offset, length=length)
    return places


def _file(row: list[Any], names: list[str]) -> FileEntry:
    path, mode, size, sha256, pieces = row
    if not _SHA256.fullmatch(sha256):
        raise ValueError("a file has no hash")
    if not all(is_count(index) and index < len(names) for index in pieces):
        raise ValueError("a file has a piece that is not listed")
    return FileEntry(
        path=path, mode=mode, size=size, sha256=sha256, pieces=tuple(names[index] for index in pieces)
    )
