"""API keys: `lp_<prefix>_<secret>`. The prefix is public and finds the key; the secret is kept as a hash.

Rule: a plain SHA-256 is right here. The secret has 256 random bits, so there is nothing to guess and
nothing that a slow hash would slow down but our own requests.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from storage.clock import from_wire

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX_LENGTH = 8
SECRET_LENGTH = 43
"""62 ** 43 is just above 2 ** 256."""

_FORM = re.compile(rf"lp_([0-9A-Za-z]{{{PREFIX_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH}}})")


class Scope(StrEnum):
    """What a key is for. Wire names; each includes the ones before it."""

    READ = "read"
    """See sessions, chats, events and the webhook log. Never a QR, a pairing code or the address of a page:
    whoever has one of those can link an account of their own."""
    SESSIONS = "sessions"
    """Make sessions and do everything with them."""
    ADMIN = "admin"
    """Keys, webhooks, settings and the audit log."""


_ORDER = tuple(Scope)


class KeyStatus(StrEnum):
    """Whether a key opens anything. Wire names."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key as the registry holds it: without its secret."""

    prefix: str
    workspace_id: str
    secret_sha256: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    name: str | None = None
    scopes: tuple[Scope, ...] = (Scope.ADMIN,)
    expires_at: datetime | None = None
    replaced_by: str | None = None
    """The prefix of the key that took its place."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> ApiKey:
        return cls(
            prefix=row["prefix"],
            workspace_id=row["workspace_id"],
            secret_sha256=row["secret_sha256"],
            created_at=from_wire(row["created_at"]),
            last_used_at=_moment(row["last_used_at"]),
            revoked_at=_moment(row["revoked_at"]),
            name=row["name"],
            scopes=tuple(Scope(word) for word in row["scopes"].split()),
            expires_at=_moment(row["expires_at"]),
            replaced_by=row["replaced_by"],
        )

    def opens_with(self, secret_sha256: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.secret_sha256, secret_sha256)

    def allows(self, scope: Scope) -> bool:
        """Whether this key may do what needs that scope."""
        return max(map(_ORDER.index, self.scopes), default=-1) >= _ORDER.index(scope)

    def status(self, now: datetime) -> KeyStatus:
        """Whether it opens anything at this moment."""
        if self.revoked_at is not None:
            return KeyStatus.REVOKED
        expired = self.expires_at is not None and self.expires_at <= now
        return KeyStatus.EXPIRED if expired else KeyStatus.ACTIVE


def _moment(text: str | None) -> datetime | None:
    return None if text is None else from_wire(text)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def make_key() -> tuple[str, str]:
    """A new prefix and secret."""
    return _random(PREFIX_LENGTH), _random(SECRET_LENGTH)


def show_key(prefix: str, secret: str) -> str:
    """The key as its owner gets to see it, once."""
    return f"lp_{prefix}_{secret}"


def split_key(key: str) -> tuple[str, str] | None:
    """Prefix and secret, or None when this is no key of ours."""
    match = _FORM.fullmatch(key)
    return None if match is None else (match[1], match[2])


def hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
