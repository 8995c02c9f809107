"""Saving: pack, manifest, head, in this order, each proven before the next.

Rule: nothing counts before the head is flipped, so that whatever fails on the way leaves the last
snapshot as it was; what was put for nothing is removed by a prune.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from storage.clock import Clock
from storage.ids import new_id
from storage.manifest import Manifest, Place
from storage.objects import ObjectMissing, PreconditionFailed, StoreError
from storage.pack_plan import reusable
from storage.profile_files import Tree, read_piece, read_tree
from storage.sealing import Kind, Sealing
from storage.session_objects import SessionObjects
from storage.snapshot_errors import NoSnapshot, SnapshotCorrupt, StagedUnfit, StaleGeneration
from storage.snapshot_head import Head, head_after, head_of
from storage.snapshot_record import About, Snapshot, to_millisecond

log = logging.getLogger(__name__)

PACK_BYTES = 32 * 1024 * 1024
"""A pack is closed when it reaches this: what a save or a restore holds in memory. A profile has 30 MB."""
_ATTEMPTS = 2
_FENCE_ATTEMPTS = 4
"""Against an old owner that saves once more, and a prune."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the store held when we last read or wrote the head."""

    head: Head | None
    version: str | None
    manifest: Manifest | None
    """Of the head's snapshot; None when there is none that could be built upon."""


