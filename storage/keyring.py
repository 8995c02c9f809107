"""The store's keyring and the sessions' keys: made once, wrapped by SNAPSHOT_KEY.

Rule: where a key is, no other one is ever written. Names hang on the keyring and everything else on the
session's key; a second one would make what is there unreadable, and so look like nothing. The same key may
get another wrapping (`storage/snapshot_rewrap.py`).
"""

from __future__ import annotations

import hmac
import os
from contextlib import suppress

from storage.key_wrap import KeyWrap, WrappedKey
from storage.objects import ObjectMissing, ObjectStore, PreconditionFailed
from storage.secret_key import KEY_BYTES
from storage.snapshot_errors import SnapshotCorrupt

PREFIX = "v1/"
KEYRING = PREFIX + "keyring"
NAME_CHARS = 32


class Keyring:
    """The key that makes names of session ids."""

    def __init__(self, naming_key: bytes) -> None:
        self._naming_key = naming_key

    @classmethod
    def open(cls, store: ObjectStore, wrap: KeyWrap) -> Keyring:
        """Read it, or make it in a store that is empty. Raises WrongKey, SnapshotCorrupt, StoreError."""
        key = read_key(store, wrap, KEYRING, "keyring")
        if key is None:
            _must_be_empty(store)
            key = make_key(store, wrap, KEYRING, "keyring")
        return cls(key)

    def name_of(self, session_id: str) -> str:
        """What a session is called in the store."""
        return hmac.digest(self._naming_key, session_id.encode(), "sha256").hex()[:NAME_CHARS]


def read_key(store: ObjectStore, wrap: KeyWrap, path: str, context: str) -> bytes | None:
    """The key that lies there; None when the store says that there is none."""
    try:
        stored = store.get(path)
    except ObjectMissing:
        return None
    key = wrap.unwrap(WrappedKey.from_bytes(stored.data, f"the key object {path}"), context)
    if len(key) != KEY_BYTES:
        raise SnapshotCorrupt(f"the key object {path} holds no key; put it back from a copy of the bucket")
    return key


def make_key(store: ObjectStore, wrap: KeyWrap, path: str, context: str) -> bytes:
    """Write a new random key and read it back; when somebody else was first, the key is theirs."""
    wrapped = wrap.wrap(os.urandom(KEY_BYTES), context)
    # refused: it is theirs, or ours when an answer was lost and the store's client asked again
    with suppress(PreconditionFailed):
        store.put_if(path, wrapped.to_bytes(), version=None)
    key = read_key(store, wrap, path, context)
    if key is None:
        raise SnapshotCorrupt(f"the key object {path} was removed as soon as it was written; try again")
    return key


def _must_be_empty(store: ObjectStore) -> None:
    """Snapshots without their keyring are not absent, only nameless."""
    for listed in store.list(PREFIX):
        if listed.key == KEYRING:  # somebody else made it meanwhile
            return
        raise SnapshotCorrupt(
            f"{store.url} holds snapshots, but its keyring is gone; put {KEYRING} back from a copy of the "
            "bucket, or point SNAPSHOT_URL at an empty place"
        )
