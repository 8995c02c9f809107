"""Files and directories that survive a power cut, readable by their owner only.

Rule: a name that begins with ~ is a write that was not finished; a reader never sees it.
"""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

UNFINISHED = "~"


def write_unfinished(directory: Path, data: bytes) -> Path:
    """Write and sync a new file under a name that does not count yet. Leaves nothing when it fails."""
    path = directory / f"{UNFINISHED}{secrets.token_hex(12)}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, for its mode and O_EXCL
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        remove_quietly(path)
        raise
    return path


def remove_quietly(path: Path) -> None:
    """Clean up behind an error, which stays the one that is told."""
    try:
        path.unlink()
    except OSError:
        return  # whoever lists removes it later


def make_directories(directory: Path, root: Path) -> None:
    """The directory and its parents below the root, each entry synced into the one above it."""
    if directory == root or directory.is_dir():
        return
    make_directories(directory.parent, root)
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        if not directory.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a directory", str(directory)) from None
    sync_directory(directory.parent)


def sync_directory(directory: Path) -> None:
    """From here on its names survive a power cut. One that is gone was empty, so it has nothing to keep."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
