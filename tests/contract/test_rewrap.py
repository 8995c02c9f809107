"""SNAPSHOT_KEY is replaced: pools save and restore at every step, and no key of the store is ever lost."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from storage.clock import ManualClock
from storage.key_wrap import KeyWrap, LocalKeyWrap, WrappedKey
from storage.keyring import KEYRING, read_key
from storage.object_directory import DirectoryStore
from storage.objects import Listed, ObjectStore, StoreUnavailable, StoreUnsafe
from storage.snapshot_errors import SnapshotCorrupt, WrongKey
from storage.snapshot_keys import SnapshotKeys
from storage.snapshot_record import Snapshot
from storage.snapshot_rewrap import PARTS, Rewrapped, rewrap
from storage.vault import SessionVault, Vault
from tests.fakes.memory_store import Call, MemoryStore, WatchedStore
from tests.fakes.vaults import SECRET, SESSION_ID, about, contents_of, in_child, stage
from tests.s3_server import S3Server

A, B, C = LocalKeyWrap(SECRET), LocalKeyWrap(os.urandom(32)), LocalKeyWrap(os.urandom(32))
BEFORE, LEARNT, USED, FORGOTTEN = (
    SnapshotKeys(A),
    SnapshotKeys(A, [B]),
    SnapshotKeys(B, [A]),
    SnapshotKeys(B),
)
"""What every pool has, step by step (docs/rotation.md)."""
SESSIONS = [f"{SESSION_ID[:-1]}{end}" for end in "ABCDEF"]


class Node:
    """A pool to the store: opens it once, and remembers what a pool remembers."""

    def __init__(self, store: ObjectStore, keys: KeyWrap, directory: Path) -> None:
        self.vault = Vault.open(store, keys, ManualClock())
        self._directory = directory
        self._sessions: dict[str, SessionVault] = {}

    def session(self, session_id: str) -> SessionVault:
        return self._sessions.setdefault(session_id, self.vault.session(session_id))

    def save(self, session_id: str, content: bytes) -> Snapshot:
        staged = stage(self._directory / os.urandom(8).hex(), {"login": content})
        saved = self.session(session_id).save(staged, about(session_id=session_id))
        assert saved is not None
        return saved

    def restored(self, session_id: str, snapshot_id: str) -> bytes:
        target = self._directory / os.urandom(8).hex()
        self.session(session_id).restore(snapshot_id, target)
        return contents_of(target)["login"]


@pytest.fixture(params=["directory", "memory", "seaweed", "moto"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ObjectStore]:
    if request.param in {"seaweed", "moto"}:
        server: S3Server = request.getfixturevalue(request.param)
        s3 = server.store(monkeypatch)
        yield s3
        s3.close()
    else:
        yield DirectoryStore(tmp_path / "store") if request.param == "directory" else MemoryStore()


@pytest.fixture
def held() -> MemoryStore:
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


def test_at_every_step_all_sessions_are_saved_and_restored(store: ObjectStore, tmp_path: Path) -> None:
    first = Node(store, BEFORE, tmp_path)
    saved = {
        (one, first.save(one, b"before " + one.encode()).id): b"before " + one.encode() for one in SESSIONS
    }
    names = {one: first.session(one).name for one in SESSIONS}

    def works(node: Node, number: int) -> None:
        for (session_id, snapshot_id), content in saved.items():
            assert node.restored(session_id, snapshot_id) == content
        for session_id in (SESSIONS[number], f"{SESSION_ID[:-2]}N{number}"):  # one of old, and a new one
            content = os.urandom(100)
            saved[session_id, node.save(session_id, content).id] = content

    older = first
    for number, keys in enumerate((LEARNT, USED)):
        newer = Node(store, keys, tmp_path)
        works(newer, number)  # a pool that has taken the step, beside the one that has not yet
        works(older, number)
        older = newer
    key_ids = set(wrapped_with(store))
    assert key_ids == {A.key_id, B.key_id}
    assert counts(rewrap(store, USED, dry_run=True))[2:] == (0, wrapped_with(store).count(A.key_id))
    there = wrapped_with(store)
    done = rewrap(store, USED, dry_run=False)
    assert counts(done) == (there.count(A.key_id), there.count(B.key_id), 0, 0)
    assert set(wrapped_with(store)) == {B.key_id}
    for node in (older, Node(store, LEARNT, tmp_path), Node(store, FORGOTTEN, tmp_path)):
        works(node, 2)
        assert {one: node.session(one).name for one in SESSIONS} == names
    assert counts(rewrap(store, FORGOTTEN, dry_run=False))[::2] == (0, 0)


def test_a_pool_that_lacks_the_new_key_says_so_and_loses_nothing(tmp_path: Path) -> None:
    store = MemoryStore()
    pool = Node(store, BEFORE, tmp_path)
    seen, unseen = SESSIONS[:2]
    saved = {one: pool.save(one, one.encode()).id for one in (seen, unseen)}
    pool.session(unseen).prune(keep=1)
    pool._sessions.pop(unseen)  # as after a restart: it has not read this key yet
    rewrap(store, USED, dry_run=False)
    before = store.copy()
    assert pool.restored(seen, saved[seen]) == seen.encode()  # keys are read once
    for use in (
        lambda one: one.history(),
        lambda one: one.prune(keep=1),
        lambda one: one.fence(9),
        lambda one: one.save(
            stage(tmp_path / os.urandom(8).hex(), {"login": b"1"}), about(session_id=unseen)
        ),
    ):
        with pytest.raises(WrongKey, match=f"is key {A.key_id}, but .* key {B.key_id}.*SNAPSHOT_KEY_OLD"):
            use(pool.session(unseen))
    with pytest.raises(WrongKey):
        Node(store, BEFORE, tmp_path)
    assert [store.get(name) for name in store.names()] == [before.get(name) for name in before.names()]
    assert Node(store, LEARNT, tmp_path).restored(unseen, saved[unseen]) == unseen.encode()


def test_saves_and_restores_go_on_while_keys_are_wrapped_anew(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    pool, ended = Node(store, USED, tmp_path), threading.Event()
    saved = {one: pool.save(one, one.encode()).id for one in SESSIONS}
    failed: list[BaseException] = []

    def use() -> None:
        try:
            for number in count():
                for session_id in SESSIONS:
                    node = pool if number % 2 else Node(store, LEARNT, tmp_path)
                    assert node.restored(session_id, saved[session_id]) == session_id.encode()
                    Node(store, USED, tmp_path).save(session_id, os.urandom(50))
                if ended.is_set():
                    return
        except BaseException as error:
            failed.append(error)

    busy = threading.Thread(target=use)
    busy.start()
    try:
        for keys in (SnapshotKeys(A, [B]), USED, SnapshotKeys(A, [B]), USED):
            assert counts(rewrap(store, keys, dry_run=False)) == (len(SESSIONS) + 1, 0, 0, 0) or keys is USED
    finally:
        ended.set()
        busy.join()
    assert failed == []
    assert set(wrapped_with(store)) == {B.key_id}


# ---- the worst moments


def test_who_is_killed_at_any_request_leaves_keys_that_open_and_is_run_again(tmp_path: Path) -> None:
    directory = tmp_path / "store"
    vault = Vault.open(DirectoryStore(directory), A, ManualClock())
    for session_id in SESSIONS[:3]:
        name = vault.session(session_id).name
        DirectoryStore(directory).put(f"v1/{name}/key", A.wrap(os.urandom(32), name).to_bytes())
    real = keys_in(DirectoryStore(directory), USED)
    done = 0

    def life(number: int) -> None:
        def die(call: Call) -> None:
            if call.operation != "list" and sum(one.operation != "list" for one in watched.calls) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        watched = WatchedStore(DirectoryStore(directory), **{("before", "after")[number % 2]: die})
        rewrap(watched, USED, dry_run=False)

    for number in range(2, 5):  # each begins where the one before was killed
        status, said = in_child(lambda number=number: life(number))  # type: ignore[misc]
        assert status == signal.SIGKILL, said
        assert keys_in(DirectoryStore(directory), USED) == real
        now = wrapped_with(DirectoryStore(directory)).count(B.key_id)
        assert now >= done
        done = now
    left = len(real) - done
    assert counts(rewrap(DirectoryStore(directory), USED, dry_run=False)) == (left, done, 0, 0)
    assert keys_in(DirectoryStore(directory), FORGOTTEN) == real


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_store_that_fails_at_any_request_ends_it_and_it_is_run_again(when: str, held: MemoryStore) -> None:
    real = keys_in(held, A)
    for number in count(1):
        store = held.copy()

        def fail(call: Call, number: int = number) -> None:
            if call.number == number:
                raise StoreUnavailable(call.operation, call.key, "injected", "try again")

        try:
            rewrap(WatchedStore(store, **{when: fail}), USED, dry_run=False)
        except StoreUnavailable:
            assert keys_in(store, USED) == real
            assert counts(rewrap(store, USED, dry_run=False))[2:] == (0, 0)
            assert keys_in(store, FORGOTTEN) == real
        else:
            break
    assert number > 3 * len(real)


def interfering(
    store: MemoryStore, path: str, act: Callable[[int], None], at: str = "put_if"
) -> WatchedStore:
    """Somebody else does this before each such request for the object."""
    times = count(1)

    def before(call: Call) -> None:
        if (call.operation, call.key) == (at, path):
            act(next(times))

    return WatchedStore(store, before=before)


@pytest.mark.parametrize("at", ["put_if", "get"])
def test_what_somebody_else_wrote_meanwhile_is_never_overwritten(held: MemoryStore, at: str) -> None:
    """A session is destroyed and begins anew: its other key must stay."""
    path = paths_of(held)[1]
    name, other = path.split("/")[1], os.urandom(32)

    def begin_anew(times: int) -> None:
        if times == (1 if at == "put_if" else 2):  # the second get reads back
            held.delete(path)
            held.put_if(path, A.wrap(other, name).to_bytes(), version=None)

    done = rewrap(interfering(held, path, begin_anew, at), USED, dry_run=False)
    assert counts(done) == (len(SESSIONS) + 1, 0, 0, 0)
    assert read_key(held, B, path, name) == other


@pytest.mark.parametrize("at", ["get", "put_if"])
def test_a_session_that_is_destroyed_meanwhile_stays_destroyed(held: MemoryStore, at: str) -> None:
    path = paths_of(held)[1]
    done = rewrap(interfering(held, path, lambda _: held.delete(path), at), USED, dry_run=False)
    assert counts(done) == (len(SESSIONS), 0, 0, 0)
    assert path not in paths_of(held)


def test_who_meets_another_writer_each_time_says_so_and_keeps_the_keyring_as_it_is(held: MemoryStore) -> None:
    path = paths_of(held)[1]
    name = path.split("/")[1]
    key = read_key(held, A, path, name)
    assert key is not None

    def write(_: int) -> None:
        held.put(path, A.wrap(key, name).to_bytes())

    done = rewrap(interfering(held, path, write), USED, dry_run=False)
    assert counts(done) == (len(SESSIONS) - 1, 0, 1, 2)
    assert done.problems == (f"{path}: somebody else changes it again and again; run this again",)
    assert counts(rewrap(held, USED, dry_run=False)) == (2, len(SESSIONS) - 1, 0, 0)


def test_a_store_that_spoils_a_key_is_told_and_gets_back_what_was_there(held: MemoryStore) -> None:
    path = paths_of(held)[1]
    before, spoilt = held.get(path).data, []

    def spoil(call: Call) -> None:
        if (call.operation, call.key, spoilt) == ("put_if", path, []):
            spoilt.append(path)
            held.damage(path, b"rot")

    with pytest.raises(StoreUnsafe, match="put it back from a copy"):
        rewrap(WatchedStore(held, after=spoil), USED, dry_run=False)
    assert held.get(path).data == before


def test_a_key_that_cannot_open_what_it_wraps_replaces_nothing(held: MemoryStore) -> None:
    class Forgetful(LocalKeyWrap):
        """As a KMS key that may encrypt and not decrypt, or one that is broken."""

        def wrap(self, key: bytes, context: str) -> WrappedKey:
            return replace(super().wrap(key, context), blob=b"x" * 60)

    before = held.copy()
    done = rewrap(held, SnapshotKeys(Forgetful(os.urandom(32)), [A]), dry_run=False)
    assert (done.rewrapped, done.failed) == (0, len(SESSIONS))
    assert [held.get(name) for name in held.names()] == [before.get(name) for name in before.names()]


# ---- which keys


def test_keys_that_nobody_gave_are_named_and_left_as_they_are(held: MemoryStore) -> None:
    path = paths_of(held)[1]
    name = path.split("/")[1]
    held.put(path, C.wrap(os.urandom(32), name).to_bytes())
    before = held.get(path)
    done = rewrap(held, USED, dry_run=False)
    assert counts(done) == (len(SESSIONS) - 1, 0, 1, 2)
    assert B.key_id in done.problems[0]
    assert A.key_id in done.problems[0]
    assert f"were made with key {C.key_id}" in done.problems[0]
    assert held.get(path) == before
    assert WrappedKey.from_bytes(held.get(KEYRING).data, "it").key_id == A.key_id
    both = SnapshotKeys(B, [A, C])
    assert counts(rewrap(held, both, dry_run=False)) == (2, len(SESSIONS) - 1, 0, 0)
    read_key(held, B, path, name)


def test_a_damaged_key_does_not_hide_the_others(held: MemoryStore) -> None:
    cut, flipped = paths_of(held)[1:3]
    held.put(cut, held.get(cut).data[:40])
    name = flipped.split("/")[1]
    held.put(flipped, A.wrap(os.urandom(32), f"not {name}").to_bytes())
    done = rewrap(held, USED, dry_run=False)
    assert counts(done) == (len(SESSIONS) - 2, 0, 2, 3)
    assert all("from a copy of the bucket" in problem for problem in done.problems)
    with pytest.raises(SnapshotCorrupt):
        read_key(held, USED, flipped, name)


def test_a_dry_run_reads_and_writes_nothing(held: MemoryStore) -> None:
    watched = WatchedStore(held)
    assert counts(rewrap(watched, USED, dry_run=True)) == (0, 0, 0, len(SESSIONS) + 1)
    assert {call.operation for call in watched.calls} == {"get", "list"}
    assert set(wrapped_with(held)) == {A.key_id}


def test_a_store_is_listed_in_parts_that_fit_into_memory(held: MemoryStore) -> None:
    listed: list[int] = []

    class Counted(MemoryStore):
        def list(self, prefix: str) -> Iterator[Listed]:
            found = list(super().list(prefix))
            listed.append(len(found))
            return iter(found)

    store = Counted()
    store.__dict__.update(held.copy().__dict__)
    keyed = [f"v1/{os.urandom(16).hex()}/m/{number}" for number in range(2000)]
    for path in keyed:
        store.put(path, b"a manifest")
    assert counts(rewrap(store, USED, dry_run=False)) == (len(SESSIONS) + 1, 0, 0, 0)
    assert len(listed) == len(PARTS)
    assert max(listed) < len(keyed) / 8
