"""Writing a snapshot's files to the disk, whole or not at all.

Rule: the target appears by one rename, when everything in it was checked and is on the disk. A process
that dies on the way leaves `<target>.restoring`, which the next restore removes.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from storage.profile_files import Tree
from storage.snapshot_errors import RestoreFailed
from storage.snapshot_reader import Progress, SnapshotReader

RESTORING_SUFFIX = ".restoring"
_SPARE_BYTES = 16 * 1024 * 1024
"""Left free beside the files: a disk filled to the last block stops the browser as well."""


def restore_files(reader: SnapshotReader, target: Path, progress: Progress) -> None:
    """Make the target directory. Raises SnapshotCorrupt, RestoreFailed, FileExistsError."""
    if os.path.lexists(target):
        raise FileExistsError(f"{target} exists; restore into a directory that does not")
    building = target.with_name(target.name + RESTORING_SUFFIX)
    what = f"snapshot {reader.snapshot.id} was not restored to {target}"
    made = building
    try:
        shutil.rmtree(building, ignore_errors=True)
        _need_space(reader, target.parent, what)
        try:
            building.mkdir(mode=0o700)
            _write(reader, building, progress)
            _settle(reader.manifest.tree, building)
            building.rename(target)
            made = target
            _sync(target.parent)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
    except OSError as error:
        why = error.strerror or str(error)
        raise RestoreFailed(f"{what}: {why}; see to the disk and its rights, then restore again") from error


def _need_space(reader: SnapshotReader, where: Path, what: str) -> None:
    free = shutil.disk_usage(where).free
    needed = reader.snapshot.size_bytes + _SPARE_BYTES
    if free < needed:
        raise RestoreFailed(
            f"{what}: it needs {needed} bytes and the disk has {free}; free some, then restore again"
        )


def _write(reader: SnapshotReader, root: Path, progress: Progress) -> None:
    for entry in reader.manifest.tree.directories:
        (root / entry.path).mkdir(mode=0o700)
    for file in reader.manifest.tree.files:
        descriptor = os.open(
            root / file.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with os.fdopen(descriptor, "wb") as opened:
            for chunk in reader.chunks(file):
                opened.write(chunk)
                progress(len(chunk))


def _settle(tree: Tree, root: Path) -> None:
    """Give everything its mode and see it to the disk. All files were written before: the disk has begun
    already, and one wait covers many of them."""
    for entry in reversed(tree.entries):
        _sync(root / entry.path, entry.mode)
    _sync(root)


def _sync(path: Path, mode: int | None = None) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if mode is not None:
            os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
