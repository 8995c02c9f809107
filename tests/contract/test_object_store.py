"""What storage/objects.py promises, kept by every store: files, SeaweedFS over HTTP, and moto's S3 server."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.object_directory import DirectoryStore
from storage.object_s3 import S3Store
from storage.object_url import prove
from storage.objects import ObjectMissing, ObjectStore, PreconditionFailed
from tests.s3_server import S3Server


@pytest.fixture(params=["directory", "seaweed", "moto"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ObjectStore]:
    if request.param == "directory":
        yield DirectoryStore(tmp_path / "store")
        return
    server: S3Server = request.getfixturevalue(request.param)
    store = server.store(monkeypatch)
    yield store
    store.close()


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    return [line.key for line in store.list(prefix)]


def test_what_was_put_is_read_back(store: ObjectStore) -> None:
    everything = bytes(range(256)) * 4000
    store.put("session/pack-1", everything)
    store.put("session/empty", b"")
    assert store.get("session/pack-1").data == everything
    assert store.get("session/empty").data == b""
    assert store.size("session/pack-1") == len(everything)
    assert store.size("session/empty") == 0


def test_a_put_overwrites(store: ObjectStore) -> None:
    store.put("head", b"a longer first content")
    before = store.get("head")
    store.put("head", b"second")
    after = store.get("head")
    assert after.data == b"second"
    assert after.version != before.version
    assert store.size("head") == 6


def test_what_is_not_there_is_missing(store: ObjectStore) -> None:
    store.put("folder/object", b"here")
    for key in ("nothing", "folder", "folder/object/below", "folder/objec"):
        with pytest.raises(ObjectMissing, match=key):
            store.get(key)
        with pytest.raises(ObjectMissing, match=key):
            store.size(key)
        store.delete(key)
    assert keys(store, "nothing") == []
    assert keys(store) == ["folder/object"]


def test_a_create_succeeds_once(store: ObjectStore) -> None:
    version = store.put_if("head", b"first", version=None)
    with pytest.raises(PreconditionFailed):
        store.put_if("head", b"second", version=None)
    assert store.get("head").data == b"first"
    assert store.get("head").version == version


def test_a_conditional_write_needs_the_version_that_is_there(store: ObjectStore) -> None:
    first = store.put_if("head", b"first", version=None)
    second = store.put_if("head", b"second", version=first)
    assert second != first
    with pytest.raises(PreconditionFailed):
        store.put_if("head", b"third", version=first)
    assert store.get("head").data == b"second"
    assert store.put_if("head", b"third", version=second) == store.get("head").version


def test_a_plain_put_is_noticed_by_a_conditional_one(store: ObjectStore) -> None:
    version = store.put_if("head", b"first", version=None)
    store.put("head", b"second")
    with pytest.raises(PreconditionFailed):
        store.put_if("head", b"third", version=version)


def test_what_was_deleted_matches_no_version_and_can_be_created_again(store: ObjectStore) -> None:
    version = store.put_if("head", b"first", version=None)
    store.delete("head")
    with pytest.raises(PreconditionFailed):
        store.put_if("head", b"second", version=version)
    with pytest.raises(ObjectMissing):
        store.get("head")
    store.put_if("head", b"second", version=None)
    assert store.get("head").data == b"second"


@pytest.mark.parametrize(("existing", "writers"), [(False, 24), (True, 4)], ids=["create", "overwrite"])
def test_of_writers_that_race_exactly_one_wins(store: ObjectStore, existing: bool, writers: int) -> None:
    """Few overwrite: SeaweedFS lets writers of one object wait for each other in steps of a second."""
    version = store.put_if("head", b"before", version=None) if existing else None
    barrier = threading.Barrier(writers)

    def write(number: int) -> str | None:
        barrier.wait(20)
        try:
            return store.put_if("head", b"writer %d" % number, version=version)
        except PreconditionFailed:
            return None

    with ThreadPoolExecutor(writers) as pool:
        versions = list(pool.map(write, range(writers)))
    (winner,) = [number for number, version in enumerate(versions) if version is not None]
    found = store.get("head")
    assert found.data == b"writer %d" % winner
    assert found.version == versions[winner]


def test_a_list_is_complete_and_in_the_order_of_keys(store: ObjectStore) -> None:
    names = ["a", "a-b", "a.b", "a/b", "a/b-c", "a/b/c", "a0", "aa/b", "b/c/d/e", "Z"]
    if not isinstance(store, S3Store):
        names = [name for name in names if name not in {"a", "a/b"}]  # a file is no folder
    for name in reversed(names):
        store.put(name, name.encode())
    assert keys(store) == sorted(names)
    for prefix in ("a", "a/", "a/b", "a/b/", "aa", "b/c/d/", "b/c/d/e", "nothing/", "."):
        assert keys(store, prefix) == sorted(name for name in names if name.startswith(prefix))


def test_a_line_of_a_list_tells_size_and_time(store: ObjectStore) -> None:
    store.put("packs/one", b"12345")
    (line,) = store.list("packs/")
    assert line.size == 5
    assert abs(line.modified_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_deleting_twice_is_no_error(store: ObjectStore) -> None:
    store.put("a/b/c", b"1")
    store.put("a/b/d", b"1")
    store.delete("a/b/c")
    store.delete("a/b/c")
    assert keys(store) == ["a/b/d"]
    store.delete("a/b/d")
    assert keys(store) == []
    store.put("a/b/d", b"2")
    assert store.get("a/b/d").data == b"2"


def test_many_threads_share_a_store(store: ObjectStore) -> None:
    def work(number: int) -> bytes:
        store.put(f"folder-{number % 3}/object-{number}", b"%d" % number)
        data = store.get(f"folder-{number % 3}/object-{number}").data
        store.delete(f"folder-{number % 3}/object-{number}")
        return data

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(48))) == [b"%d" % number for number in range(48)]
    assert keys(store) == []


def test_a_key_that_could_lead_elsewhere_is_refused(store: ObjectStore) -> None:
    for use in (
        store.get,
        store.size,
        store.delete,
        lambda key: store.put(key, b""),
        lambda key: store.put_if(key, b"", version=None),
    ):
        for key in ("", "/etc/passwd", "../up", "a/../../up", "a\0b", "~unfinished", "store.json"):
            with pytest.raises(ValueError, match="no key"):
                use(key)
    assert keys(store) == []


def test_a_prefix_that_could_lead_elsewhere_is_refused(store: ObjectStore) -> None:
    for prefix in ("/", "../", "a/../b", "a//", "~"):
        with pytest.raises(ValueError, match="no beginning of a key"):
            list(store.list(prefix))


def test_the_store_proves_itself_and_nothing_is_left(store: ObjectStore) -> None:
    store.put("already/here", b"1")
    prove(store)
    assert keys(store) == ["already/here"]


@pytest.mark.parametrize("store", ["directory", "seaweed"], indirect=True)
def test_a_list_goes_on_behind_a_thousand(store: ObjectStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.put(f"many/{number:05}", b""), range(1100)))
    assert keys(store, "many/") == [f"many/{number:05}" for number in range(1100)]
