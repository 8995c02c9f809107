"""Reading a snapshot: its pieces opened, put together, and every file's hash compared.

Rule: a file is given out as whole only when its size and hash are those of the manifest. A piece that
opens under its name is not enough: the manifest might have named the wrong one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from storage.manifest import Place
from storage.objects import ObjectMissing
from storage.profile_files import FileEntry
from storage.sealing import Kind, Sealing, Unsealable
from storage.session_objects import SessionObjects
from storage.snapshot_errors import SnapshotCorrupt
from storage.snapshot_record import Snapshot

Progress = Callable[[int], None]
"""Told how many more plain bytes are done."""

SHELF_BYTES = 96 * 1024 * 1024
"""Packs held at once while reading: three large ones, or hundreds of small ones."""


@dataclass(frozen=True, kw_only=True)
class Verified:
    """A snapshot that was read to the end and is whole."""

    snapshot: Snapshot
    pieces: int
    packs: int
    read_bytes: int
    """What came from the store, sealed."""


class SnapshotReader:
    """One snapshot while it is read. Not for use by several threads."""

    def __init__(self, objects: SessionObjects, sealing: Sealing, snapshot_id: str) -> None:
        self.manifest, self.snapshot = objects.manifest(sealing, snapshot_id)
        self._objects = objects
        self._sealing = sealing
        self._shelf: OrderedDict[str, bytes] = OrderedDict()
        self._read_bytes = 0

    def chunks(self, file: FileEntry) -> Iterator[bytes]:
        """A file's bytes; after the last one it is known to be whole. Raises SnapshotCorrupt."""
        whole = sha256()
        size = 0
        for piece in file.pieces:
            plain = self._piece(piece)
            whole.update(plain)
            size += len(plain)
            yield plain
        if size != file.size or whole.hexdigest() != file.sha256:
            raise self._corrupt("the hash of a file differs")

    def verify(self, progress: Progress) -> Verified:
        """Read everything, keep nothing. Raises SnapshotCorrupt."""
        for file in self.manifest.tree.files:
            for chunk in self.chunks(file):
                progress(len(chunk))
        return Verified(
            snapshot=self.snapshot,
            pieces=len(self.manifest.places),
            packs=len(self.manifest.packs),
            read_bytes=self._read_bytes,
        )

    def _piece(self, piece: str) -> bytes:
        place = self.manifest.places[piece]
        sealed = self._pack(place)[place.offset : place.offset + place.length]
        try:
            return self._sealing.open(Kind.PIECE, piece, sealed)
        except Unsealable as error:
            raise self._corrupt(f"pack {place.pack} is damaged") from error

    def _pack(self, place: Place) -> bytes:
        data = self._shelf.get(place.pack)
        if data is not None:
            self._shelf.move_to_end(place.pack)
            return data
        try:
            data = self._objects.store.get(self._objects.packs_root + place.pack).data
        except ObjectMissing as error:
            raise self._pack_missing(place.pack) from error
        if len(data) != self.manifest.packs[place.pack]:
            raise self._corrupt(f"pack {place.pack} is cut off or too long")
        self._read_bytes += len(data)
        self._shelf[place.pack] = data
        while sum(map(len, self._shelf.values())) > SHELF_BYTES and len(self._shelf) > 1:
            self._shelf.popitem(last=False)
        return data

    def _pack_missing(self, pack: str) -> Exception:
        """A prune removes manifests before packs: was this one pruned under our hands?"""
        self._objects.manifest(self._sealing, self.snapshot.id)  # raises NoSnapshot
        return self._corrupt(f"pack {pack} is gone")

    def _corrupt(self, why: str) -> SnapshotCorrupt:
        return SnapshotCorrupt(
            f"snapshot {self.snapshot.id} of session {self._objects.label}: {why}; try the previous one"
        )
