"""A store that fails, a process that dies and a disk that is full, at every possible place."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.objects import StoreUnavailable
from storage.snapshot_errors import RestoreFailed, SnapshotCorrupt
from storage.vault import SessionVault
from tests.fakes.memory_store import Call, MemoryStore, WatchedStore
from tests.fakes.vaults import about, contents_of, in_child, session, stage

OLD = {"a": b"a" * 70_000, "d/b": b"old"}
NEW = {"a": b"a" * 70_000, "d/b": b"new", "d/c": b"c" * 1000}


class Fault:
    """Fails once, at the request with this number, before or after it was done."""

    def __init__(self, number: int, when: str) -> None:
        self.number = number
        self.when = when
        self.happened = False

    def around(self, store: MemoryStore) -> WatchedStore:
        def fail(call: Call) -> None:
            if call.number == self.number:
                self.happened = True
                raise StoreUnavailable(call.operation, call.key, "injected", "try again")

        return WatchedStore(store, **{self.when: fail})


def each_fault(act: Callable[[Fault], None]) -> int:
    """Do it with one fault more each time, until none happens any more; how many there were."""
    for when in ("before", "after"):
        number = 0
        while True:
            number += 1
            fault = Fault(number, when)
            act(fault)
            if not fault.happened:
                break
    return number - 1


@pytest.fixture
def staged(tmp_path: Path) -> dict[str, Path]:
    return {"old": stage(tmp_path / "old", OLD), "new": stage(tmp_path / "new", NEW)}


@pytest.fixture
def base(staged: dict[str, Path]) -> MemoryStore:
    """A store that holds the old state, and a snapshot before it."""
    store = MemoryStore()
    mine = session(store)
    mine.save(stage(staged["old"].with_name("older"), {"a": b"older"}), about())
    mine.save(staged["old"], about())
    return store


def restored(store: MemoryStore, tmp_path: Path) -> dict[str, bytes] | None:
    """What the head brings back, to a process that knows nothing."""
    head = session(store).head()
    if head is None:
        return None
    target = tmp_path / "restored"
    session(store).restore(head.id, target)
    contents = contents_of(target)
    shutil.rmtree(target)
    return contents


def test_a_save_survives_a_fault_at_every_request(
    base: MemoryStore, staged: dict[str, Path], tmp_path: Path
) -> None:
    def act(fault: Fault) -> None:
        store = base.copy()
        try:
            mine = session(fault.around(store))
            mine.save(staged["new"], about())
        except StoreUnavailable:
            assert restored(store, tmp_path) in (OLD, NEW)
            mine = session(store)
            mine.save(staged["new"], about())
        assert restored(store, tmp_path) == NEW
        assert len(session(store).history()) == 3, "an answer that was lost makes no second snapshot"

    assert each_fault(act) == 9


def test_a_first_save_survives_a_fault_at_every_request(staged: dict[str, Path], tmp_path: Path) -> None:
    def act(fault: Fault) -> None:
        store = MemoryStore()
        try:
            session(fault.around(store)).save(staged["new"], about())
        except StoreUnavailable:
            assert restored(store, tmp_path) in (None, NEW)
            session(store).save(staged["new"], about())
        assert restored(store, tmp_path) == NEW

    assert each_fault(act) == 15


def test_the_same_vault_saves_again_after_a_fault_at_every_request(
    base: MemoryStore, staged: dict[str, Path], tmp_path: Path
) -> None:
    """It remembers a head that may no longer be the one."""

    def act(fault: Fault) -> None:
        store = base.copy()
        watched = fault.around(store)
        mine: SessionVault | None = None
        while mine is None:
            try:
                mine = session(watched)
            except StoreUnavailable:
                continue
        for name in ("new", "old", "new"):
            try:
                mine.save(staged[name], about())
            except StoreUnavailable:
                mine.save(staged[name], about())
            assert restored(store, tmp_path) == (NEW if name == "new" else OLD)

    assert each_fault(act) > 15


def test_an_answer_lost_at_the_flip_is_asked_for(base: MemoryStore, staged: dict[str, Path]) -> None:
    fault = Fault(9, "after")
    snapshot = session(fault.around(base)).save(staged["new"], about())
    assert fault.happened
    assert session(base).head() == snapshot


def test_a_restore_survives_a_fault_at_every_request(base: MemoryStore, tmp_path: Path) -> None:
    target = tmp_path / "target"
    before = base.names()

    def act(fault: Fault) -> None:
        try:
            mine = session(fault.around(base))
            head = mine.head()
            assert head is not None
            mine.restore(head.id, target)
        except StoreUnavailable:
            assert not target.exists()
            assert list(tmp_path.glob("target*")) == []
            head = session(base).head()
            assert head is not None
            session(base).restore(head.id, target)
        assert contents_of(target) == OLD
        shutil.rmtree(target)

    assert each_fault(act) == 5
    assert base.names() == before


def test_a_prune_survives_a_fault_at_every_request(
    base: MemoryStore, staged: dict[str, Path], tmp_path: Path
) -> None:
    session(base).save(staged["new"], about())
    clean = base.copy()
    session(clean).prune(keep=1)

    def act(fault: Fault) -> None:
        store = base.copy()
        try:
            session(fault.around(store)).prune(keep=1)
        except StoreUnavailable:
            assert restored(store, tmp_path) == NEW
            for name in store.names():  # also those that have left the history
                if "/m/" in name:
                    session(store).verify(name.rpartition("/")[2])
            session(store).prune(keep=1)
        assert restored(store, tmp_path) == NEW
        assert store.names() == clean.names()
        session(store).save(staged["old"], about())
        assert restored(store, tmp_path) == OLD

    assert each_fault(act) == 9


def test_a_destroy_survives_a_fault_at_every_request(base: MemoryStore, tmp_path: Path) -> None:
    def act(fault: Fault) -> None:
        store = base.copy()
        try:
            session(fault.around(store)).destroy()
        except StoreUnavailable:
            try:
                assert restored(store, tmp_path) in (None, OLD)
            except SnapshotCorrupt as error:
                assert "destroy them if that was begun" in str(error)  # noqa: PT017
            session(store).destroy()
        assert store.names() == ["v1/keyring"]
        session(store).destroy()
        assert session(store).head() is None

    assert each_fault(act) > 6


# ---- kill -9


class DurableStore(MemoryStore):
    """Outlives its process: every write goes to a directory first."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory
        directory.mkdir(exist_ok=True)
        for path in directory.iterdir():
            super()._write(path.name.replace("+", "/"), path.read_bytes())

    def _write(self, key: str, data: bytes) -> str:
        path = self._directory / key.replace("/", "+")
        temporary = self._directory.with_name("writing")
        temporary.write_bytes(data)
        temporary.replace(path)
        return super()._write(key, data)

    def delete(self, key: str) -> None:
        (self._directory / key.replace("/", "+")).unlink(missing_ok=True)
        super().delete(key)


