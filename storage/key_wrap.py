"""Wrapping of keys: what SNAPSHOT_KEY stands for, and the form of a wrapped key in the store.

Rule: SNAPSHOT_KEY never seals data. It wraps the keys that do, each bound to the place it belongs to
(its context), so that a wrapped key moved elsewhere does not open. Hence it can be replaced without touching
what they seal (`storage/snapshot_keys.py`, `storage/snapshot_rewrap.py`).
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage.derived_key import derive
from storage.secret_key import KEY_BYTES, read_key
from storage.snapshot_errors import SnapshotCorrupt, SnapshotNewer, WrongKey
from storage.strict_fields import Fields

FORMAT = 1
NONCE_BYTES = 12
KMS_PREFIX = "aws-kms:"
_ADVICE = "make one with `openssl rand -base64 32` and keep a copy where the snapshots are not"


@dataclass(frozen=True, kw_only=True)
class WrappedKey:
    """A key that only the holder of the wrapping key can use."""

    key_id: str
    """Which wrapping key; tells nothing about it."""
    blob: bytes

    def to_bytes(self) -> bytes:
        """As it lies in the store."""
        wrapped = base64.b64encode(self.blob).decode()
        wire = {"format": FORMAT, "key_id": self.key_id, "wrapped": wrapped}
        return json.dumps(wire, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, raw: bytes, what: str) -> WrappedKey:
        """Read what `to_bytes` wrote. Raises SnapshotCorrupt, SnapshotNewer."""
        try:
            fields = Fields.parse(raw, what)
            made_by = fields.number("format")
            if made_by > FORMAT:
                raise SnapshotNewer(
                    f"{what} was made by a newer linkpool (format {made_by}); upgrade this one"
                )
            if made_by != FORMAT:
                raise ValueError(f"{what} has no known format")
            blob = base64.b64decode(fields.text("wrapped"), validate=True)
            return cls(key_id=fields.text("key_id", re.compile(r"[ -~]{1,300}")), blob=blob)
        except ValueError as error:
            raise SnapshotCorrupt(f"{what} cannot be read; put it back from a copy of the bucket") from error


class KeyWrap(Protocol):
    """Who can wrap a key and unwrap it again, in the same context only."""

    @property
    def key_id(self) -> str:
        """Names the wrapping key; may be shown."""

    def wrap(self, key: bytes, context: str) -> WrappedKey:
        """Raises KeyUnavailable."""

    def unwrap(self, wrapped: WrappedKey, context: str) -> bytes:
        """Raises WrongKey, SnapshotCorrupt, KeyUnavailable."""


class LocalKeyWrap:
    """Wraps with AES-256-GCM under a key derived from 32 bytes of our own."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"the secret must have {KEY_BYTES} bytes")
        self._cipher = AESGCM(derive(secret, "wrap"))
        self.key_id = "local:" + derive(secret, "key-id")[:8].hex()

    def wrap(self, key: bytes, context: str) -> WrappedKey:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, key, _bound_to(context))
        return WrappedKey(key_id=self.key_id, blob=nonce + sealed)

    def unwrap(self, wrapped: WrappedKey, context: str) -> bytes:
        if wrapped.key_id != self.key_id:
            raise wrong_key(wrapped, self.key_id)
        nonce, sealed = wrapped.blob[:NONCE_BYTES], wrapped.blob[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, sealed, _bound_to(context))
        except (InvalidTag, ValueError) as error:
            raise damaged_key(context) from error


def key_wrap_from(text: str, setting: str = "SNAPSHOT_KEY", advice: str | None = None) -> KeyWrap:
    """What a setting says: 32 bytes in base64 or hex, or `aws-kms:` and a key id, ARN or alias.

    Raises ConfigError, which names the setting and gives the advice.
    """
    text = text.strip()
    if text.startswith(KMS_PREFIX):
        # the door of boto3, which a node with a key of its own need not load
        from storage.kms_key_wrap import KmsKeyWrap

        return KmsKeyWrap.connect(text.removeprefix(KMS_PREFIX), setting)
    return LocalKeyWrap(read_key(setting, text, advice or _ADVICE))


def wrong_key(wrapped: WrappedKey, ours: str, old: Sequence[str] = ()) -> WrongKey:
    """The error of a key that none of our wrapping keys has wrapped."""
    others = f" and SNAPSHOT_KEY_OLD holds {', '.join(old)}" if old else ""
    return WrongKey(
        f"SNAPSHOT_KEY is key {ours}{others}, but the snapshots were made with key {wrapped.key_id}; "
        "set SNAPSHOT_KEY to that one, or add it to SNAPSHOT_KEY_OLD while one replaces the other"
    )


def damaged_key(context: str) -> SnapshotCorrupt:
    """The error of a wrapped key that the right wrapping key does not open."""
    return SnapshotCorrupt(f"the key of {context} is damaged; put it back from a copy of the bucket")


def _bound_to(context: str) -> bytes:
    return f"linkpool/v1/wrap/{context}".encode()
