"""The vault: every session's snapshots in one object store.

Rule: an error is never an absence. None and NoSnapshot mean that the store said so; whoever starts a
session afresh for another reason loses an account.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from storage.clock import Clock
from storage.key_wrap import KeyWrap
from storage.keyring import NAME_CHARS, PREFIX, Keyring
from storage.objects import ObjectStore
from storage.profile_files import FileEntry
from storage.sealing import Sealing
from storage.session_objects import SessionObjects
from storage.snapshot_errors import SnapshotCorrupt
from storage.snapshot_head import head_of
from storage.snapshot_prune import Pruned, destroy, prune
from storage.snapshot_reader import Progress, SnapshotReader, Verified
from storage.snapshot_record import About, Snapshot, settled
from storage.snapshot_restore import restore_files
from storage.snapshot_writer import SnapshotWriter


class Vault:
    """`open` it once per process; safe to use from several threads, one session at a time."""

    def __init__(self, store: ObjectStore, wrap: KeyWrap, keyring: Keyring, clock: Clock) -> None:
        self._store = store
        self._wrap = wrap
        self._keyring = keyring
        self._clock = clock

    @classmethod
    def open(cls, store: ObjectStore, wrap: KeyWrap, clock: Clock) -> Vault:
        """Read the keyring, or make it in an empty store.

        Raises WrongKey, KeyUnavailable, SnapshotCorrupt, SnapshotNewer, StoreError.
        """
        return cls(store, wrap, Keyring.open(store, wrap), clock)

    def session(self, session_id: str) -> SessionVault:
        """One session's snapshots. No request."""
        name = self._keyring.name_of(session_id)
        return SessionVault(
            SessionObjects(self._store, self._wrap, name, session_id), self._keyring, self._clock
        )

    def sessions(self) -> Iterator[SessionVault]:
        """Every session in the store, found by its name; its id is in its head."""
        parts = (listed.key.removeprefix(PREFIX).split("/") for listed in self._store.list(PREFIX))
        for name in sorted({part[0] for part in parts if len(part) > 1 and len(part[0]) == NAME_CHARS}):
            yield SessionVault(
                SessionObjects(self._store, self._wrap, name, name), self._keyring, self._clock
            )


class SessionVault:
    """One session's snapshots. Blocking, one call at a time; keep it, because it remembers the head."""

    def __init__(self, objects: SessionObjects, keyring: Keyring, clock: Clock) -> None:
        self.name = objects.name
        self._objects = objects
        self._keyring = keyring
        self._writer = SnapshotWriter(objects, clock)

    def save(self, staged: Path, about: About) -> Snapshot | None:
        """Save what is in the directory. None when nothing changed since the head.

        Raises StaleGeneration, StagedUnfit, SnapshotCorrupt, SnapshotNewer, StoreError.
        """
        if self._keyring.name_of(about.session_id) != self.name:
            raise ValueError(f"these are not the snapshots of session {about.session_id}")
        return self._writer.save(staged, settled(about))

    def fence(self, generation: int) -> None:
        """Refuse from now on what an owner of a smaller generation saves; before its login is read.

        Raises StaleGeneration, SnapshotNewer, SnapshotCorrupt, StoreError.
        """
        self._writer.fence(generation)

    def head(self) -> Snapshot | None:
        """The snapshot that counts; None only when the store says that there is none."""
        sealing = self._objects.sealing()
        stored = self._objects.head_object() if sealing is not None else None
        if sealing is None or stored is None:
            return None
        return self._objects.open_head(sealing, stored).snapshot

    def history(self) -> list[Snapshot]:
        """Newest first. When the head is damaged: what the manifests say."""
        sealing = self._objects.sealing()
        stored = self._objects.head_object() if sealing is not None else None
        if sealing is None or stored is None:
            return []
        try:
            return list(self._objects.open_head(sealing, stored).history)
        except SnapshotCorrupt:
            head = head_of(self._objects.readable_lines(sealing))
            if head is None:
                raise
            return list(head.history)

    def files(self, snapshot_id: str) -> tuple[FileEntry, ...]:
        """What a snapshot holds, by its manifest alone. Raises as `restore` does."""
        return self._reader(snapshot_id).manifest.tree.files

    def restore(self, snapshot_id: str, target: Path, *, progress: Progress = lambda done: None) -> Snapshot:
        """Write a snapshot into a directory that does not exist yet; every hash is checked.

        Raises NoSnapshot, SnapshotCorrupt, SnapshotNewer, RestoreFailed, StoreError, FileExistsError.
        """
        try:
            reader = self._reader(snapshot_id)
            restore_files(reader, target, progress)
        except SnapshotCorrupt:
            self._writer.distrust()
            raise
        return reader.snapshot

    def verify(self, snapshot_id: str, *, progress: Progress = lambda done: None) -> Verified:
        """Read and check everything, write nothing. Raises as `restore` does."""
        try:
            return self._reader(snapshot_id).verify(progress)
        except SnapshotCorrupt:
            self._writer.distrust()
            raise

    def prune(self, *, keep: int, dry_run: bool = False) -> Pruned:
        """Remove what neither the head nor the newest `keep` snapshots need; safe while others save.

        Raises SnapshotCorrupt, SnapshotNewer, StoreError.
        """
        self._writer.remember(None)
        pruned, known = prune(self._objects, keep=keep, dry_run=dry_run)
        self._writer.remember(known)
        return pruned

    def destroy(self) -> None:
        """Remove the key, so that nothing can be opened any more, then everything. Twice is fine."""
        self._writer.remember(None)
        destroy(self._objects)

    def _reader(self, snapshot_id: str) -> SnapshotReader:
        sealing: Sealing | None = self._objects.sealing()
        if sealing is None:
            raise self._objects.no_snapshot(snapshot_id)
        return SnapshotReader(self._objects, sealing, snapshot_id)
