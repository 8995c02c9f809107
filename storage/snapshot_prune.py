"""Removing what no kept snapshot needs, also while somebody saves.

Rule: list, read the head, flip the head, and only then delete, and only what was in that first listing.
A save that was under way expects the head of before the flip, fails, and begins anew; one that began
after the flip has put nothing that was listed. No clock takes part, ours or the store's.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from storage.manifest import Manifest
from storage.objects import Listed, PreconditionFailed
from storage.sealing import Sealing
from storage.session_objects import SessionObjects
from storage.snapshot_errors import NoSnapshot, SnapshotCorrupt
from storage.snapshot_head import Head
from storage.snapshot_writer import Known

log = logging.getLogger(__name__)

_ATTEMPTS = 3
"""Against a session that saves at the same time; a save takes seconds, and there is a next prune."""


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What a prune removed, or would remove."""

    snapshots: tuple[str, ...]
    """Ids that left the history."""
    kept: tuple[str, ...]
    objects: int
    """Manifests and packs that are gone, those that never counted included."""
    freed_bytes: int
    dry_run: bool


def prune(objects: SessionObjects, *, keep: int, dry_run: bool) -> tuple[Pruned, Known | None]:
    """Keep the head and so many snapshots in all; also what is known of the head from then on.

    A kept snapshot that cannot be read stops it: what it needs is unknown. Raises SnapshotCorrupt.
    """
    if keep < 1:
        raise ValueError("a prune keeps at least the head")
    for attempt in range(_ATTEMPTS):
        try:
            return _prune(objects, keep=keep, dry_run=dry_run)
        except PreconditionFailed:
            log.info("prune_head_moved", extra={"session": objects.label, "attempt": attempt})
            if attempt + 1 == _ATTEMPTS:
                raise
    raise AssertionError("the last attempt returns or raises")


def destroy(objects: SessionObjects) -> None:
    """The key first: from then on no copy of the rest can be opened. Twice is fine."""
    objects.store.delete(objects.key_path)
    objects.forget_key()
    objects.store.delete(objects.head_path)
    for listed in objects.listed():
        objects.store.delete(listed.key)


def _prune(objects: SessionObjects, *, keep: int, dry_run: bool) -> tuple[Pruned, Known | None]:
    listed = [
        one for one in objects.listed() if one.key.startswith((objects.manifests_root, objects.packs_root))
    ]
    sealing = objects.sealing()
    if sealing is None:  # debris of a session that was destroyed: nothing can ever open it
        return _delete(objects, listed, Pruned(snapshots=(), kept=(), **_sums(listed), dry_run=dry_run)), None
    stored = objects.head_object()
    if stored is None:  # perhaps the first save is under way, and there is no head that would stop it
        return Pruned(snapshots=(), kept=(), **_sums([]), dry_run=dry_run), None
    head = objects.open_head(sealing, stored)
    try:
        kept = _kept(objects, sealing, head, keep)
    except SnapshotCorrupt as error:
        now = objects.head_object()
        if now is not None and now.version != stored.version:
            # another save and another prune came in between: what is gone is no longer the head's
            raise PreconditionFailed(
                "prune", objects.head_path, "the head moved while it was read", "read it again"
            ) from error
        raise
    needed = {objects.manifests_root + manifest.id for manifest in kept}
    needed.update(objects.packs_root + pack for manifest in kept for pack in manifest.packs)
    doomed = [one for one in listed if one.key not in needed]
    ids = tuple(manifest.id for manifest in kept)
    after = replace(head, history=tuple(line for line in head.history if line.id in ids))
    pruned = Pruned(
        snapshots=tuple(line.id for line in head.history if line.id not in ids),
        kept=ids,
        **_sums(doomed),
        dry_run=dry_run,
    )
    version = stored.version
    if not dry_run and (doomed or pruned.snapshots):
        version = objects.put_head(sealing, after, version)
        head = after
    return _delete(objects, doomed, pruned), Known(head=head, version=version, manifest=kept[0])


def _kept(objects: SessionObjects, sealing: Sealing, head: Head, keep: int) -> list[Manifest]:
    """The manifests that stay, the head's first. An older one that the store says is gone needs nothing."""
    kept: list[Manifest] = []
    for line in head.history[:keep]:
        try:
            kept.append(objects.manifest(sealing, line.id)[0])
        except NoSnapshot as error:
            if not kept:
                raise SnapshotCorrupt(
                    f"snapshot {line.id} of session {objects.label}: its manifest is gone; restore the "
                    "previous one, nothing was pruned"
                ) from error
    return kept


def _delete(objects: SessionObjects, doomed: list[Listed], pruned: Pruned) -> Pruned:
    """Manifests before packs: a manifest that is there has its packs. `m/` sorts before `p/`."""
    if not pruned.dry_run:
        for one in doomed:
            objects.store.delete(one.key)
    return pruned


def _sums(doomed: list[Listed]) -> dict[str, int]:
    return {"objects": len(doomed), "freed_bytes": sum(one.size for one in doomed)}
