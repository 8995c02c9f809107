"""Wrapping of keys by AWS KMS: the wrapping key never leaves the service.

Rule: the key we were told is named in every call. KMS would find another one by the ciphertext alone, and
whoever can write to the bucket could then make us seal under a key of theirs.
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storage.errors import ConfigError
from storage.key_wrap import KMS_PREFIX, WrappedKey, damaged_key, wrong_key
from storage.snapshot_errors import KeyUnavailable

_LIMITS = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})
"""Seconds. A restore waits for this; a node that cannot reach KMS should say so, not hang."""


class KmsKeyWrap:
    """Wraps through KMS, with the context as its EncryptionContext (which AWS logs in clear)."""

    def __init__(self, key: str, client: Any) -> None:
        self._key = key
        self._client = client
        self.key_id = KMS_PREFIX + key

    @classmethod
    def connect(cls, key: str, setting: str = "SNAPSHOT_KEY") -> KmsKeyWrap:
        """With the usual AWS variables. No request is made. Raises ConfigError."""
        if not key:
            raise ConfigError([f"{setting} is `aws-kms:` without a key id, ARN or alias/name after it"])
        try:
            return cls(key, boto3.client("kms", config=_LIMITS))
        except BotoCoreError as error:
            raise ConfigError([f"{setting} needs AWS KMS, which is not set up: {error}"]) from error

    def wrap(self, key: bytes, context: str) -> WrappedKey:
        try:
            answer = self._client.encrypt(
                KeyId=self._key, Plaintext=key, EncryptionContext=_bound_to(context)
            )
        except (BotoCoreError, ClientError) as error:
            raise self._unavailable("encrypt", error) from error
        return WrappedKey(key_id=self.key_id, blob=bytes(answer["CiphertextBlob"]))

    def unwrap(self, wrapped: WrappedKey, context: str) -> bytes:
        if not wrapped.key_id.startswith(KMS_PREFIX):
            raise wrong_key(wrapped, self.key_id)
        try:
            answer = self._client.decrypt(
                KeyId=self._key, CiphertextBlob=wrapped.blob, EncryptionContext=_bound_to(context)
            )
        except (BotoCoreError, ClientError) as error:
            match _code(error):
                case "IncorrectKeyException":
                    raise wrong_key(wrapped, self.key_id) from error
                case "InvalidCiphertextException":
                    raise damaged_key(context) from error
            raise self._unavailable("decrypt", error) from error
        return bytes(answer["Plaintext"])

    def _unavailable(self, call: str, error: Exception) -> KeyUnavailable:
        why = _code(error) or type(error).__name__
        return KeyUnavailable(
            f"KMS did not {call} with {self.key_id}: {why}; check that the key is enabled and that this node "
            "may use it, then try again"
        )


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _bound_to(context: str) -> dict[str, str]:
    return {"linkpool": f"v1/{context}"}
