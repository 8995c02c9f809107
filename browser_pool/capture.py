"""A consistent copy of a profile's identity, taken while its browser runs or after it has closed.

Rule: the browser stands still while its files are read, for milliseconds. Files that Chromium never
changes after writing are hardlinked, the rest is copied. Caches are left out: they come from the golden
profile. Copies of a browser that went on writing were torn in half of all cases, measured.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from browser_pool.errors import CaptureFailed
from browser_pool.profile import Profile

IDENTITY = (
    "Default/IndexedDB",
    "Default/Local Storage",
    "Default/WebStorage",
    "Default/Cookies",
    "Default/Cookies-journal",
    "Default/Network/Cookies",
    "Default/Network/Cookies-journal",
)
"""Below the user-data directory. Found by leaving out one after the other, see `docs/snapshots.md`: without
IndexedDB no login comes back, without localStorage neither (the dump beside the profile replaces the
directory). Cookies are kept for a site that may ask for them; the stand-in does not."""
BESIDE = ("local_storage.json", "login")
"""Of the profile's own directory: the dump of localStorage, and which login this is."""
NEVER = frozenset({"LOCK", "DevToolsActivePort"})
IMMUTABLE = frozenset({".ldb", ".sst"})
"""LevelDB writes a table once and then only deletes it; IndexedDB does so with files in a .blob directory.
But recovery gives its own table the number of one that is not in the manifest yet: a browser that opened the
links would write to the original, whose browser then met a "truncated block read". So they are only read."""
STOPPED_WITHIN_SECONDS = 1.0
"""For the kernel to bring every thread to a halt; measured 4 to 8 ms with the copying."""
STOP_POLL_SECONDS = 0.0002


@dataclass(frozen=True, kw_only=True)
class Captured:
    """What was taken."""

    files: int
    bytes: int
    stopped_ms: float


def signature(profile: Profile) -> str:
    """Changes when anything that a capture would take changes. Blocking, some 40 stats."""
    digest = hashlib.sha256()
    for path in _files(profile):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        digest.update(f"{path.relative_to(profile.root)}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def go_on(group: int) -> None:
    """SIGCONT: also for a browser that a pool, killed in the middle of a capture, has left standing."""
    try:
        os.killpg(group, signal.SIGCONT)
    except ProcessLookupError:
        return


def capture(
    profile: Profile, group: int | None, staged: Path, let_go_on: Callable[[int], None] = go_on
) -> Captured:
    """Copy the identity into a directory that does not exist yet. Blocking.

    `group` is the browser's process group, None when it has closed; `let_go_on` ends its standing still, at
    once or when it may run again. Raises CaptureFailed, and leaves nothing
    then: the disk is full, or the browser would not stand still.
    """
    began = time.perf_counter()
    staged.mkdir(mode=0o700, parents=True)
    try:
        with _standing_still(group, let_go_on):
            began = time.perf_counter()
            taken = [_take(path, staged / path.relative_to(profile.root)) for path in _files(profile)]
            stopped_ms = (time.perf_counter() - began) * 1000
    except OSError as error:
        shutil.rmtree(staged, ignore_errors=True)
        raise CaptureFailed(
            f"session {profile.session_id}: {error.strerror}: {error.filename}; nothing was saved, the last"
            " snapshot and the profile are as they were; is the disk full?"
        ) from error
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    sizes = [size for size in taken if size is not None]
    if not any((staged / "chromium").rglob("*")):
        shutil.rmtree(staged, ignore_errors=True)
        raise CaptureFailed(f"session {profile.session_id}: there is no login in its profile")
    return Captured(files=len(sizes), bytes=sum(sizes), stopped_ms=stopped_ms if group else 0.0)


def _files(profile: Profile) -> Iterator[Path]:
    for name in BESIDE:
        path = profile.root / name
        if path.is_file():
            yield path
    for name in IDENTITY:
        root = profile.user_data_dir / name
        if root.is_file():
            yield root
        elif root.is_dir():
            for path in sorted(root.rglob("*")):
                if path.is_file() and not path.is_symlink() and path.name not in NEVER:
                    yield path


def _take(source: Path, target: Path) -> int | None:
    """Bytes taken; None for a file that went away between the listing and now."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        if source.suffix in IMMUTABLE or any(part.endswith(".blob") for part in source.parts):
            _link(source, target)
        else:
            shutil.copyfile(source, target)
    except FileNotFoundError:
        return None
    return target.stat().st_size


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
            raise
        shutil.copyfile(source, target)  # staged on another file system, or on one without hardlinks


@contextmanager
def _standing_still(group: int | None, let_go_on: Callable[[int], None]) -> Iterator[None]:
    """SIGSTOP to every process of the browser, and wait until the kernel says that they have stopped."""
    if group is None:
        yield
        return
    try:
        os.killpg(group, signal.SIGSTOP)
    except ProcessLookupError:
        yield  # it has just died: nobody writes
        return
    try:
        _wait_stopped(group)
        yield
    finally:
        let_go_on(group)


def _wait_stopped(group: int) -> None:
    deadline = time.monotonic() + STOPPED_WITHIN_SECONDS
    members = _members(group)
    while any(_runs(pid) for pid in members):
        if time.monotonic() > deadline:
            raise CaptureFailed(f"browser {group} did not stand still; the next look tries again")
        time.sleep(STOP_POLL_SECONDS)


def _members(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getpgid(int(entry.name)) == group:
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
    return found


def _runs(pid: int) -> bool:
    """Whether any thread of it may still write."""
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            state = (thread / "stat").read_text().rpartition(")")[2].split()[0]
            if state not in "TtZX":
                return True
    except (FileNotFoundError, ProcessLookupError):
        return False
    return False