class SnapshotWriter:
    """Remembers the head between saves, so that a small change costs five requests. One save at a time."""

    def __init__(self, objects: SessionObjects, clock: Clock) -> None:
        self._objects = objects
        self._clock = clock
        self._known: Known | None = None
        self._distrusted = False

    def remember(self, known: Known | None) -> None:
        """The head was flipped by us, or may be another one."""
        self._known = known

    def distrust(self) -> None:
        """Something that the snapshots are made of is damaged: the next save builds upon nothing."""
        self._distrusted = True

    def save(self, staged: Path, about: About) -> Snapshot | None:
        """None when this is what the head has. Raises StaleGeneration, StagedUnfit, StoreError."""
        for attempt in range(_ATTEMPTS):
            sealing = self._objects.sealing_or_new()
            tree = read_tree(staged, sealing.piece_name)
            if self._known is None:
                self._known = self._read(sealing)
            known = self._known
            self._refuse_stale(known, about.generation)
            if self._is_head(known, tree, about):
                return None
            try:
                return self._write(sealing, staged, tree, about, known)
            except (PreconditionFailed, ObjectMissing) as error:
                # somebody else saved, pruned or destroyed meanwhile: look again, also for the key
                log.info("snapshot_head_moved", extra={"session": self._objects.label, "attempt": attempt})
                self._forget()
                self._refuse_destroyed(known)
                if attempt + 1 == _ATTEMPTS:
                    raise error from None
            except BaseException:
                self._forget()
                raise
        raise AssertionError("the last attempt returns or raises")

    def fence(self, generation: int) -> None:
        """Take the session for this owner before it has anything to save: an older one is refused from now
        on, also one that is in the middle of a save. Nothing when there is no snapshot.

        Raises StaleGeneration, StoreError, SnapshotNewer.
        """
        for attempt in range(_FENCE_ATTEMPTS):
            self._forget()
            sealing = self._objects.sealing()
            known = self._read(sealing) if sealing is not None else None
            if sealing is None or known is None or known.head is None:
                return
            self._refuse_stale(known, generation)
            try:
                if known.head.generation < generation:
                    head = replace(known.head, fence=generation)
                    version = self._flip(sealing, head, known.version)
                    known = Known(head=head, version=version, manifest=known.manifest)
            except (PreconditionFailed, ObjectMissing):
                log.info("snapshot_head_moved", extra={"session": self._objects.label, "attempt": attempt})
                if attempt + 1 == _FENCE_ATTEMPTS:
                    raise
            else:
                self._known = known
                return

    def _forget(self) -> None:
        self._known = None
        self._objects.forget_key()

    # ---- what is there

    def _read(self, sealing: Sealing) -> Known:
        stored = self._objects.head_object()
        if stored is None:
            return Known(head=None, version=None, manifest=None)
        try:
            head = self._objects.open_head(sealing, stored)
        except SnapshotCorrupt:
            log.warning("snapshot_head_damaged", extra={"session": self._objects.label})
            rebuilt = head_of(self._objects.readable_lines(sealing))
            return Known(head=rebuilt, version=stored.version, manifest=None)
        try:
            manifest = self._objects.manifest(sealing, head.snapshot.id)[0]
        except (SnapshotCorrupt, NoSnapshot):
            log.warning(
                "snapshot_manifest_damaged",
                extra={"session": self._objects.label, "snapshot_id": head.snapshot.id},
            )
            return Known(head=head, version=stored.version, manifest=None)
        return Known(head=head, version=stored.version, manifest=manifest)

    def _refuse_stale(self, known: Known, generation: int) -> None:
        if known.head is not None and known.head.generation > generation:
            raise StaleGeneration(
                f"session {self._objects.label} belongs to generation {known.head.generation}, not to "
                f"{generation}; this node has lost it and must close its browser"
            )

    def _refuse_destroyed(self, known: Known) -> None:
        """What was destroyed under our hands is not made again."""
        if known.version is not None and self._objects.head_object() is None:
            raise self._destroyed()

    def _destroyed(self) -> NoSnapshot:
        return NoSnapshot(
            f"the snapshots of session {self._objects.label} were destroyed while another was saved; nothing "
            "was saved"
        )

    def _is_head(self, known: Known, tree: Tree, about: About) -> bool:
        """A new owner's first save is made in any case: manifests say whose a session was, should the head
        be lost."""
        return (
            not self._distrusted
            and known.head is not None
            and known.manifest is not None
            and known.manifest.tree == tree
            and known.head.snapshot.about.generation == about.generation
        )

    # ---- writing

    def _write(self, sealing: Sealing, staged: Path, tree: Tree, about: About, known: Known) -> Snapshot:
        now = to_millisecond(self._clock.now())
        old = {} if self._distrusted else reusable(known.manifest)
        places = {piece: old[piece] for file in tree.files for piece in file.pieces if piece in old}
        packs = {
            place.pack: known.manifest.packs[place.pack]
            for place in places.values()
            if known.manifest is not None
        }
        packed_bytes = 0
        for pack, data, new_places in self._packs(sealing, staged, tree, set(places)):
            self._objects.put_proven(self._objects.packs_root + pack, data)
            packs[pack] = len(data)
            packed_bytes += len(data)
            places.update(new_places)
        manifest = Manifest(
            id=new_id(now),
            saved_at=now,
            about=about,
            tree=tree,
            places=places,
            packs=packs,
            packed_bytes=packed_bytes,
        )
        sealed = sealing.seal(Kind.MANIFEST, manifest.id, manifest.to_bytes())
        self._objects.put_proven(self._objects.manifests_root + manifest.id, sealed)
        snapshot = manifest.snapshot(len(sealed))
        head = head_after(snapshot, known.head)
        version = self._flip(sealing, head, known.version)
        self._known = Known(head=head, version=version, manifest=manifest)
        self._distrusted = False
        return snapshot

    def _packs(
        self, sealing: Sealing, staged: Path, tree: Tree, have: set[str]
    ) -> Iterator[tuple[str, bytes, dict[str, Place]]]:
        """Packs of the pieces that are new: id, bytes, and where each piece lies."""
        pack, data, places = new_id(self._clock.now()), bytearray(), dict[str, Place]()
        for file in tree.files:
            for index, piece in enumerate(file.pieces):
                if piece in have:
                    continue
                have.add(piece)
                plain = read_piece(staged, file, index)
                if sealing.piece_name(sha256(plain).digest()) != piece:
                    raise StagedUnfit(
                        f"{staged} changed while it was read; stage a copy that nobody writes to"
                    )
                sealed = sealing.seal(Kind.PIECE, piece, plain)
                places[piece] = Place(pack=pack, offset=len(data), length=len(sealed))
                data += sealed
                if len(data) >= PACK_BYTES:
                    yield pack, bytes(data), places
                    pack, data, places = new_id(self._clock.now()), bytearray(), {}
        if data:
            yield pack, bytes(data), places

    def _flip(self, sealing: Sealing, head: Head, version: str | None) -> str:
        """Make the head ours. After an error that leaves open whether it was done, the store is asked."""
        try:
            new_version = self._objects.put_head(sealing, head, version)
        except StoreError as error:
            done = self._flipped(sealing, head)
            if done is None:
                raise error from None
            new_version = done
        if version is None and not self._objects.key_stands():
            # destroyed before we looked, and the key is one that we remembered: nobody could open it
            self._objects.store.delete(self._objects.head_path)
            raise self._destroyed()
        return new_version

    def _flipped(self, sealing: Sealing, head: Head) -> str | None:
        """The head's version when it is the one that we wrote: an answer was lost, or the store's client
        wrote twice and met its own write."""
        try:
            stored = self._objects.head_object()
            if stored is not None and self._objects.open_head(sealing, stored) == head:
                return stored.version
        except (StoreError, SnapshotCorrupt):
            pass
        return None
