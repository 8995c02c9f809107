"""Pruning: everything that is no longer needed goes, and nothing else, whoever saves meanwhile."""

import os
import threading
from functools import partial
from pathlib import Path

import pytest

from storage.objects import PreconditionFailed
from storage.snapshot_errors import NoSnapshot, SnapshotCorrupt
from storage.snapshot_record import Snapshot
from tests.fakes.memory_store import Call, MemoryStore, WatchedStore
from tests.fakes.vaults import about, contents_of, session, stage


def save(store: MemoryStore, root: Path, number: int, generation: int = 1) -> Snapshot:
    """A state of its own on top of what stays."""
    target = root / f"in{len(list(root.iterdir()))}"
    snapshot = session(store).save(
        stage(target, {"stays": b"s" * 90_000, "changes": str(number).encode() * 500}), about(generation)
    )
    assert snapshot is not None
    return snapshot


def unneeded(store: MemoryStore) -> int:
    """Objects that a prune of everything old would still remove."""
    return session(store).prune(keep=100, dry_run=True).objects


def test_the_newest_are_kept_and_the_others_go(tmp_path: Path) -> None:
    store = MemoryStore()
    saved = [save(store, tmp_path, number) for number in range(5)]
    before = sum(store.size(key) for key in store.names())
    pruned = session(store).prune(keep=2)
    assert pruned.snapshots == tuple(snapshot.id for snapshot in saved[2::-1])
    assert pruned.kept == (saved[4].id, saved[3].id)
    assert session(store).history() == [saved[4], saved[3]]
    for snapshot in saved[3:]:
        session(store).verify(snapshot.id)
    for snapshot in saved[:3]:
        with pytest.raises(NoSnapshot):
            session(store).verify(snapshot.id)
    # the first pack stays: what both need lies in it
    assert pruned.objects == 3 + 2
    after = sum(store.size(key) for key in store.names())
    assert before - after >= pruned.freed_bytes > 0


def test_a_dry_run_tells_the_same_and_writes_nothing(tmp_path: Path) -> None:
    store = MemoryStore()
    for number in range(4):
        save(store, tmp_path, number)
    watched = WatchedStore(store)
    told = session(watched).prune(keep=1, dry_run=True)
    assert {call.operation for call in watched.calls} == {"get", "list"}
    done = session(store).prune(keep=1)
    assert (told.snapshots, told.objects, told.freed_bytes) == (
        done.snapshots,
        done.objects,
        done.freed_bytes,
    )
    assert told.dry_run
    assert session(store).prune(keep=1).objects == 0


def test_a_prune_with_nothing_to_do_writes_nothing(tmp_path: Path) -> None:
    store = MemoryStore()
    save(store, tmp_path, 1)
    watched = WatchedStore(store)
    assert session(watched).prune(keep=3).objects == 0
    assert watched.sent_bytes == 0


def test_a_save_after_a_prune_in_the_same_vault_reads_nothing_again(tmp_path: Path) -> None:
    store = WatchedStore(MemoryStore())
    mine = session(store)
    for number in range(3):
        mine.save(stage(tmp_path / str(number), {"a": os.urandom(100)}), about())
    mine.prune(keep=1)
    store.forget()
    assert mine.save(stage(tmp_path / "last", {"a": b"last"}), about()) is not None
    assert [call.operation for call in store.calls] == ["put", "get", "put", "get", "put_if"]


def test_a_snapshot_pruned_while_it_is_read_is_told_as_gone_not_as_damaged(tmp_path: Path) -> None:
    base = MemoryStore()
    saved = [save(base, tmp_path, number) for number in range(3)]

    def interfere(call: Call, store: MemoryStore, number: int) -> None:
        if call.number == number:
            session(store).prune(keep=1)

    for number in (3, 4):  # before its manifest, and before its own pack
        store = base.copy()
        mine = session(WatchedStore(store, before=partial(interfere, store=store, number=number)))
        with pytest.raises(NoSnapshot):
            mine.verify(saved[1].id)


def test_what_never_counted_goes(tmp_path: Path) -> None:
    store = MemoryStore()
    save(store, tmp_path, 1)
    whole = store.names()

    def fail(call: Call) -> None:
        if call.operation == "put_if":
            raise PreconditionFailed("put_if", call.key, "injected", "read it again")

    with pytest.raises(PreconditionFailed):
        session(WatchedStore(store, before=fail)).save(stage(tmp_path / "lost", {"a": b"lost"}), about())
    assert len(store.names()) > len(whole)
    session(store).prune(keep=5)
    assert store.names() == whole


