"""What a store may do to what it holds: every change is noticed, and what is still whole still restores."""

import json
import os
from pathlib import Path

import pytest

from storage.key_wrap import LocalKeyWrap
from storage.keyring import read_key
from storage.sealing import PIECE_BYTES, Kind, Sealing
from storage.snapshot_errors import SnapshotCorrupt, SnapshotError, SnapshotNewer, WrongKey
from storage.snapshot_record import Snapshot
from tests.fakes.memory_store import MemoryStore
from tests.fakes.vaults import SECRET, about, contents_of, session, stage, vault


class Held:
    """A store with two snapshots; the second needs the packs of both."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = MemoryStore()
        self.files = [{"a": os.urandom(PIECE_BYTES + 10)}]
        self.files.append({**self.files[0], "b": os.urandom(500)})
        mine = session(self.store)
        saved = [mine.save(stage(root / f"in{n}", files), about()) for n, files in enumerate(self.files)]
        self.snapshots = [snapshot for snapshot in saved if snapshot is not None]
        self.name = mine.name

    def key(self, snapshot: Snapshot) -> str:
        """Where a snapshot's manifest lies."""
        return f"v1/{self.name}/m/{snapshot.id}"

    def packs(self) -> list[str]:
        """The first snapshot's, then the second's."""
        packs = [key for key in self.store.names() if "/p/" in key]
        return sorted(packs, key=lambda key: -self.store.size(key))

    def restores(self, store: MemoryStore, index: int) -> bool:
        """Whether a snapshot comes back as it was; never as something else."""
        target = self.root / f"out{len(list(self.root.iterdir()))}"
        try:
            session(store).restore(self.snapshots[index].id, target)
        except SnapshotError:
            assert not target.exists()
            return False
        assert contents_of(target) == self.files[index]
        return True

    def noticed(self, store: MemoryStore) -> bool:
        """Whether looking at everything meets the damage."""
        try:
            look_at_everything(store)
        except SnapshotError:
            return True
        return False


@pytest.fixture
def held(tmp_path: Path) -> Held:
    return Held(tmp_path)


