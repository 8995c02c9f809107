"""One session's objects in the store: their names, opened and sealed.

Rule: None means that the store said so. A store that fails raises, and what does not open is corrupt.
"""

from __future__ import annotations

from collections.abc import Iterator

from storage.ids import is_id
from storage.key_wrap import KeyWrap
from storage.keyring import PREFIX, make_key, read_key
from storage.manifest import Manifest, parse_manifest
from storage.objects import Listed, ObjectMissing, ObjectStore, Stored, StoreUnsafe
from storage.sealing import Kind, Sealing, Unsealable
from storage.snapshot_errors import NoSnapshot, SnapshotCorrupt
from storage.snapshot_head import Head, parse_head
from storage.snapshot_record import Snapshot


class SessionObjects:
    """`v1/<name>/`: key, head, m/<snapshot id>, p/<pack id>."""

    def __init__(self, store: ObjectStore, wrap: KeyWrap, name: str, label: str) -> None:
        self.store = store
        self.name = name
        self.label = label
        """What messages call the session: its id where we know it."""
        self.root = f"{PREFIX}{name}/"
        self.packs_root = f"{self.root}p/"
        self.manifests_root = f"{self.root}m/"
        self.head_path = f"{self.root}head"
        self.key_path = f"{self.root}key"
        self._wrap = wrap
        self._sealing: Sealing | None = None

    # ---- the key

    def sealing(self) -> Sealing | None:
        """With the session's key; None when the store has neither key nor head. One request, once."""
        if self._sealing is None:
            key = read_key(self.store, self._wrap, self.key_path, self.name)
            if key is None:
                if self.head_object() is not None:
                    raise SnapshotCorrupt(
                        f"the key of session {self.label} is gone, so that its snapshots cannot be opened; "
                        "destroy them if that was begun, or put the key back from a copy of the bucket"
                    )
                return None
            self._sealing = Sealing(key, self.name)
        return self._sealing

    def sealing_or_new(self) -> Sealing:
        """With the session's key, which is made when there is none."""
        sealing = self.sealing()
        if sealing is None:
            self._sealing = Sealing(make_key(self.store, self._wrap, self.key_path, self.name), self.name)
            return self._sealing
        return sealing

    def key_stands(self) -> bool:
        """Whether the store still has a key; one request."""
        try:
            self.store.size(self.key_path)
        except ObjectMissing:
            return False
        return True

    def forget_key(self) -> None:
        """It was destroyed, perhaps by somebody else."""
        self._sealing = None

    # ---- the head

    def head_object(self) -> Stored | None:
        """As it lies there."""
        try:
            return self.store.get(self.head_path)
        except ObjectMissing:
            return None

    def open_head(self, sealing: Sealing, stored: Stored) -> Head:
        """Raises SnapshotCorrupt, SnapshotNewer."""
        what = f"session {self.label}"
        try:
            plain = sealing.open(Kind.HEAD, "head", stored.data)
        except Unsealable as error:
            raise SnapshotCorrupt(
                f"{what}: its head is damaged; its snapshots can still be restored, and the next save makes "
                "the head anew"
            ) from error
        return parse_head(plain, what)

    def put_head(self, sealing: Sealing, head: Head, version: str | None) -> str:
        """Flip it; the new version. Raises PreconditionFailed."""
        sealed = sealing.seal(Kind.HEAD, "head", head.to_bytes())
        return self.store.put_if(self.head_path, sealed, version=version)

    # ---- manifests

    def manifest(self, sealing: Sealing, snapshot_id: str) -> tuple[Manifest, Snapshot]:
        """A snapshot's manifest and its line. Raises NoSnapshot, SnapshotCorrupt, SnapshotNewer."""
        if not is_id(snapshot_id):
            raise self.no_snapshot(snapshot_id)
        try:
            stored = self.store.get(self.manifests_root + snapshot_id)
        except ObjectMissing as error:
            raise self.no_snapshot(snapshot_id) from error
        what = f"snapshot {snapshot_id} of session {self.label}"
        try:
            plain = sealing.open(Kind.MANIFEST, snapshot_id, stored.data)
        except Unsealable as error:
            raise SnapshotCorrupt(f"{what}: its manifest is damaged; try the previous one") from error
        manifest = parse_manifest(plain, snapshot_id, what)
        return manifest, manifest.snapshot(len(stored.data))

    def readable_lines(self, sealing: Sealing) -> Iterator[Snapshot]:
        """Of every manifest that is there and sound."""
        for listed in self.store.list(self.manifests_root):
            try:
                yield self.manifest(sealing, listed.key.removeprefix(self.manifests_root))[1]
            except (SnapshotCorrupt, NoSnapshot):
                continue

    def no_snapshot(self, snapshot_id: str) -> NoSnapshot:
        return NoSnapshot(
            f"there is no snapshot {snapshot_id:.40} of session {self.label}; list those that there are"
        )

    # ---- anything

    def put_proven(self, path: str, data: bytes) -> None:
        """Write it and read it back. Raises StoreUnsafe when something else comes back."""
        self.store.put(path, data)
        if self.store.get(path).data != data:
            raise StoreUnsafe(
                "put",
                path,
                "something else was read back",
                "do not trust this store; the old snapshot counts",
            )

    def listed(self) -> list[Listed]:
        """Every object of the session."""
        return list(self.store.list(self.root))
