"""SNAPSHOT_KEY is replaced: pools save and restore at every step, whoever takes it first."""

import os
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from storage.clock import ManualClock
from storage.key_wrap import KeyWrap
from storage.object_directory import DirectoryStore
from storage.objects import ObjectStore
from storage.snapshot_errors import WrongKey
from storage.snapshot_keys import SnapshotKeys
from storage.snapshot_record import Snapshot
from storage.snapshot_rewrap import rewrap
from storage.vault import SessionVault, Vault
from tests.fakes.memory_store import MemoryStore
from tests.fakes.vaults import SESSION_ID, about, contents_of, stage
from tests.fakes.wrapped_keys import (
    BEFORE,
    FORGOTTEN,
    LEARNT,
    SESSIONS,
    USED,
    A,
    B,
    counts,
    wrapped_with,
)
from tests.s3_server import S3Server


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


@pytest.fixture(params=["directory", "memory", "seaweed"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ObjectStore]:
    if request.param == "seaweed":
        server: S3Server = request.getfixturevalue("seaweed")
        s3 = server.store(monkeypatch)
        yield s3
        s3.close()
    else:
        yield DirectoryStore(tmp_path / "store") if request.param == "directory" else MemoryStore()


def test_at_every_step_all_sessions_are_saved_and_restored(store: ObjectStore, tmp_path: Path) -> None:
    first, of_old = Node(store, BEFORE, tmp_path), SESSIONS[:3]
    saved = {
        (one, first.save(one, b"before " + one.encode()).id): b"before " + one.encode() for one in of_old
    }
    names = {one: first.session(one).name for one in of_old}

    def works(node: Node, number: int) -> None:
        for (session_id, snapshot_id), content in saved.items():
            assert node.restored(session_id, snapshot_id) == content
        for session_id in (of_old[number], f"{SESSION_ID[:-2]}N{number}"):  # one of old, and a new one
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
        assert {one: node.session(one).name for one in of_old} == names
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