def positions(size: int) -> list[int]:
    return sorted({0, 5, 11, 12, 13, size // 3, size // 2, size - 17, size - 16, size - 2, size - 1})


def test_a_flipped_bit_anywhere_is_noticed_and_the_others_still_restore(held: Held) -> None:
    first, second = held.snapshots
    needed_by_first = {held.packs()[0], held.key(first)}
    needed_by_second = {*held.packs(), held.key(second)}
    needed_by_all = {"v1/keyring", f"v1/{held.name}/key"}
    assert len(held.store.names()) == 7
    for key in held.store.names():
        whole = held.store.get(key).data
        for position in positions(len(whole)):
            store = held.store.copy()
            store.damage(key, whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
            assert held.noticed(store), f"{key} at {position}"
        assert held.restores(store, 0) is (key not in needed_by_first | needed_by_all), key
        assert held.restores(store, 1) is (key not in needed_by_second | needed_by_all), key


def test_a_truncated_object_is_noticed(held: Held) -> None:
    for key in held.store.names():
        whole = held.store.get(key).data
        for data in (b"", whole[:1], whole[: len(whole) // 2], whole[:-1], whole + b"\0"):
            store = held.store.copy()
            store.damage(key, data)
            assert held.noticed(store), f"{key} with {len(data)} of {len(whole)}"


def test_a_removed_object_is_noticed(held: Held) -> None:
    for key in held.store.names():
        if key.endswith("/head"):
            continue  # the store says that there is no head: that is how an absent session looks
        store = held.store.copy()
        store.delete(key)
        assert held.noticed(store), key


def test_objects_put_in_each_others_place_are_noticed(held: Held) -> None:
    keys = [key for key in held.store.names() if key != "v1/keyring"]
    for key in keys:
        for other in keys:
            if key != other:
                store = held.store.copy()
                store.damage(key, held.store.get(other).data)
                assert held.noticed(store), f"{other} in the place of {key}"


def test_a_damaged_head_keeps_its_history_and_the_next_save_makes_it_anew(held: Held) -> None:
    held.store.damage(f"v1/{held.name}/head", b"rotten")
    with pytest.raises(SnapshotCorrupt, match="its snapshots can still be restored"):
        session(held.store).head()
    assert session(held.store).history() == held.snapshots[::-1]
    with pytest.raises(SnapshotCorrupt):
        session(held.store).prune(keep=1)
    saved = session(held.store).save(held.root / "in1", about())
    assert saved is not None
    assert session(held.store).history() == [saved, *held.snapshots[::-1]]
    assert not held.noticed(held.store)


def test_a_damaged_manifest_is_not_built_upon(held: Held) -> None:
    held.store.damage(held.key(held.snapshots[1]), b"rotten")
    saved = session(held.store).save(held.root / "in1", about())
    assert saved is not None
    assert saved.new_bytes > PIECE_BYTES, "everything was written anew"
    held.snapshots.append(saved)
    held.files.append(held.files[1])
    assert held.restores(held.store, 2)


def test_after_a_failed_verify_the_next_save_writes_everything_anew(held: Held) -> None:
    """One pack may be under every snapshot: the next one must not stand on it as well."""
    mine = session(held.store)
    held.store.damage(held.packs()[0], b"rotten")
    assert mine.save(held.root / "in1", about()) is None, "nobody has looked yet"
    with pytest.raises(SnapshotCorrupt):
        mine.verify(held.snapshots[1].id)
    saved = mine.save(held.root / "in1", about())
    assert saved is not None
    held.snapshots.append(saved)
    held.files.append(held.files[1])
    assert held.restores(held.store, 2)


def test_a_lost_keyring_does_not_look_like_an_empty_store(held: Held) -> None:
    held.store.delete("v1/keyring")
    before = held.store.names()
    with pytest.raises(SnapshotCorrupt, match="keyring is gone"):
        vault(held.store)
    assert held.store.names() == before


def test_a_lost_key_is_told_and_not_replaced(held: Held) -> None:
    held.store.delete(f"v1/{held.name}/key")
    before = held.store.names()
    for ask in (
        session(held.store).head,
        session(held.store).history,
        lambda: session(held.store).save(held.root / "in0", about()),
    ):
        with pytest.raises(SnapshotCorrupt, match=r"key of session .* is gone"):
            ask()
    assert held.store.names() == before


def test_another_key_is_not_taken_for_damage(held: Held) -> None:
    with pytest.raises(WrongKey):
        vault(held.store, secret=bytes(reversed(SECRET)))


# ---- what a newer linkpool, or one with a fault, may have written


def look_at_everything(store: MemoryStore) -> None:
    mine = session(store)
    head = mine.head()
    assert head is not None
    for line in mine.history():
        mine.verify(line.id)


def sealing_of(held: Held) -> Sealing:
    key = read_key(held.store, LocalKeyWrap(SECRET), f"v1/{held.name}/key", held.name)
    assert key is not None
    return Sealing(key, held.name)


def test_a_newer_format_asks_for_an_upgrade_and_is_left_alone(held: Held) -> None:
    sealing = sealing_of(held)
    newest = held.snapshots[1]
    newer = json.dumps({"format": 2, "something": "else"}).encode()
    for key, data in {
        "v1/keyring": newer,
        f"v1/{held.name}/key": newer,
        f"v1/{held.name}/head": sealing.seal(Kind.HEAD, "head", newer),
        held.key(newest): sealing.seal(Kind.MANIFEST, newest.id, newer),
    }.items():
        store = held.store.copy()
        store.damage(key, data)
        with pytest.raises(SnapshotNewer, match="upgrade"):
            look_at_everything(store)
        with pytest.raises(SnapshotNewer):
            session(store).save(held.root / "in0", about())
        with pytest.raises(SnapshotNewer):
            session(store).prune(keep=1)
        assert store.get(key).data == data
        assert held.store.names() == store.names()


@pytest.mark.parametrize(
    "path", ["../escape", "/etc/cron.d/x", "a/../../escape", "a/./b", "a//b", "", "a\0b", "a/", "lone\ud800"]
)
def test_a_path_that_escapes_is_refused_before_anything_is_written(path: str, held: Held) -> None:
    newest = held.snapshots[1]
    sealing = sealing_of(held)
    wire = json.loads(sealing.open(Kind.MANIFEST, newest.id, held.store.get(held.key(newest)).data))
    wire["directories"] = [["a", 0o700]]
    wire["files"][1][0] = path
    held.store.damage(held.key(newest), sealing.seal(Kind.MANIFEST, newest.id, json.dumps(wire).encode()))
    before = sorted(held.root.iterdir())
    with pytest.raises(SnapshotCorrupt):
        session(held.store).restore(newest.id, held.root / "target")
    assert sorted(held.root.iterdir()) == before
    assert held.restores(held.store, 0)


def test_a_file_whose_hash_is_not_the_manifests_is_refused(held: Held) -> None:
    """Each piece opens under its name: only the hash of the whole tells that they are the wrong ones."""
    newest = held.snapshots[1]
    sealing = sealing_of(held)
    wire = json.loads(sealing.open(Kind.MANIFEST, newest.id, held.store.get(held.key(newest)).data))
    wire["files"][0][4].reverse()
    held.store.damage(held.key(newest), sealing.seal(Kind.MANIFEST, newest.id, json.dumps(wire).encode()))
    with pytest.raises(SnapshotCorrupt, match="hash of a file differs"):
        session(held.store).restore(newest.id, held.root / "target")
    assert not (held.root / "target").exists()
    with pytest.raises(SnapshotCorrupt, match="hash of a file differs"):
        session(held.store).verify(newest.id)


def test_messages_tell_ids_and_never_what_is_inside(held: Held) -> None:
    newest = held.snapshots[1]
    held.store.damage(held.packs()[1], os.urandom(held.store.size(held.packs()[1])))
    with pytest.raises(SnapshotCorrupt) as caught:
        session(held.store).verify(newest.id)
    text = str(caught.value)
    assert newest.id in text
    assert newest.about.session_id in text
    assert "try the previous one" in text
    assert str(newest.about.phone_number) not in text
