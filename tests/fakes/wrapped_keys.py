"""The keys of a store under one wrapping key or another, as tests of `snapshots rewrap` look at them."""

from __future__ import annotations

import os

from storage.clock import ManualClock
from storage.key_wrap import KeyWrap, LocalKeyWrap, WrappedKey
from storage.keyring import read_key
from storage.objects import ObjectStore
from storage.snapshot_keys import SnapshotKeys
from storage.snapshot_rewrap import Rewrapped
from storage.vault import Vault
from tests.fakes.memory_store import MemoryStore
from tests.fakes.vaults import SECRET, SESSION_ID

A, B, C = LocalKeyWrap(SECRET), LocalKeyWrap(os.urandom(32)), LocalKeyWrap(os.urandom(32))
BEFORE, LEARNT, USED, FORGOTTEN = (
    SnapshotKeys(A),
    SnapshotKeys(A, [B]),
    SnapshotKeys(B, [A]),
    SnapshotKeys(B),
)
"""What every pool has, step by step (docs/rotation.md)."""
SESSIONS = [f"{SESSION_ID[:-1]}{end}" for end in "ABCDEF"]


def held_store() -> MemoryStore:
    """Six sessions under A; nothing of it needs a profile."""
    store = MemoryStore()
    vault = Vault.open(store, A, ManualClock())
    for session_id in SESSIONS:
        store.put(f"v1/{vault.session(session_id).name}/head", b"whatever it is")
        store.put(
            key_path(vault, session_id), A.wrap(os.urandom(32), vault.session(session_id).name).to_bytes()
        )
    return store


def key_path(vault: Vault, session_id: str) -> str:
    return f"v1/{vault.session(session_id).name}/key"


def paths_of(store: ObjectStore) -> list[str]:
    return [listed.key for listed in store.list("v1/") if listed.key.endswith(("/key", "keyring"))]


def wrapped_with(store: ObjectStore) -> list[str]:
    """The id of the key that has wrapped each key."""
    return [WrappedKey.from_bytes(store.get(path).data, path).key_id for path in paths_of(store)]


def keys_in(store: ObjectStore, wrap: KeyWrap) -> dict[str, bytes | None]:
    """The keys themselves."""
    parts = {path: path.split("/") for path in paths_of(store)}
    return {path: read_key(store, wrap, path, at[1]) for path, at in parts.items()}


def counts(done: Rewrapped) -> tuple[int, int, int, int]:
    return done.rewrapped, done.already, done.failed, done.left
