"""One key becomes several: a key of its own for each purpose, so that no two purposes share one."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.secret_key import KEY_BYTES


def derive(key: bytes, purpose: str) -> bytes:
    """A key of its own for one purpose."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"linkpool/v1/{purpose}".encode()).derive(key)
