"""Opens the store that SNAPSHOT_URL names, and proves that it keeps the contract.

Rule: nothing is entrusted to a store before `prove` came back.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from storage.errors import ConfigError
from storage.object_directory import DirectoryStore
from storage.object_keys import is_key
from storage.object_retry import RetryingStore
from storage.object_s3 import S3Store
from storage.objects import ObjectMissing, ObjectStore, PreconditionFailed, StoreError, StoreUnsafe

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_FORMS = "use file:///absolute/path, file://./relative/path or s3://bucket/prefix"


def open_store(url: str, *, endpoint_url: str | None = None) -> ObjectStore:
    """The store, with retries; nothing is asked of it yet. Raises ConfigError, StoreRefused."""
    if url.startswith("file://"):
        return RetryingStore(DirectoryStore(_directory(url)))
    if url.startswith("s3://"):
        bucket, prefix = _bucket_and_prefix(url)
        return RetryingStore(S3Store(bucket, prefix, endpoint_url=_endpoint(endpoint_url)))
    raise _wrong(f"cannot begin with {url.split(':')[0][:20]!r}", _FORMS)


def prove(store: ObjectStore) -> None:
    """Write, compare, list and remove one object. Raises StoreUnsafe, StoreError; leaves nothing behind."""
    key = f"probe/{secrets.token_hex(12)}"
    try:
        _prove(store, key)
    except BaseException:
        _remove(store, key)
        raise


def _prove(store: ObjectStore, key: str) -> None:
    first, second = b"first " + key.encode(), b"second " + key.encode()
    created = store.put_if(key, first, version=None)
    if _writes(store, key, b"third", version=None):
        raise _unsafe(store, "it created an object that was there already", "If-None-Match")
    changed = store.put_if(key, second, version=created)
    if changed == created:
        raise _unsafe(store, "an object that was overwritten kept its version", "ETags")
    if _writes(store, key, b"fourth", version=created):
        raise _unsafe(store, "it overwrote a version that was not the expected one", "If-Match")
    found = store.get(key)
    if found.data != second or found.version != changed:
        raise _unsafe(store, "it gave back something else than was written", "reads after writes")
    if [line.key for line in store.list(key)] != [key]:
        raise _unsafe(store, "it does not list an object that is there", "lists after writes")
    store.delete(key)
    if _has(store, key) or any(store.list(key)):
        raise _unsafe(store, "it still shows an object that was deleted", "deletes")


def _writes(store: ObjectStore, key: str, data: bytes, *, version: str | None) -> bool:
    try:
        store.put_if(key, data, version=version)
    except PreconditionFailed:
        return False
    return True


def _has(store: ObjectStore, key: str) -> bool:
    try:
        store.get(key)
    except ObjectMissing:
        return False
    return True


def _remove(store: ObjectStore, key: str) -> None:
    """Clean up behind an error, which stays the one that is told."""
    try:
        store.delete(key)
    except StoreError:
        return


def _unsafe(store: ObjectStore, why: str, honours: str) -> StoreUnsafe:
    return StoreUnsafe(
        "prove", store.url, why, f"snapshots would be lost there: use a store that honours {honours}"
    )


def _directory(url: str) -> Path:
    path = url.removeprefix("file://")
    if not path.startswith(("/", "./", "../")):
        raise _wrong(f"names no path: {path[:60]!r}", "use file:///absolute/path or file://./relative/path")
    if not path.strip("/") or "\0" in path:
        raise _wrong("names no directory of its own", "use file:///absolute/path")
    return Path(path).absolute()


def _bucket_and_prefix(url: str) -> tuple[str, str]:
    if "@" in url:  # not repeated in the message: it may hold a secret
        raise _wrong("holds a user or a secret", "put them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    if _BUCKET.fullmatch(bucket) is None:
        raise _wrong(f"names no bucket: {bucket[:60]!r}", "use s3://bucket/prefix")
    if prefix and not is_key(prefix):
        raise _wrong(
            f"has a prefix that cannot be used: {prefix[:60]!r}",
            "use letters, digits and . _ - with / between",
        )
    return bucket, prefix


def _endpoint(url: str | None) -> str | None:
    """An empty value counts as none, as everywhere."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        wrong = parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or "@" in url:
        raise ConfigError(["S3_ENDPOINT_URL must look like https://s3.example.com or http://127.0.0.1:9000"])
    return url


def _wrong(why: str, fix: str) -> ConfigError:
    return ConfigError([f"SNAPSHOT_URL {why}; {fix}"])
