"""Under which user, and behind which walls, Chromium runs.

As root the browser gets an unprivileged uid, shared by all or its own, and its profile is bind-mounted at
/mnt in a mount namespace of its own: it needs to reach nothing else of the data directory, which may lie
under /root or in a private temporary directory. Where a container forbids mounts, the uid has to walk there.
Chromium's sandbox needs user namespaces: proven here before anything starts.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from browser_pool.browser_users import BrowserUsers
from storage.errors import ConfigError

MOUNT_POINT = "/mnt"
_BIND_AND_RUN = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """How to turn a Chromium command line into the one that is executed."""

    users: BrowserUsers | None
    """None: the pool's own uid, which is not root."""
    mounted: bool
    """The profile is reached through a mount of the browser's own."""
    sandboxed: bool

    def user_data_dir(self, real: Path) -> str:
        """The path that Chromium is told."""
        return MOUNT_POINT if self.mounted else str(real)

    @property
    def uid(self) -> int | None:
        """The user of browsers; the first of them, where each has his own."""
        return None if self.users is None else self.users.uids[0]

    def user(self) -> AbstractContextManager[int | None]:
        """Around a start: whom this browser runs as. Raises LaunchFailed."""
        return nullcontext() if self.users is None else self.users.one()

    def command(self, uid: int | None, user_data_dir: Path, command: list[str]) -> list[str]:
        """Every step is an exec, so the pid that is spawned is the browser's own."""
        if uid is None:
            return command
        drop = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"]
        if not self.mounted:
            return [*drop, "--", *command]
        bind = ["sh", "-c", _BIND_AND_RUN, "sh", str(user_data_dir), MOUNT_POINT]
        return ["unshare", "--mount", "--propagation", "private", *bind, *drop, "--", *command]


async def find_confinement(data_dir: Path, uid: int, *, sandbox: bool, users: int = 1) -> Confinement:
    """Choose and prove it on this machine. Raises ConfigError with the fix.

    With one user for each browser the profiles have to be mounted: on the way to one by path, a browser could
    open the profile of whoever had its uid before.
    """
    as_root = os.geteuid() == 0
    if users > 1 and not as_root:
        raise ConfigError([f"CHROMIUM_UIDS={users}: only a pool that is root can give each browser a user"])
    found = BrowserUsers(uid, users) if as_root else None
    drop = Confinement(users=found, mounted=False, sandboxed=sandbox)
    if sandbox and not await _succeeds(
        drop.command(drop.uid, data_dir, ["unshare", "--user", "--net", "true"])
    ):
        raise ConfigError(
            [
                "the kernel forbids unprivileged user namespaces, so Chromium's sandbox cannot start; allow"
                " them (`sysctl kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu,"
                " `sysctl kernel.unprivileged_userns_clone=1` on older Debian, a seccomp profile that permits"
                " unshare in a container), or set CHROMIUM_SANDBOX=off and accept that a page that breaks out"
                " of its renderer owns this node"
            ]
        )
    if not as_root:
        return drop
    mounted = replace(drop, mounted=True)
    if await _succeeds(mounted.command(mounted.uid, data_dir, ["true"])):
        return mounted
    if users > 1:
        raise ConfigError(
            [f"CHROMIUM_UIDS={users}: this container may not mount, so browsers share one user"]
        )
    if not _reachable(data_dir, uid):
        raise ConfigError(
            [
                f"DATA_DIR={data_dir}: uid {uid}, under which Chromium runs, cannot enter it, and this"
                " container may not mount; put DATA_DIR where every directory on the way has mode o+x"
            ]
        )
    return drop


def _reachable(path: Path, uid: int) -> bool:
    """Can this uid walk down to the directory? The profile itself is chowned to it."""
    for parent in [path, *path.parents]:
        status = parent.stat() if parent.exists() else None
        if status is None or (status.st_uid == uid and status.st_mode & stat.S_IXUSR):
            continue
        if not status.st_mode & stat.S_IXOTH:
            return False
    return True


async def _succeeds(command: list[str]) -> bool:
    if shutil.which(command[0]) is None:
        raise ConfigError([f"{command[0]} is missing; install util-linux"])
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(10):
        return await process.wait() == 0
