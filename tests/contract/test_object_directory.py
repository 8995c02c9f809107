"""Objects as files: disks that are full or gone, processes that race, and ones that are killed."""

import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from storage.directory_files import UNFINISHED
from storage.directory_marker import DirectoryMarker
from storage.object_directory import LEFTOVER_AFTER_NS, DirectoryStore
from storage.objects import (
    ObjectMissing,
    PreconditionFailed,
    StoreError,
    StoreRefused,
    StoreUnavailable,
)
from tests.fakes.processes import ROOT

COUNT = """
import sys
from pathlib import Path
from storage.object_directory import DirectoryStore
from storage.objects import PreconditionFailed
store, counted = DirectoryStore(Path(sys.argv[1])), 0
print("ready", flush=True)
sys.stdin.readline()
while counted < 100:
    found = store.get("counter")
    try:
        store.put_if("counter", b"%d" % (int(found.data) + 1), version=found.version)
        counted += 1
    except PreconditionFailed:
        pass
"""

STOPS_WHILE_WRITING = """
import os, stat, sys, time
from pathlib import Path
from storage.object_directory import DirectoryStore
sync = os.fsync
def never_comes_back(descriptor):
    about = os.fstat(descriptor)
    if stat.S_ISREG(about.st_mode) and about.st_size == 3000:  # not the marker, and no directory
        print("writing", flush=True)
        time.sleep(600)
    sync(descriptor)
os.fsync = never_comes_back
DirectoryStore(Path(sys.argv[1])).put("packs/one", b"new" * 1000)
"""

STOPS_WITH_THE_LOCK = """
import sys, time
from pathlib import Path
from storage.directory_marker import DirectoryMarker
with DirectoryMarker(Path(sys.argv[1])).locked():
    print("locked", flush=True)
    time.sleep(600)
"""

TELL = """
def tell(use):
    from storage.objects import StoreError
    try:
        return repr(use())
    except StoreError as error:
        return f"{type(error).__name__}: {error}"
"""

FILE_LIMIT = (
    TELL
    + """
import json, resource, sys
from pathlib import Path
from storage.object_directory import DirectoryStore
store = DirectoryStore(Path(sys.argv[1]))
store.put("small", b"1")
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
print(json.dumps([tell(lambda: store.put("large", b"1" * 5000)), tell(lambda: store.get("small").data)]))
"""
)

SMALL_DISK = (
    TELL
    + """
import json, subprocess, sys
from pathlib import Path
from storage.object_directory import DirectoryStore
disk = Path(sys.argv[1])
def sh(*command): subprocess.run([*command, str(disk)], check=True)
sh("mount", "-t", "tmpfs", "-o", "size=128k", "none")
store, said = DirectoryStore(disk / "store"), {}
store.put("head", b"small")
said["full"] = tell(lambda: store.put("large", b"1" * 500_000))
said["left by full"] = sorted(path.name for path in (disk / "store").iterdir())
sh("mount", "-o", "remount,ro")
said["read-only"] = tell(lambda: store.put("other", b""))
sh("umount")
uses = (lambda: store.get("head"), lambda: list(store.list("")), lambda: store.put("other", b""))
said["gone"] = [tell(use) for use in uses]
disk.joinpath("store").mkdir()
said["empty mount point"] = tell(lambda: store.get("head"))
print(json.dumps(said))
"""
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(root: Path) -> DirectoryStore:
    return DirectoryStore(root)


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def killed_when_it_says(word: str, script: str, *arguments: object) -> None:
    """kill -9 as soon as the process says so."""
    with start(script, *arguments) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == word
        process.kill()


def unfinished(root: Path) -> list[str]:
    return [path.name for path in root.rglob(f"{UNFINISHED}*")]


def test_processes_that_race_lose_no_write(store: DirectoryStore, root: Path) -> None:
    """Each adds one to what it read, a hundred times."""
    store.put_if("counter", b"0", version=None)
    with start(COUNT, root) as first, start(COUNT, root) as second:
        for racer in (first, second):
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda racer: racer.communicate("go\n", 30), (first, second)))
    assert store.get("counter").data == b"200"
    assert unfinished(root) == []


def test_threads_that_race_lose_no_write(store: DirectoryStore) -> None:
    store.put_if("counter", b"0", version=None)

    def count(_: int) -> None:
        for _ in range(25):
            while True:
                found = store.get("counter")
                with suppress(PreconditionFailed):
                    store.put_if("counter", b"%d" % (int(found.data) + 1), version=found.version)
                    break

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert store.get("counter").data == b"100"


