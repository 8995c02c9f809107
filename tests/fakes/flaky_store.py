"""A real store whose connection breaks when a test says so: before an operation is done, or after.

The rest is the store's own; so it keeps the contract, but for the errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

from storage.objects import Listed, ObjectStore, Stored, StoreError, StoreUnavailable

Answer = TypeVar("Answer")


class Break(StrEnum):
    NONE = "none"
    BEFORE = "before"
    """Nothing was done."""
    AFTER = "after"
    """It was done, and nobody heard of it."""


class FlakyStore:
    """Takes one `Break` from the plan for each call; none when it is used up."""

    def __init__(self, store: ObjectStore, *plan: Break) -> None:
        self._store = store
        self.plan = list(plan)
        self.calls: list[str] = []

    @property
    def url(self) -> str:
        return self._store.url

    def get(self, key: str) -> Stored:
        return self._call("get", key, lambda: self._store.get(key))

    def put(self, key: str, data: bytes) -> None:
        self._call("put", key, lambda: self._store.put(key, data))

    def put_if(self, key: str, data: bytes, *, version: str | None) -> str:
        return self._call("put_if", key, lambda: self._store.put_if(key, data, version=version))

    def size(self, key: str) -> int:
        return self._call("size", key, lambda: self._store.size(key))

    def list(self, prefix: str) -> Iterator[Listed]:
        """Breaks after the first line."""
        lines = [*self._store.list(prefix)]
        try:
            self._call("list", prefix, lambda: None)
        except StoreUnavailable:
            yield from lines[:1]
            raise
        yield from lines

    def delete(self, key: str) -> None:
        self._call("delete", key, lambda: self._store.delete(key))

    def _call(self, operation: str, key: str, use: Callable[[], Answer]) -> Answer:
        self.calls.append(operation)
        fault = self.plan.pop(0) if self.plan else Break.NONE
        if fault is Break.NONE:
            return use()
        if fault is Break.AFTER:
            with suppress(StoreError):  # nobody hears of a refusal either
                use()
        raise StoreUnavailable(operation, key, "the connection broke", "try again")
