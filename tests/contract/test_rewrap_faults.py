"""Keys are wrapped anew while stores fail, processes die and others write: no key is ever lost."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from storage.clock import ManualClock
from storage.key_wrap import LocalKeyWrap, WrappedKey
from storage.keyring import KEYRING, read_key
from storage.object_directory import DirectoryStore
from storage.objects import Listed, StoreUnavailable, StoreUnsafe
from storage.snapshot_errors import SnapshotCorrupt
from storage.snapshot_keys import SnapshotKeys
from storage.snapshot_rewrap import PARTS, rewrap
from storage.vault import Vault
from tests.fakes.memory_store import Call, MemoryStore, WatchedStore
from tests.fakes.vaults import in_child
from tests.fakes.wrapped_keys import (
    FORGOTTEN,
    SESSIONS,
    USED,
    A,
    B,
    C,
    counts,
    held_store,
    keys_in,
    paths_of,
    wrapped_with,
)


@pytest.fixture
def held() -> MemoryStore:
    return held_store()


@pytest.mark.parametrize("when", ["before", "after"])
def test_who_is_killed_at_any_request_leaves_keys_that_open_and_is_run_again(
    when: str, tmp_path: Path
) -> None:
    begun = DirectoryStore(tmp_path / "begun")
    vault = Vault.open(begun, A, ManualClock())
    names = [vault.session(session_id).name for session_id in SESSIONS[:2]]
    for name in names:
        begun.put(f"v1/{name}/key", A.wrap(os.urandom(32), name).to_bytes())
    real = keys_in(begun, A)
    done = 0
    for number in count(1):
        directory = tmp_path / f"killed-{number}"
        shutil.copytree(tmp_path / "begun", directory, copy_function=shutil.copy2)

        def life(directory: Path = directory, number: int = number) -> None:
            def die(call: Call) -> None:
                if call.key.startswith("v1/") and call.operation != "list" and next(requests) == number:
                    os.kill(os.getpid(), signal.SIGKILL)

            requests = count(1)
            rewrap(WatchedStore(DirectoryStore(directory), **{when: die}), USED, dry_run=False)

        status, said = in_child(life)
        assert status in {0, signal.SIGKILL}, said
        store = DirectoryStore(directory)
        assert keys_in(store, USED) == real
        done = wrapped_with(store).count(B.key_id)
        assert counts(rewrap(store, USED, dry_run=False)) == (len(real) - done, done, 0, 0)
        assert keys_in(store, FORGOTTEN) == real
        if status == 0:
            break
    assert (number, done) == (3 * len(real) + 1, len(real))


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


def test_a_store_that_ignores_preconditions_is_refused_before_a_key_is_touched(held: MemoryStore) -> None:
    class Careless(MemoryStore):
        def put_if(self, key: str, data: bytes, *, version: str | None) -> str:
            self.put(key, data)
            return self.get(key).version

    store = Careless()
    store.__dict__.update(held.copy().__dict__)
    with pytest.raises(StoreUnsafe, match="use a store that honours"):
        rewrap(store, USED, dry_run=False)
    assert store.names() == held.names()
    assert set(wrapped_with(store)) == {A.key_id}


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
            if prefix.startswith("v1/"):
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
