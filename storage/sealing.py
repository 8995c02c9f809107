"""Sealing: compressed with zstd, encrypted with AES-256-GCM under keys derived from the session's.

Rule: what is sealed is bound to its session, its kind and its name. An object moved to another place, or
another session's object put in its place, does not open.
"""

from __future__ import annotations

import hmac
import os
from enum import StrEnum

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage.derived_key import derive
from storage.key_wrap import NONCE_BYTES

PIECE_BYTES = 64 * 1024
"""Files are cut at multiples of this; measured: 82 kB new after one small write, 672 kB with whole files."""
_LEVEL = 3
_MOST = {"piece": PIECE_BYTES, "manifest": 256 * 1024 * 1024, "head": 16 * 1024 * 1024}
"""Bytes a sealed thing may have when opened: nothing of ours is larger."""
_NAME_BYTES = 16
"""Half of an HMAC-SHA256: names that meet by chance need 2^64 pieces."""


class Kind(StrEnum):
    """What is sealed; each kind has a key of its own."""

    PIECE = "piece"
    MANIFEST = "manifest"
    HEAD = "head"


class Unsealable(ValueError):
    """It was not sealed by us, for this place, or is no longer whole. Its reader says which one it is."""


class Sealing:
    """One session's keys at work."""

    def __init__(self, key: bytes, session_name: str) -> None:
        self._session_name = session_name
        self._ciphers = {kind: AESGCM(derive(key, kind)) for kind in Kind}
        self._naming = derive(key, "piece-name")

    def piece_name(self, sha256: bytes) -> str:
        """What a piece with this hash is called: the same for the same bytes, in this session only."""
        return hmac.digest(self._naming, sha256, "sha256")[:_NAME_BYTES].hex()

    def seal(self, kind: Kind, name: str, plain: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        packed = zstandard.ZstdCompressor(level=_LEVEL).compress(plain)
        return nonce + self._ciphers[kind].encrypt(nonce, packed, self._bound_to(kind, name))

    def open(self, kind: Kind, name: str, sealed: bytes) -> bytes:
        """Raises Unsealable."""
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            packed = self._ciphers[kind].decrypt(nonce, rest, self._bound_to(kind, name))
            if zstandard.get_frame_parameters(packed).content_size > _MOST[kind]:
                raise Unsealable(f"{kind} is larger than any of ours")
            return zstandard.ZstdDecompressor().decompress(packed)
        except (InvalidTag, zstandard.ZstdError, ValueError) as error:
            raise Unsealable(f"{kind} does not open") from error

    def _bound_to(self, kind: Kind, name: str) -> bytes:
        return f"linkpool/v1/{self._session_name}/{kind}/{name}".encode()
