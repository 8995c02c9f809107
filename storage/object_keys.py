"""Names of objects. A key that passed here is a safe path below any root and a safe S3 key, as it stands.

Rule: a key that does not pass is our own mistake, so it is a ValueError and no answer of a store.
"""

from __future__ import annotations

import re

MARKER = "store.json"
"""The one name at the top that a directory keeps for itself; refused everywhere, so that stores are alike."""

LONGEST_PART = 200
"""File systems take 255 bytes."""

LONGEST_KEY = 700
"""S3 takes 1024 bytes with the store's prefix, Linux 4096 with the store's path."""

_KEY = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")
_START = re.compile(r"[A-Za-z0-9._-]*")


def is_key(text: str) -> bool:
    """Whether it can name an object."""
    return (
        _KEY.fullmatch(text) is not None
        and len(text) <= LONGEST_KEY
        and text != MARKER
        and all(part not in {".", ".."} and len(part) <= LONGEST_PART for part in text.split("/"))
    )


def check_key(key: str) -> str:
    """Give the key back. Raises ValueError."""
    if not is_key(key):
        raise ValueError(f"{key[:100]!r} is no key: parts of A-Z a-z 0-9 . _ - with / between")
    return key


def check_prefix(prefix: str) -> str:
    """Give back the beginning of keys, which may end anywhere in them. Raises ValueError."""
    folder, slash, start = prefix.rpartition("/")
    if (slash and not is_key(folder)) or _START.fullmatch(start) is None:
        raise ValueError(f"{prefix[:100]!r} is no beginning of a key")
    return prefix
