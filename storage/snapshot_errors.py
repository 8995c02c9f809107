"""What can be wrong with a snapshot or its key. A docstring here is the sentence a person reads.

Rule: a message says what, of which snapshot and session, and what to do next; never a key, a number or
what a file holds. A store that fails raises its own StoreError: that says nothing about snapshots.

SnapshotError
├── NoSnapshot         the store says that there is no such snapshot
├── SnapshotCorrupt    what the store holds is not what was written
├── SnapshotNewer      made by a newer linkpool
├── StaleGeneration    the session has a newer owner
├── WrongKey           neither SNAPSHOT_KEY nor SNAPSHOT_KEY_OLD has wrapped this key
├── KeyUnavailable     the key service gave no answer that can be used
├── StagedUnfit        the directory to be saved holds what a snapshot cannot
└── RestoreFailed      the disk did not take the restored files
"""

from __future__ import annotations

from storage.errors import LinkpoolError


class SnapshotError(LinkpoolError):
    """Base of everything that is wrong with a snapshot, its key, or the files it is made of."""


class NoSnapshot(SnapshotError):
    """The store says that there is no such snapshot; it was pruned, destroyed or never made."""


class SnapshotCorrupt(SnapshotError):
    """What the store holds is not what was written; the previous snapshot may be whole."""


class SnapshotNewer(SnapshotError):
    """It was made by a newer linkpool; this one neither reads nor replaces it."""


class StaleGeneration(SnapshotError):
    """The session has a newer owner; what the older one saves is refused."""


class WrongKey(SnapshotError):
    """The store was made with another SNAPSHOT_KEY, or its keys were wrapped anew with one since."""


class KeyUnavailable(SnapshotError):
    """The key service did not answer, or refused; whether the key is right is unknown."""


class StagedUnfit(SnapshotError):
    """The directory to be saved holds what a snapshot cannot, or changed while it was read."""


class RestoreFailed(SnapshotError):
    """The disk did not take the restored files; nothing was left behind."""
