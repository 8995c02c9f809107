"""Objects as files below a directory: `SNAPSHOT_URL=file:///…`.

Rule: a file is written under a name that does not count, synced, and renamed under the lock of the store;
so a reader sees all of it or none, and of several writers exactly one wins. The marker says whether the
store is there at all (`storage/directory_marker.py`: what it notices, and what it cannot).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.directory_errors import os_errors
from storage.directory_files import (
    UNFINISHED,
    make_directories,
    remove_quietly,
    sync_directory,
    write_unfinished,
)
from storage.directory_marker import LOCK_WITHIN, DirectoryMarker
from storage.object_keys import check_key, check_prefix, is_key
from storage.objects import Listed, ObjectMissing, PreconditionFailed, Stored

LEFTOVER_AFTER_NS = 3600 * 10**9
"""An unfinished file this much older than the newest write belongs to a killed writer: writing one takes
seconds. Both times are the file system's, so clocks that disagree do no harm."""

_NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""No object under this key, provided that the store is there."""

_TRIES = 10
"""Whoever deletes the last object of a folder removes the folder, perhaps just as we write into it."""


class DirectoryStore:
    """A directory on a local or network disk. Only its last component is made when it is missing."""

    def __init__(self, path: Path, *, lock_within: timedelta = LOCK_WITHIN) -> None:
        self._root = path.absolute()
        self._marker = DirectoryMarker(self._root, lock_within=lock_within)

    @property
    def url(self) -> str:
        return f"file://{self._root}"

    def get(self, key: str) -> Stored:
        path = self._path(key)
        with os_errors("get", key, self.url):
            try:
                found = _read(path)
            except _NOT_THERE:
                raise self._missing("get", key) from None
        return found

    def put(self, key: str, data: bytes) -> None:
        self._write("put", key, data, lambda _: True)

    def put_if(self, key: str, data: bytes, *, version: str | None) -> str:
        def expected(path: Path) -> bool:
            try:
                return _read(path).version == version
            except _NOT_THERE:
                return version is None

        return self._write("put_if", key, data, expected)

    def size(self, key: str) -> int:
        path = self._path(key)
        with os_errors("size", key, self.url):
            try:
                found = path.stat()
            except _NOT_THERE:
                raise self._missing("size", key) from None
            if not stat.S_ISREG(found.st_mode):
                raise self._missing("size", key)
        return found.st_size

    def list(self, prefix: str) -> Iterator[Listed]:
        """Also removes what killed writers left, where it comes by."""
        return self._list(check_prefix(prefix))

    def delete(self, key: str) -> None:
        path = self._path(key)
        with os_errors("delete", key, self.url):
            with self._marker.locked():
                try:
                    path.unlink()
                except _NOT_THERE:
                    return
            sync_directory(path.parent)
            self._remove_empty(path.parent)

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _missing(self, operation: str, key: str) -> ObjectMissing:
        """Only a store that is there can say that an object is not."""
        self._marker.check()
        return ObjectMissing(operation, key, f"there is no such object in {self.url}", "was it deleted?")

    def _write(self, operation: str, key: str, data: bytes, expected: Callable[[Path], bool]) -> str:
        path = self._path(key)
        with os_errors(operation, key, self.url):
            self._marker.check()
            temporary = self._write_beside(path, data)
            try:
                with self._marker.locked() as stamps:
                    if not expected(path):
                        raise PreconditionFailed(
                            operation, key, "the object is not in the expected version", "read it again"
                        )
                    version = _version(stamps.give(temporary), data)
                    temporary.replace(path)
            except BaseException:
                remove_quietly(temporary)
                raise
            sync_directory(path.parent)
        return version

    def _write_beside(self, path: Path, data: bytes) -> Path:
        for _ in range(_TRIES - 1):
            try:
                make_directories(path.parent, self._root)
                return write_unfinished(path.parent, data)
            except FileNotFoundError:
                self._marker.check()
        make_directories(path.parent, self._root)
        return write_unfinished(path.parent, data)

    def _remove_empty(self, directory: Path) -> None:
        while directory != self._root:
            try:
                directory.rmdir()
            except OSError:
                return  # not empty, or somebody else was first
            directory = directory.parent

    def _list(self, prefix: str) -> Iterator[Listed]:
        with os_errors("list", prefix, self.url):
            newest = self._marker.check()
            yield from self._walk(prefix.rpartition("/")[0], prefix, newest - LEFTOVER_AFTER_NS)
            self._marker.check()  # a disk that went away meanwhile looks like the end of the list

    def _walk(self, folder: str, prefix: str, leftovers_before: int) -> Iterator[Listed]:
        directory = self._root / folder
        try:
            with os.scandir(directory) as entries:
                found = sorted(entries, key=_place)
        except (FileNotFoundError, NotADirectoryError):
            return
        for entry in found:
            key = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if is_key(key) and f"{key}/".startswith(prefix[: len(key) + 1]):
                    yield from self._walk(key, prefix, leftovers_before)
                continue
            try:
                about = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if entry.name.startswith(UNFINISHED):
                if about.st_mtime_ns < leftovers_before:
                    remove_quietly(directory / entry.name)
            elif is_key(key) and key.startswith(prefix):
                modified_at = datetime.fromtimestamp(about.st_mtime, UTC)
                yield Listed(key=key, size=about.st_size, modified_at=modified_at)


def _place(entry: os.DirEntry[str]) -> str:
    """Sorts as whole keys do: `a-b` before `a/b`, as S3 has it."""
    return f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name


def _read(path: Path) -> Stored:
    """Content and version of one moment: a file never changes once it has its name."""
    with path.open("rb") as file:
        data = file.read()
        return Stored(data=data, version=_version(os.fstat(file.fileno()).st_mtime_ns, data))


def _version(stamp: int, data: bytes) -> str:
    """The stamp alone differs with every write; the hash also catches a file that was changed by hand."""
    return f"{stamp:x}-{hashlib.sha256(data).hexdigest()[:32]}"