def test_stores_that_are_first_used_at_once_are_one_store(tmp_path: Path) -> None:
    for number in range(20):
        shared = DirectoryStore(tmp_path / f"store-{number}")
        others = [shared, shared, DirectoryStore(tmp_path / f"store-{number}")]
        barrier = threading.Barrier(len(others))

        def write(store: DirectoryStore, barrier: threading.Barrier = barrier) -> bool:
            barrier.wait(10)
            try:
                store.put_if("head", b"1", version=None)
            except PreconditionFailed:
                return False
            return True

        with ThreadPoolExecutor(len(others)) as pool:
            assert sorted(pool.map(write, others)) == [False, False, True]


def test_content_that_comes_back_is_another_version(store: DirectoryStore) -> None:
    versions = [
        store.put_if("head", b"A", version=None),
    ]
    for content in (b"B", b"A", b"A"):
        versions.append(store.put_if("head", content, version=versions[-1]))
    store.delete("head")
    versions.append(store.put_if("head", b"A", version=None))
    assert len(set(versions)) == 5


def test_versions_grow_when_the_clock_goes_back(store: DirectoryStore, root: Path) -> None:
    first = store.put_if("head", b"A", version=None)
    future = (root / "head").stat().st_mtime_ns + 10**15
    for path in (root / "head", root / "store.json"):
        os.utime(path, ns=(future, future))  # as if it had been written before the clock was set back
    before = store.get("head").version
    after = store.put_if("head", b"A", version=before)
    assert len({first, before, after}) == 3
    assert (root / "head").stat().st_mtime_ns == future + 1


def test_everything_is_for_the_owner_only(root: Path) -> None:
    before = os.umask(0)
    try:
        store = DirectoryStore(root)
        store.put("a/b/c", b"1")
    finally:
        os.umask(before)
    modes = {path.relative_to(root).as_posix(): path.stat().st_mode & 0o777 for path in root.rglob("*")}
    assert modes == {"a": 0o700, "a/b": 0o700, "a/b/c": 0o600, "store.json": 0o600}
    assert root.stat().st_mode & 0o777 == 0o700


def test_nothing_of_an_object_is_seen_before_it_is_whole(store: DirectoryStore, root: Path) -> None:
    """kill -9 between the last byte and the rename."""
    store.put("packs/one", b"old")
    killed_when_it_says("writing", STOPS_WHILE_WRITING, root)
    assert len(unfinished(root)) == 1
    assert store.get("packs/one").data == b"old"
    assert [line.key for line in store.list("")] == ["packs/one"]
    store.put_if("packs/one", b"newer", version=store.get("packs/one").version)


def test_what_a_killed_writer_left_is_removed_when_it_is_old(store: DirectoryStore, root: Path) -> None:
    killed_when_it_says("writing", STOPS_WHILE_WRITING, root)
    (left,) = unfinished(root)
    store.put("packs/two", b"1")
    assert len(list(store.list("packs/"))) == 1
    assert unfinished(root) == [left]  # its writer might be alive
    long_ago = (root / "store.json").stat().st_mtime_ns - LEFTOVER_AFTER_NS - 1
    os.utime(root / "packs" / left, ns=(long_ago, long_ago))
    assert len(list(store.list("packs/"))) == 1
    assert unfinished(root) == []


def test_a_writer_that_is_killed_gives_the_lock_back(store: DirectoryStore, root: Path) -> None:
    killed_when_it_says("locked", STOPS_WITH_THE_LOCK, root)
    store.put("head", b"1")
    assert store.get("head").data == b"1"


def test_a_lock_that_is_never_given_back_is_an_error_and_hangs_nobody(root: Path) -> None:
    impatient = DirectoryStore(root, lock_within=timedelta(milliseconds=20))
    impatient.put("head", b"1")
    with DirectoryMarker(root).locked():
        for use in (lambda: impatient.put("head", b"2"), lambda: impatient.delete("head")):
            with pytest.raises(StoreUnavailable, match="lock"):
                use()
        assert impatient.get("head").data == b"1"  # readers are not held up
    assert unfinished(root) == []