def die_at(number: int, when: str, store: MemoryStore) -> WatchedStore:
    def die(call: Call) -> None:
        if call.number == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return WatchedStore(store, **{when: die})


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_killed_at_any_request_leaves_what_restores(
    when: str, staged: dict[str, Path], tmp_path: Path
) -> None:
    directory = tmp_path / "store"
    target = tmp_path / "target"
    session(DurableStore(directory)).save(staged["old"], about())
    aside = tmp_path / "aside"
    shutil.copytree(directory, aside)

    def life(number: int) -> None:
        mine = session(die_at(number, when, DurableStore(directory)))
        snapshot = mine.save(staged["new"], about())
        assert snapshot is not None
        mine.restore(snapshot.id, target)
        mine.prune(keep=1)
        mine.destroy()

    number = 0
    while True:
        number += 1
        shutil.rmtree(directory)
        shutil.copytree(aside, directory)
        status, said = in_child(lambda number=number: life(number))  # type: ignore[misc]
        if os.WIFEXITED(status):
            assert status == 0, said
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        store = DurableStore(directory)
        assert not target.exists() or contents_of(target) == NEW
        shutil.rmtree(target, ignore_errors=True)
        try:
            assert restored(store, tmp_path) in (OLD, NEW, None)
        except SnapshotCorrupt as error:
            assert "destroy them if that was begun" in str(error)  # noqa: PT017
            session(store).destroy()
        session(store).save(staged["new"], about())
        assert restored(store, tmp_path) == NEW
    assert number > 20


def test_a_restore_killed_on_the_way_leaves_no_target_and_the_next_succeeds(
    base: MemoryStore, tmp_path: Path
) -> None:
    head = session(base).head()
    assert head is not None
    target = tmp_path / "target"

    def die(done: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    status, _ = in_child(lambda: (session(base).restore(head.id, target, progress=die), None)[1])
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert [path.name for path in tmp_path.glob("target*")] == ["target.restoring"]
    session(base).restore(head.id, target)
    assert contents_of(target) == OLD
    assert [path.name for path in tmp_path.glob("target*")] == ["target"]


# ---- the disk


def test_a_file_the_disk_refuses_leaves_nothing_behind(base: MemoryStore, tmp_path: Path) -> None:
    head = session(base).head()
    assert head is not None
    there = stage(tmp_path / "there", {"mine": b"1"})

    def restore() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        with pytest.raises(RestoreFailed, match=r"File too large; see to the disk"):
            session(base).restore(head.id, there / "target")

    status, said = in_child(restore)
    assert status == 0, said
    assert contents_of(there) == {"mine": b"1"}
    assert [path.name for path in there.iterdir()] == ["mine"]


FULL = """
import shutil, sys
from pathlib import Path
from storage.snapshot_errors import RestoreFailed
from tests.fakes.memory_store import MemoryStore
from tests.fakes.vaults import about, session, stage
disk, root = Path(sys.argv[1]), Path(sys.argv[2])
store = MemoryStore()
snapshot = session(store).save(stage(root / "in", {str(n): b"x" for n in range(20)}), about())
try:
    session(store).restore(snapshot.id, disk / "target")
except RestoreFailed as error:
    print(error, [*disk.iterdir()])
"""


@pytest.mark.parametrize(
    ("options", "says"), [("size=1m", "the disk has"), ("size=64m,nr_inodes=8", "No space left on device")]
)
def test_a_full_disk_is_told_and_left_as_it_was(options: str, says: str, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    in_mounts = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    mount = f"mount -t tmpfs -o {options} none {disk}"
    if subprocess.run([*in_mounts, "sh", "-c", mount], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine forbids mounts; the file limit above stands for it")
    script = f'{mount} && exec "$0" -c "$1" {disk} {tmp_path}'
    done = subprocess.run(
        [*in_mounts, "sh", "-c", script, sys.executable, FULL], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
    assert done.stdout.strip().endswith("[]")
