"""SNAPSHOT_KEY and SNAPSHOT_KEY_OLD: which key wraps the keys of a store, and which ones open them.

Rule: SNAPSHOT_KEY wraps; it and every key of SNAPSHOT_KEY_OLD open, whichever of them has wrapped. So one
can replace the other while pools run: everybody learns the new one before anybody wraps with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from storage.errors import ConfigError
from storage.key_wrap import KeyWrap, WrappedKey, key_wrap_from, wrong_key
from storage.snapshot_errors import KeyUnavailable, WrongKey

MOST_OLD = 4
"""One is the rule; more are left from rotations that nobody ended."""
_ADVICE = (
    "give the key that SNAPSHOT_KEY was, or the one that it will be; when `snapshots rewrap --dry-run` says "
    "that none is left, take it out"
)


class SnapshotKeys:
    """A `KeyWrap` of one key that wraps and any number that only open."""

    def __init__(self, wrapping: KeyWrap, old: Sequence[KeyWrap] = ()) -> None:
        self.wrapping = wrapping
        """SNAPSHOT_KEY alone."""
        self._old = [one for one in old if one.key_id != wrapping.key_id]

    @classmethod
    def from_settings(cls, key: str, old: str) -> SnapshotKeys:
        """What the two settings say; no request is made. Raises ConfigError with every problem."""
        problems: list[str] = []
        texts = [part.strip() for part in old.split(",") if part.strip()]
        if len(texts) > MOST_OLD:
            problems.append(f"SNAPSHOT_KEY_OLD holds {len(texts)} keys; give at most {MOST_OLD}")
            texts = []
        wraps = [_read("SNAPSHOT_KEY", key, None, problems)]
        for number, text in enumerate(texts, start=1):
            which = f" (key {number} of {len(texts)})" if len(texts) > 1 else ""
            wraps.append(_read(f"SNAPSHOT_KEY_OLD{which}", text, _ADVICE, problems))
        read = [one for one in wraps if one is not None]
        if problems:
            raise ConfigError(problems)
        return cls(read[0], read[1:])

    @property
    def key_id(self) -> str:
        """Of the key that wraps."""
        return self.wrapping.key_id

    def wrap(self, key: bytes, context: str) -> WrappedKey:
        return self.wrapping.wrap(key, context)

    def unwrap(self, wrapped: WrappedKey, context: str) -> bytes:
        """With the key that it names; then with the others, because a KMS key has several names and an
        alias may have been given to another key since."""
        unknown: KeyUnavailable | None = None
        for one in sorted((self.wrapping, *self._old), key=lambda one: one.key_id != wrapped.key_id):
            try:
                return one.unwrap(wrapped, context)
            except WrongKey:
                continue
            except KeyUnavailable as error:
                unknown = unknown or error
        if unknown is not None:
            raise unknown
        raise wrong_key(wrapped, self.key_id, [one.key_id for one in self._old])


def _read(name: str, text: str, advice: str | None, problems: list[str]) -> KeyWrap | None:
    try:
        return key_wrap_from(text, name, advice)
    except ConfigError as error:
        problems += error.problems
        return None
