"""Keys of 32 bytes that the operator makes: how they are written in a setting, and which are none.

Rule: what is wrong is said with the name of the setting and the fix, and never with what it holds. Nothing
here imports what encrypts: a setting is read by processes that will never use it.
"""

from __future__ import annotations

import base64
import binascii
import re
from itertools import pairwise

from storage.errors import ConfigError

KEY_BYTES = 32
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_LEAST_DIFFERENT_BYTES = 12
"""32 random bytes have 24 or more different ones; fewer than 12 were typed by a person."""


def read_key(name: str, text: str, advice: str) -> bytes:
    """32 bytes in base64 or hex. Raises ConfigError."""
    text = text.strip()
    try:
        secret = bytes.fromhex(text) if _HEX.fullmatch(text) else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigError([f"{name} is not base64; {advice}"]) from error
    if len(secret) != KEY_BYTES:
        raise ConfigError([f"{name} has {len(secret)} bytes where {KEY_BYTES} are needed; {advice}"])
    if len(set(secret)) < _LEAST_DIFFERENT_BYTES or _is_typed(secret) or _is_counted(secret):
        raise ConfigError([f"{name} is an example, not a secret; {advice}"])
    return secret


def _is_typed(secret: bytes) -> bool:
    return all(0x20 <= byte < 0x7F for byte in secret)


def _is_counted(secret: bytes) -> bool:
    return len({(after - before) % 256 for before, after in pairwise(secret)}) == 1
