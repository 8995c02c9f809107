"""An object store in a dictionary, and a watch to put around any store."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from storage.clock import Clock, SystemClock
from storage.objects import Listed, ObjectMissing, ObjectStore, PreconditionFailed, Stored

T = TypeVar("T")
_KEY = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")


@dataclass
class _Held:
    data: bytes
    version: str
    modified_at: datetime


class MemoryStore:
    """Keeps the contract of `storage.objects`, as long as the process lives."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._held: dict[str, _Held] = {}
        self._turn = threading.Lock()
        self._writes = 0

    @property
    def url(self) -> str:
        return "memory://"

    def get(self, key: str) -> Stored:
        with self._turn:
            held = self._existing("get", key)
            return Stored(data=held.data, version=held.version)

    def put(self, key: str, data: bytes) -> None:
        with self._turn:
            self._write(key, data)

    def put_if(self, key: str, data: bytes, *, version: str | None) -> str:
        with self._turn:
            held = self._held.get(key)
            if (held.version if held is not None else None) != version:
                raise PreconditionFailed("put_if", key, "it is in another version", "read it again")
            return self._write(key, data)

    def size(self, key: str) -> int:
        with self._turn:
            return len(self._existing("size", key).data)

    def list(self, prefix: str) -> Iterator[Listed]:
        with self._turn:
            found = [
                Listed(key=key, size=len(held.data), modified_at=held.modified_at)
                for key, held in sorted(self._held.items())
                if key.startswith(prefix)
            ]
        return iter(found)

    def delete(self, key: str) -> None:
        with self._turn:
            self._held.pop(_sound(key), None)

    # ---- what a test does behind the back of everybody

    def names(self) -> list[str]:
        """The keys of all objects."""
        return sorted(self._held)

    def damage(self, key: str, data: bytes) -> None:
        """The disk rots: other bytes, the same version."""
        self._held[key].data = data

    def copy(self) -> MemoryStore:
        """The same objects in a store of its own."""
        other = MemoryStore(self._clock)
        other._writes = self._writes
        other._held = {key: _Held(**vars(held)) for key, held in self._held.items()}
        return other

    def _existing(self, operation: str, key: str) -> _Held:
        if _sound(key) not in self._held:
            raise ObjectMissing(operation, key, "there is no such object", "list what there is")
        return self._held[key]

    def _write(self, key: str, data: bytes) -> str:
        self._writes += 1
        version = f"{self._writes}-{hashlib.sha256(data).hexdigest()[:8]}"
        self._held[_sound(key)] = _Held(bytes(data), version, self._clock.now())
        return version


def _sound(key: str) -> str:
    assert _KEY.fullmatch(key), f"no key of ours: {key!r}"
    assert ".." not in key.split("/"), f"no key of ours: {key!r}"
    return key


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to a store."""

    number: int
    """From 1 on."""
    operation: str
    key: str
    sent_bytes: int


def _nothing(call: Call) -> None:
    return None


class WatchedStore:
    """Another store, with every request written down; `before` and `after` may fail, kill or interfere."""

    def __init__(
        self,
        inner: ObjectStore,
        before: Callable[[Call], None] = _nothing,
        after: Callable[[Call], None] = _nothing,
    ) -> None:
        self.calls: list[Call] = []
        self._inner = inner
        self._before = before
        self._after = after

    @property
    def url(self) -> str:
        return self._inner.url

    @property
    def sent_bytes(self) -> int:
        return sum(call.sent_bytes for call in self.calls)

    def forget(self) -> None:
        """Count from here on."""
        self.calls.clear()

    def get(self, key: str) -> Stored:
        return self._watched("get", key, 0, lambda: self._inner.get(key))

    def put(self, key: str, data: bytes) -> None:
        self._watched("put", key, len(data), lambda: self._inner.put(key, data))

    def put_if(self, key: str, data: bytes, *, version: str | None) -> str:
        return self._watched("put_if", key, len(data), lambda: self._inner.put_if(key, data, version=version))

    def size(self, key: str) -> int:
        return self._watched("size", key, 0, lambda: self._inner.size(key))

    def list(self, prefix: str) -> Iterator[Listed]:
        return iter(self._watched("list", prefix, 0, lambda: [*self._inner.list(prefix)]))

    def delete(self, key: str) -> None:
        self._watched("delete", key, 0, lambda: self._inner.delete(key))

    def _watched(self, operation: str, key: str, sent_bytes: int, act: Callable[[], T]) -> T:
        call = Call(number=len(self.calls) + 1, operation=operation, key=key, sent_bytes=sent_bytes)
        self.calls.append(call)
        self._before(call)
        try:
            return act()
        finally:
            self._after(call)
