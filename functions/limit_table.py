"""Who took how much, shared by all workers of one machine: a small file, mapped into memory.

Rule: it is a memory aid and no record. It never grows; when it is full it forgets who is nearest to being
full again; a lost file forgives everybody. What it costs a request is measured in `bench/limits.py`.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import threading
import time
from pathlib import Path

from functions.rate_policy import Decision, RatePolicy

SEATS = 1 << 16
"""As many callers at a time, 16 bytes each: 1 MB. Whoever is full again has left his seat."""

_PROBES = 8
_SEAT = struct.Struct("=Qd")
"""A hash of who it is, and when he is full again."""
_HEADER = struct.Struct("=8s16s40x")
_MAGIC = b"lplimit1"
_SIZE = _HEADER.size + SEATS * _SEAT.size

_LOCK_TRIES = 40
_LOCK_PAUSE_SECONDS = 0.0002
"""A worker holds the lock for microseconds. One that was stopped in between holds nobody up for longer than
8 ms: then we go on without, and one request more may pass."""


class LimitTable:
    """The file of one machine. Safe for threads and for processes."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._turn = threading.Lock()
        self._descriptor, self._salt = _open(path)
        self._memory = mmap.mmap(self._descriptor, _SIZE)

    def take(self, policy: RatePolicy, who: str, now: float) -> Decision:
        """Take one."""
        name, first = self._place(policy, who)
        with self._turn:
            locked = self._lock()
            try:
                offset, full_at = self._find(name, first, now)
                full_at, decision = policy.take(full_at, now)
                _SEAT.pack_into(self._memory, offset, name, full_at)
            finally:
                if locked:
                    fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1)
        return decision

    def look(self, policy: RatePolicy, who: str, now: float) -> Decision:
        """Whether one could be taken; takes nothing, and needs no lock."""
        name, first = self._place(policy, who)
        for probe in range(_PROBES):
            other, full_at = _SEAT.unpack_from(self._memory, self._offset(first + probe))
            if other == name:
                return policy.look(full_at, now)
        return policy.look(0.0, now)

    def close(self) -> None:
        """Twice is fine."""
        with self._turn:
            if self._descriptor >= 0:
                self._memory.close()
                os.close(self._descriptor)
                self._descriptor = -1

    def _place(self, policy: RatePolicy, who: str) -> tuple[int, int]:
        text = f"{policy.name}\n{who}".encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(text, digest_size=16, key=self._salt).digest()
        name, first = struct.unpack("=QQ", digest)
        return name or 1, first

    def _offset(self, seat: int) -> int:
        return _HEADER.size + (seat % SEATS) * _SEAT.size

    def _find(self, name: int, first: int, now: float) -> tuple[int, float]:
        """His seat; or one that is free; or that of who would leave it next."""
        best, earliest = self._offset(first), float("inf")
        for probe in range(_PROBES):
            offset = self._offset(first + probe)
            other, full_at = _SEAT.unpack_from(self._memory, offset)
            if other == name:
                return offset, full_at
            if full_at < earliest:
                best, earliest = offset, full_at
        return best, 0.0

    def _lock(self) -> bool:
        for _ in range(_LOCK_TRIES):
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
            except BlockingIOError:
                time.sleep(_LOCK_PAUSE_SECONDS)
            else:
                return True
        return False


def _open(path: Path) -> tuple[int, bytes]:
    """The file, locked for as long as it is looked at, and its salt; made anew when it is none of ours.

    A file that others have mapped is never cut or emptied: touching what is gone would kill them. So a new
    one takes its name, and its bytes are all there before: neither would a full disk be survived later.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX, 1)
            here = os.fstat(descriptor)
            if here.st_ino == path.stat().st_ino:
                head = os.pread(descriptor, _HEADER.size, 0)
                if here.st_size == _SIZE and head.startswith(_MAGIC):
                    fcntl.lockf(descriptor, fcntl.LOCK_UN, 1)
                    return descriptor, bytes(_HEADER.unpack(head)[1])
                _make(path)
        except FileNotFoundError:
            pass  # removed meanwhile
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _make(path: Path) -> None:
    draft = path.with_name(f"{path.name}.draft")
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, _SIZE)
        salt = os.urandom(16)  # so that nobody can choose whose seat he takes
        os.pwrite(descriptor, _HEADER.pack(_MAGIC, salt), 0)
    finally:
        os.close(descriptor)
    draft.replace(path)