def test_a_store_that_went_away_is_never_empty(store: DirectoryStore, root: Path) -> None:
    store.put("head", b"1")
    away = root.rename(root.with_name("away"))
    for mount_point in ("missing", "empty"):
        if mount_point == "empty":
            root.mkdir()
        for use in (
            lambda: store.get("other"),
            lambda: store.size("other"),
            lambda: list(store.list("")),
            lambda: store.delete("other"),
            lambda: store.put("other", b"1"),
            lambda: store.put_if("other", b"1", version=None),
        ):
            with pytest.raises(StoreUnavailable, match="mounted"):
                use()
    assert list(root.iterdir()) == []
    root.rmdir()
    away.rename(root)
    assert store.get("head").data == b"1"


def test_another_store_in_the_same_place_is_noticed(store: DirectoryStore, root: Path) -> None:
    store.put("head", b"1")
    root.rename(root.with_name("away"))
    DirectoryStore(root).put("other", b"1")
    with pytest.raises(StoreUnavailable, match="another store"):
        store.get("head")
    with pytest.raises(StoreUnavailable, match="another store"):
        store.put("head", b"2")


def test_a_disk_that_goes_away_while_it_is_listed_does_not_end_the_list(
    store: DirectoryStore, root: Path
) -> None:
    for number in range(3):
        store.put(f"folder-{number}/object", b"1")
    lines = store.list("")
    assert next(lines).key == "folder-0/object"
    root.rename(root.with_name("away"))
    with pytest.raises(StoreUnavailable):
        list(lines)


def test_a_directory_of_somebody_else_is_refused(root: Path) -> None:
    root.mkdir()
    (root / "thesis.txt").write_text("important")
    for use in (lambda store: store.get("head"), lambda store: store.put("head", b"1")):
        with pytest.raises(StoreRefused, match="SNAPSHOT_URL to an empty directory"):
            use(DirectoryStore(root))
    assert [path.name for path in root.iterdir()] == ["thesis.txt"]


def test_a_fresh_disk_is_taken(root: Path) -> None:
    (root / "lost+found").mkdir(parents=True)
    store = DirectoryStore(root)
    store.put("head", b"1")
    assert [line.key for line in store.list("")] == ["head"]


def test_a_marker_that_cannot_be_read_is_refused(root: Path) -> None:
    root.mkdir()
    (root / "store.json").write_text("{")
    with pytest.raises(StoreRefused, match=r"store\.json is not ours"):
        DirectoryStore(root).get("head")


def test_only_the_last_directory_of_the_path_is_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="does not exist; mount it"):
        DirectoryStore(tmp_path / "disk" / "store").put("head", b"1")
    assert list(tmp_path.iterdir()) == []


def test_an_object_cannot_be_a_folder_of_others(store: DirectoryStore) -> None:
    store.put("a/b", b"1")
    for key in ("a", "a/b/c"):
        with pytest.raises(StoreRefused, match="cannot be a folder"):
            store.put(key, b"2")
        with pytest.raises(StoreError):
            store.put_if(key, b"2", version=None)
        with pytest.raises(ObjectMissing):
            store.get(key)
    assert store.get("a/b").data == b"1"


def test_empty_folders_are_removed_and_a_writer_beside_does_not_mind(
    store: DirectoryStore, root: Path
) -> None:
    def work(number: int) -> None:
        for _ in range(50):
            store.put(f"deep/er/{number}", b"1")
            assert store.get(f"deep/er/{number}").data == b"1"
            store.delete(f"deep/er/{number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert [path.name for path in root.iterdir()] == ["store.json"]


def test_a_file_that_is_too_large_is_refused_and_leaves_nothing(root: Path) -> None:
    with start(FILE_LIMIT, root) as process:
        large, small = json.loads(process.communicate(timeout=20)[0])
    assert large.startswith("StoreRefused: put large: File too large")
    assert "ulimit -f" in large
    assert small == "b'1'"
    assert unfinished(root) == []


def test_a_disk_that_is_full_read_only_or_gone_is_told_apart_from_an_absence(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "--mount", "true"], check=False).returncode:
        pytest.skip("mounting a small disk needs root and a kernel that allows it")
    done = subprocess.run(
        [unshare, "--mount", sys.executable, "-c", SMALL_DISK, str(disk)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["full"].startswith("StoreRefused: put large: No space left on device")
    assert "free space" in said["full"]
    assert said["left by full"] == ["head", "store.json"]
    assert said["read-only"].startswith("StoreRefused")
    assert "mount it writable" in said["read-only"]
    assert [told.partition(":")[0] for told in said["gone"]] == ["StoreUnavailable"] * 3
    assert said["empty mount point"].startswith("StoreUnavailable")
