"""How the command line finds what it works on: the vault, the data directory, one session, one snapshot.

Rule: looking makes nothing. A store without a keyring is the wrong store, or an empty one; only a pool
begins one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from storage.clock import SystemClock
from storage.errors import ConfigError
from storage.keyring import KEYRING
from storage.object_url import open_store
from storage.objects import ObjectMissing, ObjectStore
from storage.snapshot_errors import NoSnapshot
from storage.snapshot_keys import SnapshotKeys
from storage.snapshot_record import Snapshot
from storage.vault import SessionVault, Vault

_SESSION = re.compile(r"[A-Za-z0-9._-]{1,100}")
"""A session id becomes part of a path."""


def data_dir() -> Path:
    """DATA_DIR, as the pool reads it."""
    return Path(os.environ.get("DATA_DIR") or "./data").absolute()


def snapshot_url() -> str:
    """SNAPSHOT_URL, as the pool reads it."""
    return os.environ.get("SNAPSHOT_URL") or f"file://{data_dir()}/snapshots"


def open_vault() -> Vault:
    """Raises as `open_place`, and WrongKey, KeyUnavailable, SnapshotCorrupt, SnapshotNewer."""
    store, keys = open_place()
    return Vault.open(store, keys, SystemClock())


def open_place() -> tuple[ObjectStore, SnapshotKeys]:
    """The store of SNAPSHOT_URL, and the keys of SNAPSHOT_KEY and SNAPSHOT_KEY_OLD.

    Raises ConfigError, NoSnapshot, StoreError.
    """
    key = os.environ.get("SNAPSHOT_KEY")
    if not key:
        raise ConfigError(["SNAPSHOT_KEY is missing; give the one that the pools have"])
    keys = SnapshotKeys.from_settings(key, os.environ.get("SNAPSHOT_KEY_OLD", ""))
    url = snapshot_url()
    if url.startswith("file://") and not Path(url.removeprefix("file://")).is_dir():
        raise NoSnapshot(f"there is no directory {url}; mount it, or correct SNAPSHOT_URL")
    store = open_store(url, endpoint_url=os.environ.get("S3_ENDPOINT_URL"))
    try:
        store.size(KEYRING)
    except ObjectMissing as error:
        raise NoSnapshot(f"{store.url} holds no snapshots; is SNAPSHOT_URL right?") from error
    return store, keys


def session_argument(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """For click: a session id that is safe in a path."""
    if value is not None and (_SESSION.fullmatch(value) is None or value.startswith(".")):
        raise click.BadParameter("a session id looks like 01JD3Z0V5M8Q4T2X9Y7W6R1K0B")
    return value


def history_of(vault: SessionVault, session_id: str) -> list[Snapshot]:
    """Newest first, at least one. Raises NoSnapshot."""
    history = vault.history()
    if not history:
        raise NoSnapshot(
            f"there is no snapshot of session {session_id}; `snapshots list` shows what there is"
        )
    return history


def chosen(vault: SessionVault, session_id: str, snapshot_id: str | None) -> Snapshot:
    """The named snapshot, or the newest. Raises NoSnapshot."""
    history = history_of(vault, session_id)
    if snapshot_id is None:
        return history[0]
    for snapshot in history:
        if snapshot.id == snapshot_id:
            return snapshot
    raise NoSnapshot(
        f"session {session_id} has no snapshot {snapshot_id}; `snapshots show {session_id}` lists them"
    )


def newest_of(vault: SessionVault) -> Snapshot | None:
    """What the head says, or the manifests when the head is damaged. Raises SnapshotError, StoreError."""
    return next(iter(vault.history()), None)
