"""How many event streams may be open: each holds a thread of a server that has few.

Rule: a place is a lock of the kernel on one byte of an empty file. It counts over all processes of this
machine, and whoever is killed gives it back.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from storage.database import is_postgres, sqlite_path
from storage.errors import ConfigError, LinkpoolError

STREAMS_PER_WORKSPACE = 4
"""A dashboard or two, and a deploy of theirs during which old and new are both connected."""

STREAMS_PER_PROCESS = 4
"""Half of the threads of `functions.gunicorn_conf`; the other half is for requests."""


def places_path(database_url: str) -> Path:
    """Beside the registry's file; of a registry on a server, among this machine's own temporary files."""
    return _beside(database_url, "streams")


def limits_path(database_url: str) -> Path:
    """The same for the table of rate limits."""
    return _beside(database_url, "limits")


def _beside(database_url: str, what: str) -> Path:
    if not is_postgres(database_url):
        registry = sqlite_path(database_url)
        return registry.with_name(f"{registry.name}-{what}")
    directory = Path(tempfile.gettempdir()) / f"linkpool-{os.getuid()}"
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.is_symlink() or directory.stat().st_uid != os.getuid():
        raise ConfigError([f"{directory} belongs to somebody else; remove it, or set TMPDIR"])
    return directory / f"{hashlib.sha256(database_url.encode()).hexdigest()[:16]}-{what}"


class WorkspaceFull(LinkpoolError):
    """The workspace has as many streams as it may have."""


class ProcessFull(LinkpoolError):
    """This process has no thread to spare for another stream."""


class Place:
    """The right to keep one stream open. A `release` more does no harm."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def release(self) -> None:
        self._file.close()  # and the kernel lets go of its locks


class StreamPlaces:
    """The places of this machine."""

    def __init__(
        self,
        path: Path,
        *,
        per_workspace: int = STREAMS_PER_WORKSPACE,
        per_process: int = STREAMS_PER_PROCESS,
    ) -> None:
        self._path = path
        self._per_workspace = per_workspace
        self._per_process = per_process
        self.are_closing: Callable[[], bool] = lambda: False
        """True as soon as every stream of this process has to end. Replaced by `functions.gunicorn_conf`."""

    def take(self, workspace_id: str) -> Place:
        """A place for a stream. Raises WorkspaceFull, ProcessFull."""
        file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
        try:
            if not _lock_one(file, f"workspace {workspace_id}", self._per_workspace):
                raise WorkspaceFull(f"workspace {workspace_id} has {self._per_workspace} event streams open")
            if not _lock_one(file, f"process {os.getpid()}", self._per_process):
                raise ProcessFull(f"process {os.getpid()} has {self._per_process} event streams open")
        except BaseException:
            file.close()
            raise
        return Place(file)


def _lock_one(file: BinaryIO, of: str, most: int) -> bool:
    """Lock one of the bytes that belong to this name."""
    first = int.from_bytes(hashlib.sha256(of.encode()).digest()[:6], "big") * 1000
    return any(_lock(file, first + number) for number in range(most))


def _lock(file: BinaryIO, byte: int) -> bool:
    # of the open file (OFD), not of the process: two threads hold two, and closing one file frees one
    wanted = struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, wanted)
    except BlockingIOError:
        return False
    return True
