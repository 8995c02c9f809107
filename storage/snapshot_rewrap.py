"""Wrapping every key of a store anew with SNAPSHOT_KEY, while pools save and restore.

Rule: the keys stay, and only what is around them changes. A new wrapping is opened before it is written,
written only over the one that was read, and read back before it counts; so who is killed anywhere leaves
keys that one of the two settings opens. The keyring goes last, and only when nothing failed: as long as one
key needs the old setting, a pool that lacks it is refused when it starts, and not weeks later at a restore.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from storage.key_wrap import WrappedKey
from storage.keyring import KEYRING, NAME_CHARS, PREFIX
from storage.object_url import prove
from storage.objects import ObjectMissing, ObjectStore, PreconditionFailed, StoreError, StoreUnsafe
from storage.snapshot_errors import KeyUnavailable, SnapshotCorrupt, SnapshotNewer, WrongKey
from storage.snapshot_keys import SnapshotKeys

log = logging.getLogger(__name__)

PARTS = "0123456789abcdef"
"""Names begin with each of them equally often. A store is listed in so many parts, because a listing is held
in memory: 50,000 sessions are a million objects."""
THREADS = 8
"""A key costs three requests, one after the other, and most of that is waiting."""
MOST_TOLD = 100
"""Problems that are kept: whoever gave a wrong key has one for each session."""
_ATTEMPTS = 4
"""Against a second one that does the same, and sessions that are destroyed and begin anew."""
_KEY_PATH = re.compile(rf"{PREFIX}([0-9a-f]{{{NAME_CHARS}}})/key")


class Outcome(StrEnum):
    """Of one key."""

    REWRAPPED = "rewrapped"
    ALREADY = "already"
    """SNAPSHOT_KEY had wrapped it."""
    LEFT = "left"
    """Another key has wrapped it, and it was not to be changed."""
    GONE = "gone"
    """Its session was destroyed meanwhile."""
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Rewrapped:
    """What became of the keys of a store."""

    rewrapped: int
    already: int
    failed: int
    left: int
    """Not wrapped with SNAPSHOT_KEY now, those that failed included."""
    problems: tuple[str, ...]
    """One line each, the first hundred."""


def rewrap(
    store: ObjectStore, keys: SnapshotKeys, *, dry_run: bool, progress: Callable[[int], None] = lambda _: None
) -> Rewrapped:
    """Go through all keys; `progress` hears of each of the parts and of the keyring.

    Raises StoreError and KeyUnavailable, which say nothing about keys: it can be run again at any time.
    """
    if not dry_run:
        prove(store)  # what ignores preconditions would lose keys that nobody can make again
    counts: Counter[Outcome] = Counter()
    problems: list[str] = []

    def judged(found: tuple[Outcome, str | None]) -> None:
        outcome, problem = found
        counts[outcome] += 1
        if problem is not None and len(problems) < MOST_TOLD:
            problems.append(problem)

    with ThreadPoolExecutor(THREADS, thread_name_prefix="rewrap") as threads:
        for part in PARTS:
            paths = list(_key_paths(store, part))
            for found in threads.map(lambda path: _one(store, keys, path, dry_run=dry_run), paths):
                judged(found)
            progress(1)
    judged(_one(store, keys, KEYRING, dry_run=dry_run or counts[Outcome.FAILED] > 0))
    progress(1)
    return Rewrapped(
        rewrapped=counts[Outcome.REWRAPPED],
        already=counts[Outcome.ALREADY],
        failed=counts[Outcome.FAILED],
        left=counts[Outcome.LEFT] + counts[Outcome.FAILED],
        problems=tuple(problems),
    )


def _key_paths(store: ObjectStore, part: str) -> Iterator[str]:
    for listed in store.list(PREFIX + part):
        if _KEY_PATH.fullmatch(listed.key):
            yield listed.key


def _one(store: ObjectStore, keys: SnapshotKeys, path: str, *, dry_run: bool) -> tuple[Outcome, str | None]:
    """The outcome, and what is wrong when it failed."""
    found = _KEY_PATH.fullmatch(path)
    context = found[1] if found is not None else "keyring"
    for _ in range(_ATTEMPTS):
        try:
            return _attempt(store, keys, path, context, dry_run=dry_run), None
        except ObjectMissing:
            return Outcome.GONE, None
        except PreconditionFailed:
            log.info("key_changed_meanwhile", extra={"key": path})
        except (WrongKey, SnapshotCorrupt, SnapshotNewer) as error:
            return Outcome.FAILED, f"{path}: {error}"
    return Outcome.FAILED, f"{path}: somebody else changes it again and again; run this again"


def _attempt(store: ObjectStore, keys: SnapshotKeys, path: str, context: str, *, dry_run: bool) -> Outcome:
    """Raises PreconditionFailed when somebody else wrote, ObjectMissing when there is no key any more."""
    stored = store.get(path)
    wrapped = WrappedKey.from_bytes(stored.data, f"the key object {path}")
    if wrapped.key_id == keys.key_id and _opens(keys, wrapped, context):
        return Outcome.ALREADY
    key = keys.unwrap(wrapped, context)
    if dry_run:
        return Outcome.LEFT
    anew = keys.wrap(key, context)
    if keys.wrapping.unwrap(anew, context) != key:
        raise KeyUnavailable(f"{keys.key_id} does not give back what it was given; nothing was written")
    version = store.put_if(path, anew.to_bytes(), version=stored.version)
    back = store.get(path)
    if back.data == anew.to_bytes():
        return Outcome.REWRAPPED
    if back.version != version:
        raise PreconditionFailed("get", path, "somebody else wrote it", "read it again")
    with suppress(StoreError):  # the last that can be done for it
        store.put_if(path, stored.data, version=version)
    raise StoreUnsafe(
        "put_if", path, "something else was read back", "put it back from a copy, and do not trust this store"
    )


def _opens(keys: SnapshotKeys, wrapped: WrappedKey, context: str) -> bool:
    """Whether SNAPSHOT_KEY itself does: an alias keeps its name when it is given to another key."""
    try:
        keys.wrapping.unwrap(wrapped, context)
    except WrongKey:
        return False
    return True
