"""Numbers that are sealed at rest: AES-256-GCM under a key derived from NUMBERS_KEY, as text for a column.

Form: `lpn1.<key id>.<base64url of nonce and ciphertext>`. Rule: what is sealed is bound to its place, so that
it opens in no other row or column.

What is looked up is sealed alike: its nonce is an HMAC of place and text, so that the same number of a
workspace looks the same every time, and finds its row by the index that plain numbers have. Two texts share a
nonce when 96 bits of their HMACs meet by chance. That a number is there twice can be seen; which one it is
cannot.
"""

from __future__ import annotations

import hmac
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage.derived_key import derive
from storage.number_keys import NumberKeys
from storage.sealed_text import MARK

_NONCE_BYTES = 12
_KEY_ID_CHARS = 16
"""64 bits: nobody who may write a name into the registry guesses a key's id."""
_SEALED = re.compile(rf"{re.escape(MARK)}([0-9a-f]{{{_KEY_ID_CHARS}}})\.([A-Za-z0-9_-]{{38,}}=*)")


class UnknownKey(ValueError):
    """It was sealed with a key that this process was not given."""

    def __init__(self, key_id: str) -> None:
        super().__init__(key_id)
        self.key_id = key_id


class Damaged(ValueError):
    """The right key does not open it: it was changed, or belongs to another place."""


class _Key:
    """One key at work."""

    def __init__(self, secret: bytes) -> None:
        self.id = derive(secret, "numbers/key-id").hex()[:_KEY_ID_CHARS]
        self._cipher = AESGCM(derive(secret, "numbers/seal"))
        self._cipher_alike = AESGCM(derive(secret, "numbers/seal-alike"))
        self._nonces = derive(secret, "numbers/nonce")

    def seal(self, place: str, text: str, *, alike: bool) -> str:
        bound_to, plain = _bound_to(place), text.encode()
        if alike:
            nonce = hmac.digest(self._nonces, bound_to + b"\0" + plain, "sha256")[:_NONCE_BYTES]
            sealed = self._cipher_alike.encrypt(nonce, plain, bound_to)
        else:
            nonce = os.urandom(_NONCE_BYTES)
            sealed = self._cipher.encrypt(nonce, plain, bound_to)
        return f"{MARK}{self.id}.{urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, place: str, sealed: str, *, alike: bool) -> str:
        raw = urlsafe_b64decode(sealed)
        cipher = self._cipher_alike if alike else self._cipher
        return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound_to(place)).decode()


class Numbers:
    """Seals with one key, opens with several."""

    def __init__(self, keys: NumberKeys) -> None:
        self._sealing = None if keys.sealing is None else _Key(keys.sealing)
        opening = [_Key(secret) for secret in keys.opening]
        self._keys = {key.id: key for key in ([self._sealing] if self._sealing else []) + opening}

    @property
    def key_id(self) -> str | None:
        """Of the key that seals; None when nothing is to be sealed. May be shown."""
        return None if self._sealing is None else self._sealing.id

    @property
    def key_ids(self) -> frozenset[str]:
        """Of every key that opens."""
        return frozenset(self._keys)

    def seal(self, place: str, text: str, *, alike: bool = False) -> str:
        """As it is to be kept; as it is, where nothing is to be sealed."""
        return text if self._sealing is None else self._sealing.seal(place, text, alike=alike)

    def open(self, place: str, text: str, *, alike: bool = False) -> str:
        """What was sealed; what was not, as it is. Raises UnknownKey, Damaged."""
        match = _SEALED.fullmatch(text)
        if match is None:
            return text
        key = self._keys.get(match[1])
        if key is None:
            raise UnknownKey(match[1])
        try:
            return key.open(place, match[2], alike=alike)
        except (InvalidTag, ValueError) as error:
            raise Damaged(place) from error

    def ways(self, place: str, text: str) -> list[str]:
        """Every way in which a text that is sealed alike may stand in a row, the plain one as well."""
        return [text, *(key.seal(place, text, alike=True) for key in self._keys.values())]

    def is_current(self, text: str) -> bool:
        """Whether it is as `seal` would write it now, but for the nonce."""
        match = _SEALED.fullmatch(text)
        return (match[1] if match and match[1] in self._keys else None) == self.key_id


def _bound_to(place: str) -> bytes:
    return f"linkpool/v1/numbers/{place}".encode()
