"""A session's profile on disk: Chromium's user-data directory, its lock, and localStorage beside it.

Rule: nobody opens a profile without its lock. headless-shell has none of its own, and two browsers on
one profile destroy its IndexedDB. The lock is a flock whose descriptor Chromium inherits: the kernel
holds it exactly as long as the browser lives, whatever happens to the pool.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ulid import ULID

from browser_pool.errors import ProfileBusy
from browser_pool.profiles_aside import ProfilesAside

PROFILES_DIR = "profiles"
LEAVING_SUFFIX = ".erasing"
WARM_PREFIX = "warm-"
"""Profiles of slots that belong to nobody yet; what a session id never starts with."""


@dataclass(frozen=True, kw_only=True)
class _SavedStorage:
    origin: str
    items: dict[str, str]
    clean: bool


class Profile:
    """Paths and files of one profile. Layout: lock, local_storage.json, browser.log, chromium/.

    `name` is the directory's: the session's id, or the one it had as a warm slot. A directory in which a
    browser runs cannot be renamed, so an adopted one keeps its name until `settle`.
    """

    def __init__(self, data_dir: Path, session_id: str, name: str | None = None) -> None:
        self.session_id = session_id
        self._parent = data_dir / PROFILES_DIR
        self._name_it(name or session_id)

    @classmethod
    def at(cls, root: Path) -> Profile:
        """A directory of this layout that lies anywhere, such as a restored snapshot."""
        profile = cls(root.parent, root.name)
        profile._parent = root.parent
        profile._name_it(root.name)
        return profile

    def _name_it(self, name: str) -> None:
        self.name = name
        self.root = self._parent / name
        self.user_data_dir = self.root / "chromium"
        self.log_path = self.root / "browser.log"
        self._lock_path = self.root / "lock"
        self._storage_path = self.root / "local_storage.json"
        self._login_path = self.root / "login"
        self._saved_path = self.root / "saved"

    def settle(self) -> None:
        """Take the session's own name. Only while no browser runs in it."""
        if self.name == self.session_id:
            return
        before = self.root
        self._name_it(self.session_id)
        if before.exists():
            before.rename(self.root)

    @property
    def exists(self) -> bool:
        return self.user_data_dir.is_dir()

    def prepare(self, *, walked: bool) -> None:
        """Make the directories.

        `walked` says that Chromium's uid comes here by path: it may pass the directories, not list them.
        """
        for directory in (self._parent, self.root, self.user_data_dir):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if walked:
            self._parent.chmod(0o711)
            self.root.chmod(0o711)

    def hand_over(self, owner_uid: int | None) -> None:
        """Under the lock: the user-data directory becomes that of the uid that Chromium is to run under.

        Itself at last: what was interrupted is begun again.
        """
        if owner_uid is not None and self.user_data_dir.stat().st_uid != owner_uid:
            for path in [*self.user_data_dir.rglob("*"), self.user_data_dir]:
                os.chown(path, owner_uid, owner_uid, follow_symlinks=False)
        (self.user_data_dir / "DevToolsActivePort").unlink(missing_ok=True)

    def begin_with(self, default: Path, owner_uid: int | None) -> None:
        """Make a new profile that has these files in its `Default`; half a copy is never taken for one.

        Raises OSError.
        """
        for directory in (self.root.parent.parent, self.root.parent, self.root):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy = self.user_data_dir.with_suffix(".new")
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(mode=0o700)
        shutil.copytree(default, copy / "Default", symlinks=True)
        if owner_uid is not None:
            for path in [copy, *copy.rglob("*")]:
                os.chown(path, owner_uid, owner_uid, follow_symlinks=False)
        copy.rename(self.user_data_dir)

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Take the lock and give its descriptor, to be inherited by the browser. Raises ProfileBusy."""
        descriptor = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ProfileBusy(
                    f"profile of session {self.session_id} is held by another browser; stop that one first"
                ) from error
            yield descriptor
        finally:
            os.close(descriptor)

    def save_local_storage(self, origin: str, items: dict[str, str], *, clean: bool) -> None:
        """Keep what the page has in localStorage: Chromium may hold it back from the disk for a minute.

        `clean` says that the browser has closed in order since, so that its own copy is the newer one.
        """
        temporary = self._storage_path.with_suffix(".new")
        temporary.touch(mode=0o600)
        with temporary.open("w") as file:
            json.dump({"origin": origin, "items": items, "clean": clean}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._storage_path)

    def mark_clean(self) -> None:
        """The browser closed in order: its own copy on disk is complete."""
        saved = self._load()
        if saved is not None:
            self.save_local_storage(saved.origin, saved.items, clean=True)

    def local_storage_to_restore(self) -> tuple[str, dict[str, str], bool] | None:
        """(origin, items, whether they replace what is there): what the last browser may not have written.

        After an orderly close its own values are the newer ones; but a browser that was told to close on
        a busy disk has been seen without any, so what is missing is put back all the same.
        """
        saved = self._load()
        return None if saved is None else (saved.origin, saved.items, not saved.clean)

    def _load(self) -> _SavedStorage | None:
        try:
            raw = json.loads(self._storage_path.read_text())
        except FileNotFoundError:
            return None
        return _SavedStorage(**raw)

    def login_id(self) -> str:
        """Which login this is: made at the first asking, erased with the profile, restored with it.

        Snapshots of an earlier login of the same session must never take the place of this one's.
        """
        try:
            return self._login_path.read_text()
        except FileNotFoundError:
            login_id = str(ULID())
            temporary = self._login_path.with_suffix(".new")
            temporary.write_text(login_id)
            temporary.replace(self._login_path)
            return login_id

    def saved_signature(self) -> str | None:
        """What was last saved, so that a pool that starts anew asks the store nothing about it."""
        try:
            return self._saved_path.read_text()
        except FileNotFoundError:
            return None

    def remember_saved(self, signature: str) -> None:
        """All of this is in the object store now."""
        temporary = self._saved_path.with_suffix(".new")
        temporary.write_text(signature)
        temporary.replace(self._saved_path)

    def take_place(self, restored: Path) -> None:
        """Become what lies in this directory, by renames; what was here is put aside, not destroyed.

        A crash in between leaves either the old profile, or none and the old one aside: the next start
        restores again.
        """
        self.put_aside()
        self._parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        restored.rename(self.root)

    def put_aside(self) -> None:
        """Let there be no profile, and destroy none."""
        if self.root.exists():
            self._aside.put(self.root, self.session_id)

    def erase_aside(self) -> None:
        """Destroy what was put aside of this session."""
        self._aside.erase(self.session_id)

    @property
    def _aside(self) -> ProfilesAside:
        return ProfilesAside(self._parent.parent)

    def add_caches(self, default: Path, names: Iterable[str], owner_uid: int | None) -> None:
        """Put caches of the golden profile beside a restored identity, where it has none. Raises OSError."""
        for name in names:
            source, target = default / name, self.user_data_dir / "Default" / name
            if source.is_dir() and not target.exists():
                shutil.copytree(source, target, symlinks=True)
        if owner_uid is not None:
            for path in [self.user_data_dir, *self.user_data_dir.rglob("*")]:
                os.chown(path, owner_uid, owner_uid, follow_symlinks=False)

    def erase(self) -> None:
        """Destroy the profile. Renamed first, so that a half-erased profile is never opened.

        Blocking, 100 to 250 ms on a busy machine: from the event loop, through `in_thread`.
        """
        if not self.root.exists():
            return
        leaving = self.root.with_name(f"{self.root.name}.{secrets.token_hex(4)}{LEAVING_SUFFIX}")
        self.root.rename(leaving)
        shutil.rmtree(leaving)


def profiles_on_disk(data_dir: Path) -> list[str]:
    """Names of the profiles here, without those that are being erased."""
    parent = data_dir / PROFILES_DIR
    if not parent.is_dir():
        return []
    return sorted(path.name for path in parent.iterdir() if path.is_dir() and path.suffix != LEAVING_SUFFIX)


def finish_erasing(data_dir: Path) -> None:
    """Erase what an earlier process began to. Only while this one erases nothing."""
    for path in (data_dir / PROFILES_DIR).glob("*" + LEAVING_SUFFIX):
        shutil.rmtree(path, ignore_errors=True)
