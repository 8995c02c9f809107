"""`store.json` at the root of a directory store: its identity, its lock and its clock.

Rule: nothing is read as absent and nothing is written without it. So a disk that is not mounted is an
error instead of an empty store:

- noticed: a mount that vanishes or is exchanged while this process lives; a mount whose own directory is
  gone with it (only the last directory of the path is ever made); files without the marker.
- not noticed: a disk that was never mounted since this process began and left an empty, writable mount
  point; from inside, that is a new store. Mount points that belong to another user, or are immutable,
  close this hole.

Its lock orders writers of all processes. Its modification time is the last stamp that was given to a write,
so stamps only grow, whatever the clock or the resolution of the file system does.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from storage.directory_files import UNFINISHED, remove_quietly, sync_directory, write_unfinished
from storage.object_keys import MARKER
from storage.objects import StoreRefused, StoreUnavailable

LOCK_WITHIN = timedelta(seconds=10)
"""A writer holds the lock for a rename, well under a millisecond; ten seconds is a dead disk or a frozen
process."""

_ASK_EVERY = 0.0005
"""Seconds. As in storage/database.py: asking often keeps the wait of the last of many writers short."""

_STEPS_NS = (1, 1_000, 1_000_000, 2_000_000_000)
"""Resolutions of file systems: nanoseconds, microseconds over some networks, milliseconds, FAT."""

_NOT_OURS = {"lost+found", "registry"}
"""What a fresh disk holds already; and the registry's mirror (`make up`), which may come before us."""


class DirectoryMarker:
    """Remembers which store it saw first, and accepts no other."""

    def __init__(self, root: Path, *, lock_within: timedelta = LOCK_WITHIN) -> None:
        self._root = root
        self._path = root / MARKER
        self._lock_within = lock_within.total_seconds()
        self._here = threading.Lock()  # threads of this process queue here, not at the file
        self._id: str | None = None

    def check(self) -> int:
        """Make sure that the store is there, and make it at first use; give the last stamp.

        Raises StoreUnavailable, StoreRefused, OSError.
        """
        descriptor = self._open()
        try:
            return os.fstat(descriptor).st_mtime_ns
        finally:
            os.close(descriptor)

    @contextmanager
    def locked(self) -> Iterator[Stamps]:
        """The only writer among all processes, for as long as a rename takes."""
        deadline = time.monotonic() + self._lock_within
        if not self._here.acquire(timeout=self._lock_within):
            raise self._too_long()
        try:
            descriptor = self._open()
            try:
                while not _try_lock(descriptor):
                    if time.monotonic() > deadline:
                        raise self._too_long()
                    time.sleep(_ASK_EVERY)
                yield Stamps(descriptor)
            finally:
                os.close(descriptor)
        finally:
            self._here.release()

    def _open(self) -> int:
        """A descriptor of the marker, after it proved to be the known one."""
        known = self._id  # before looking: another thread may make the marker just after
        try:
            # Writable: over NFS an exclusive lock is given on nothing less.
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            if known is not None:
                raise self._vanished(f"{MARKER} is gone") from None
            self._create()
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._recognise(os.pread(descriptor, 4096, 0))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _recognise(self, content: bytes) -> None:
        try:
            found = json.loads(content)["id"]
        except (ValueError, KeyError, TypeError):
            raise StoreRefused(
                "open", str(self._root), f"{MARKER} is not ours", "restore it, or correct SNAPSHOT_URL"
            ) from None
        if self._id is None:
            self._id = found
        elif found != self._id:
            raise self._vanished("another store is there now")

    def _create(self) -> None:
        """Several processes may try at once; one marker remains."""
        try:
            self._root.mkdir(mode=0o700)
            sync_directory(self._root.parent)
        except FileExistsError:
            pass
        except FileNotFoundError:
            raise StoreUnavailable(
                "open", str(self._root), f"{self._root.parent} does not exist", "mount it, or make it"
            ) from None
        strangers = [name for name in os.listdir(self._root) if not name.startswith(UNFINISHED)]  # noqa: PTH208
        if set(strangers) - _NOT_OURS and MARKER not in strangers and not self._path.exists():
            raise StoreRefused(
                "open",
                str(self._root),
                f"there are files, but no {MARKER}",
                f"point SNAPSHOT_URL to an empty directory, or restore {MARKER}",
            )
        content = json.dumps({"what": "linkpool object store", "id": secrets.token_hex(16)}).encode()
        temporary = write_unfinished(self._root, content)
        try:
            os.link(temporary, self._path)  # unlike a rename, only where there is none yet
            sync_directory(self._root)
        except FileExistsError:
            pass
        finally:
            remove_quietly(temporary)

    def _vanished(self, why: str) -> StoreUnavailable:
        return StoreUnavailable("open", str(self._root), why, "is the disk of SNAPSHOT_URL still mounted?")

    def _too_long(self) -> StoreUnavailable:
        return StoreUnavailable(
            "lock", str(self._root), "another writer holds the lock for too long", "is one of them frozen?"
        )


class Stamps:
    """Gives modification times that only grow. Exists only while the lock is held."""

    def __init__(self, marker: int) -> None:
        self._marker = marker

    def give(self, path: Path) -> int:
        """Stamp a file that is not yet visible; no other write of this store ever had this stamp."""
        last = os.fstat(self._marker).st_mtime_ns
        now = path.stat().st_mtime_ns  # by the clock of the file system, which may be another machine's
        for step in _STEPS_NS:
            wanted = max(now, last + step)
            os.utime(path, ns=(wanted, wanted))
            given = path.stat().st_mtime_ns
            if given > last:
                os.utime(self._marker, ns=(given, given))
                return given
        raise OSError(errno.EIO, "the file system keeps no modification times")


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