def test_without_a_head_nothing_is_touched(tmp_path: Path) -> None:
    """The first save may be under way, and there is no head whose flip would stop it."""
    store = MemoryStore()

    def look(call: Call) -> None:
        if call.operation == "put_if" and call.key.endswith("/head"):
            assert session(store).prune(keep=1).objects == 0

    snapshot = session(WatchedStore(store, before=look)).save(stage(tmp_path / "in", {"a": b"1"}), about())
    assert snapshot is not None
    session(store).verify(snapshot.id)


@pytest.mark.parametrize("generation", [1, 2])
def test_a_save_between_any_two_steps_of_a_prune_is_whole(generation: int, tmp_path: Path) -> None:
    base = MemoryStore()
    for number in range(3):
        save(base, tmp_path, number)
    number = 0
    while True:
        number += 1
        store = base.copy()
        meanwhile: list[Snapshot] = []

        def interfere(
            call: Call,
            store: MemoryStore = store,
            number: int = number,
            meanwhile: list[Snapshot] = meanwhile,
        ) -> None:
            if call.number == number:
                meanwhile.append(save(store, tmp_path, 99, generation))

        watched = WatchedStore(store, before=interfere)
        session(watched).prune(keep=1)
        head = session(store).head()
        assert head is not None
        assert [head] == meanwhile or not meanwhile
        for line in session(store).history():
            session(store).verify(line.id)
        if not meanwhile:
            break
    assert number > 8


@pytest.mark.parametrize("keep", [1, 100])
def test_a_prune_between_any_two_steps_of_a_save_leaves_it_whole(keep: int, tmp_path: Path) -> None:
    """Its pack is not needed by any head yet; the save finds out and begins anew."""
    base = MemoryStore()
    for number in range(3):
        save(base, tmp_path, number)
    staged = stage(tmp_path / "mine", {"stays": b"s" * 90_000, "new": os.urandom(900)})
    number = 0
    while True:
        number += 1
        store = base.copy()
        removed: list[int] = []

        def interfere(
            call: Call, store: MemoryStore = store, number: int = number, removed: list[int] = removed
        ) -> None:
            if call.number == number:
                removed.append(session(store).prune(keep=keep).objects)

        watched = WatchedStore(store, before=interfere)
        mine = session(watched)
        saved = mine.save(staged, about())
        assert saved is not None
        assert session(store).head() == saved
        session(store).restore(saved.id, tmp_path / f"out{number}")
        assert contents_of(tmp_path / f"out{number}") == contents_of(staged)
        if not removed:
            break
    assert number > 8


def test_savers_and_pruners_at_once_always_leave_a_whole_head(tmp_path: Path) -> None:
    store = MemoryStore()
    failures: list[BaseException] = []
    save(store, tmp_path, 0)
    staged = [
        [stage(tmp_path / f"s{saver}-{number}", {"a": os.urandom(400)}) for number in range(12)]
        for saver in range(2)
    ]

    def saver(index: int) -> None:
        mine = session(store)
        for root in staged[index]:
            try:
                mine.save(root, about())
            except PreconditionFailed:
                continue  # outrun twice: the next try comes
            except BaseException as error:
                failures.append(error)

    def pruner() -> None:
        for _ in range(12):
            try:
                session(store).prune(keep=1)
                head = session(store).head()
                assert head is not None
            except PreconditionFailed:
                continue
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=saver, args=(index,)) for index in range(2)]
    threads += [threading.Thread(target=pruner) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    session(store).prune(keep=1)
    head = session(store).head()
    assert head is not None
    session(store).verify(head.id)
    assert unneeded(store) == 0


def test_a_kept_manifest_that_cannot_be_read_stops_a_prune(tmp_path: Path) -> None:
    """What it needs is unknown; perhaps it can be read again tomorrow."""
    store = MemoryStore()
    saved = [save(store, tmp_path, number) for number in range(4)]
    store.damage(f"v1/{session(store).name}/m/{saved[2].id}", b"rotten")
    before = store.names()
    with pytest.raises(SnapshotCorrupt):
        session(store).prune(keep=2)
    assert store.names() == before
    session(store).prune(keep=1)
    session(store).verify(saved[3].id)


def test_a_prune_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="keeps at least the head"):
        session(MemoryStore()).prune(keep=0)


def test_destroyed_is_gone_for_good_and_twice_is_fine(tmp_path: Path) -> None:
    store = MemoryStore()
    save(store, tmp_path, 1)
    copied = {key: store.get(key).data for key in store.names()}
    mine = session(store)
    calls = WatchedStore(store)
    session(calls).destroy()
    assert next(call for call in calls.calls if call.operation == "delete").key.endswith("/key")
    mine.destroy()
    assert store.names() == ["v1/keyring"]
    assert mine.head() is None
    # a copy of the rest is worth nothing without the key object
    for key, data in copied.items():
        if not key.endswith("/key") and key != "v1/keyring":
            store.put(key, data)
    with pytest.raises(SnapshotCorrupt, match="key of session"):
        session(store).head()
