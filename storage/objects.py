"""What an object store is to us: the one contract that every backend keeps, and its errors.

Rule: an error is never an absence. Only `ObjectMissing` says that something is not there, and a backend
raises it only when the store itself said so.

StoreError
├── ObjectMissing          the store says that there is no such object
├── PreconditionFailed     somebody wrote the object meanwhile
├── StoreUnavailable       no answer, or none that can be used: try again later
├── StoreRefused           the store will not let us: credentials, bucket, rights, disk full
└── StoreUnsafe            the store does not keep the contract: it must not be used
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from storage.errors import LinkpoolError


class StoreError(LinkpoolError):
    """Base: which operation on which key failed, why, and what to do next."""

    def __init__(self, operation: str, key: str, why: str, hint: str) -> None:
        super().__init__(f"{operation} {key}: {why}; {hint}")
        self.operation = operation
        self.key = key


class ObjectMissing(StoreError):
    """The store answered that there is no such object."""


class PreconditionFailed(StoreError):
    """The object is not in the version that the write expected; read it again, then decide."""


class StoreUnavailable(StoreError):
    """The store did not answer, answered with an error of its own, or broke off; whether a write was
    done is unknown."""


class StoreRefused(StoreError):
    """The store refuses us, and will until somebody changes something: rights, bucket, space."""


class StoreUnsafe(StoreError):
    """The store ignores preconditions or loses what it acknowledged; nothing may be entrusted to it."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An object that was read."""

    data: bytes
    version: str
    """Changes with every write; what `put_if` compares. S3's ETag."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One line of a listing."""

    key: str
    size: int
    modified_at: datetime
    """By the store's clock, never by ours."""


class ObjectStore(Protocol):
    """Keys are paths of [A-Za-z0-9._-] parts with / between, relative to the store's prefix.

    Every method is blocking, safe to call from several threads, and ends within a bounded time.
    """

    @property
    def url(self) -> str:
        """Where it is, without secrets; for messages."""

    def get(self, key: str) -> Stored:
        """The whole object. MUST be what was last acknowledged. Raises ObjectMissing, StoreError."""

    def put(self, key: str, data: bytes) -> None:
        """Write or overwrite. MUST be durable and complete when it returns: a reader sees all or nothing."""

    def put_if(self, key: str, data: bytes, *, version: str | None) -> str:
        """Write only when the object is in this version, or absent for None; give the new version.

        Of several writers that expect the same version, exactly one MUST win. Raises PreconditionFailed.
        """

    def size(self, key: str) -> int:
        """Bytes of an object, without reading it. Raises ObjectMissing."""

    def list(self, prefix: str) -> Iterator[Listed]:
        """Every object whose key begins with the prefix, in the order of the keys."""

    def delete(self, key: str) -> None:
        """Remove it, with every older version that a versioned store keeps. A missing one is no error."""
