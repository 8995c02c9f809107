"""Which SNAPSHOT_URLs are understood, and which stores are refused because they would lose snapshots."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.errors import ConfigError
from storage.object_directory import DirectoryStore
from storage.object_url import open_store, prove
from storage.objects import Listed, ObjectStore, Stored, StoreRefused, StoreUnavailable, StoreUnsafe
from tests.fakes.flaky_store import Break, FlakyStore


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("file:///srv/linkpool/", "file:///srv/linkpool"),
        ("file://./data/snapshots", "file://{here}/data/snapshots"),
        ("s3://bucket", "s3://bucket"),
        ("s3://my.bucket-1/", "s3://my.bucket-1"),
        ("s3://bucket/some/prefix/", "s3://bucket/some/prefix"),
    ],
)
def test_a_url_opens_a_store_without_asking_anything_of_it(
    url: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    assert open_store(url, endpoint_url="http://127.0.0.1:9").url == where.format(here=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("", "use file:///absolute/path, file://./relative/path or s3://bucket/prefix"),
        ("/srv/linkpool", "use file:///absolute/path"),
        ("https://bucket.s3.amazonaws.com", "s3://bucket/prefix"),
        ("file://srv/linkpool", "use file:///absolute/path"),
        ("file:///", "names no directory"),
        ("s3://", "use s3://bucket/prefix"),
        ("s3:///prefix", "use s3://bucket/prefix"),
        ("s3://bucket/../other", "has a prefix that cannot be used"),
        ("s3://bucket/pre?fix", "has a prefix that cannot be used"),
    ],
)
def test_a_wrong_url_is_told_with_the_fix(url: str, fix: str) -> None:
    with pytest.raises(ConfigError, match="SNAPSHOT_URL") as wrong:
        open_store(url)
    assert fix in str(wrong.value)


def test_a_secret_in_the_url_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match="AWS_SECRET_ACCESS_KEY") as wrong:
        open_store("s3://AKIA:hunter2@bucket/prefix")
    assert "hunter2" not in str(wrong.value)


@pytest.mark.parametrize(
    "endpoint", ["s3.example.com", "ftp://host", "http://", "http://user:pw@host", "http://["]
)
def test_a_wrong_endpoint_is_told(endpoint: str) -> None:
    with pytest.raises(ConfigError, match="S3_ENDPOINT_URL must look like") as wrong:
        open_store("s3://bucket", endpoint_url=endpoint)
    assert "pw" not in str(wrong.value)


class Unsafe:
    """A real store, in which a test breaks one promise."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.url = store.url

    def get(self, key: str) -> Stored:
        return self._store.get(key)

    def put(self, key: str, data: bytes) -> None:
        self._store.put(key, data)

    def put_if(self, key: str, data: bytes, *, version: str | None) -> str:
        return self._store.put_if(key, data, version=version)

    def size(self, key: str) -> int:
        return self._store.size(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        return self._store.list(prefix)

    def delete(self, key: str) -> None:
        self._store.delete(key)


class IgnoresPreconditions(Unsafe):
    def put_if(self, key: str, data: bytes, *, version: str | None) -> str:
        self.put(key, data)
        return self.get(key).version


class IgnoresVersions(Unsafe):
    """As servers that know If-None-Match and not If-Match."""

    def put_if(self, key: str, data: bytes, *, version: str | None) -> str:
        if version is None:
            return self._store.put_if(key, data, version=None)
        self.put(key, data)
        return self.get(key).version


class KeepsVersions(Unsafe):
    def put_if(self, key: str, data: bytes, *, version: str | None) -> str:
        self._store.put_if(key, data, version=None if version is None else self._store.get(key).version)
        return "always the same"


class GivesTheFirst(Unsafe):
    """As a cache before the store."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store)
        self._first: dict[str, bytes] = {}

    def put_if(self, key: str, data: bytes, *, version: str | None) -> str:
        self._first.setdefault(key, data)
        return super().put_if(key, data, version=version)

    def get(self, key: str) -> Stored:
        return Stored(data=self._first[key], version=self._store.get(key).version)


class ListsNothing(Unsafe):
    def list(self, prefix: str) -> Iterator[Listed]:
        return iter(())


class DeletesNothing(Unsafe):
    deletes = 0

    def delete(self, key: str) -> None:
        self.deletes += 1
        if self.deletes > 1:
            super().delete(key)


@pytest.mark.parametrize(
    ("unsafe", "why"),
    [
        (IgnoresPreconditions, "created an object that was there already"),
        (IgnoresVersions, "overwrote a version that was not the expected one"),
        (KeepsVersions, "kept its version"),
        (GivesTheFirst, "gave back something else"),
        (ListsNothing, "does not list an object"),
        (DeletesNothing, "still shows an object that was deleted"),
    ],
)
def test_a_store_that_breaks_a_promise_is_refused_and_left_clean(
    unsafe: type[Unsafe], why: str, tmp_path: Path
) -> None:
    real = DirectoryStore(tmp_path / "store")
    with pytest.raises(StoreUnsafe, match=why) as refused:
        prove(unsafe(real))
    assert real.url in str(refused.value)
    assert list(real.list("")) == []


def test_a_store_that_cannot_be_reached_is_not_called_unsafe(tmp_path: Path) -> None:
    real = DirectoryStore(tmp_path / "store")
    with pytest.raises(StoreUnavailable):
        prove(FlakyStore(real, *[Break.NONE] * 3, Break.AFTER))
    assert list(real.list("")) == []
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "file").touch()
    with pytest.raises(StoreRefused):
        prove(DirectoryStore(tmp_path / "strange"))
