"""The files of a profile as a snapshot sees them: a tree of directories and regular files cut in pieces.

Rule: a path is judged by the same `check_path` when it is written and when it is read, and a link is
never followed: neither a staged directory nor a manifest can make us touch a file outside.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from storage.sealing import PIECE_BYTES
from storage.snapshot_errors import StagedUnfit

LONGEST_PATH = 1024
PERMISSIONS = 0o777
"""What is kept of a mode: no snapshot makes a setuid file."""


@dataclass(frozen=True, kw_only=True)
class DirectoryEntry:
    """A directory below the root."""

    path: str
    mode: int


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """A regular file: its bytes are those of its pieces, one after the other."""

    path: str
    mode: int
    size: int
    sha256: str
    pieces: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Everything below one directory, in the order of the paths."""

    directories: tuple[DirectoryEntry, ...]
    files: tuple[FileEntry, ...]

    @property
    def entries(self) -> tuple[DirectoryEntry | FileEntry, ...]:
        """Every directory before what is in it."""
        return (*self.directories, *self.files)

    @property
    def size_bytes(self) -> int:
        return sum(file.size for file in self.files)


def check_path(path: str) -> None:
    """Raises ValueError when this is no plain relative path."""
    if not path or len(path) > LONGEST_PATH:
        raise ValueError("a path is empty or too long")
    if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError("a path leads outside of the profile")
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise ValueError("a path is no UTF-8") from error


def check_tree(tree: Tree) -> None:
    """Raises ValueError when the entries cannot all be made in an empty directory."""
    seen: set[str] = set()
    made = {""}
    for entry in tree.entries:
        check_path(entry.path)
        if entry.path in seen:
            raise ValueError("a path stands there twice")
        seen.add(entry.path)
        if entry.mode & ~PERMISSIONS:
            raise ValueError("a mode is more than permissions")
        if entry.path.rpartition("/")[0] not in made:
            raise ValueError("a path lies in a directory that is not listed before it")
        if isinstance(entry, DirectoryEntry):
            made.add(entry.path)
    for file in tree.files:
        if len(file.pieces) != pieces_of(file.size):
            raise ValueError("a file has too many or too few pieces")


def pieces_of(size: int) -> int:
    """How many pieces a file of this size has."""
    return -(-size // PIECE_BYTES)


def read_tree(root: Path, name_of: Callable[[bytes], str]) -> Tree:
    """Walk and hash everything below this directory. Raises StagedUnfit."""
    directories: list[DirectoryEntry] = []
    files: list[FileEntry] = []
    try:
        for path, item in _walk(root, ""):
            mode = item.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                directories.append(DirectoryEntry(path=path, mode=mode & PERMISSIONS))
            elif stat.S_ISREG(mode):
                files.append(_read_file(root, path, mode & PERMISSIONS, name_of))
            else:
                raise StagedUnfit(f"{root} holds {path!r}, neither a file nor a directory; leave it out")
        tree = Tree(directories=tuple(directories), files=tuple(files))
        check_tree(tree)
    except (OSError, ValueError) as error:
        raise StagedUnfit(f"{root} cannot be read for a snapshot: {error}; stage it anew") from error
    return tree


def read_piece(root: Path, file: FileEntry, index: int) -> bytes:
    """One piece's bytes, as they are now. Raises StagedUnfit."""
    try:
        with _open(root / file.path) as opened:
            opened.seek(index * PIECE_BYTES)
            return opened.read(PIECE_BYTES)
    except OSError as error:
        raise StagedUnfit(f"{root} cannot be read for a snapshot: {error}; stage it anew") from error


def _walk(directory: Path, before: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every entry below, parents before children, in the order of the paths."""
    with os.scandir(directory) as entries:
        here = sorted(entries, key=lambda entry: entry.name)
    for entry in here:
        path = before + entry.name
        yield path, entry
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(directory / entry.name, path + "/")


def _open(path: Path) -> BinaryIO:
    return open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK), "rb", buffering=0)  # noqa: PTH123


def _read_file(root: Path, path: str, mode: int, name_of: Callable[[bytes], str]) -> FileEntry:
    whole = sha256()
    size = 0
    pieces: list[str] = []
    with _open(root / path) as file:
        while piece := file.read(PIECE_BYTES):
            whole.update(piece)
            size += len(piece)
            pieces.append(name_of(sha256(piece).digest()))
    return FileEntry(path=path, mode=mode, size=size, sha256=whole.hexdigest(), pieces=tuple(pieces))
