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
from typing import Any

from storage.clock import from_wire

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX_LENGTH = 8
SECRET_LENGTH = 43
"""62 ** 43 is just above 2 ** 256."""

_FORM = re.compile(rf"lp_([0-9A-Za-z]{{{PREFIX_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH}}})")


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key as the registry holds it: without its secret."""

    prefix: str
    workspace_id: str
    secret_sha256: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> ApiKey:
        return cls(
            prefix=row["prefix"],
            workspace_id=row["workspace_id"],
            secret_sha256=row["secret_sha256"],
            created_at=from_wire(row["created_at"]),
            last_used_at=None if row["last_used_at"] is None else from_wire(row["last_used_at"]),
            revoked_at=None if row["revoked_at"] is None else from_wire(row["revoked_at"]),
        )

    def opens_with(self, secret: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.secret_sha256, hash_secret(secret))


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
