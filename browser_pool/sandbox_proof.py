"""Proves that Chromium's sandbox is on, by looking at a renderer and not at flags.

Rule: the kernel is asked. A renderer must have its system calls filtered, be in a process namespace of its
own, and be unable to gain privileges; everything else counts as no sandbox.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import timedelta
from pathlib import Path

from browser_pool.browser_processes import browsers_of
from browser_pool.chromium import Chromium
from browser_pool.confinement import Confinement
from browser_pool.errors import LaunchFailed
from browser_pool.profile import Profile
from storage.errors import ConfigError

PROOF_DIR = "sandbox-proof"
PROOF_DEADLINE = timedelta(seconds=30)
WALLS_WITHIN = timedelta(seconds=5)
"""5 ms on a quiet machine, measured; a busy one may take its time."""
LOOK_EVERY_SECONDS = 0.005
FIX = (
    "Chromium's sandbox is not on, although the kernel allows user namespaces. Name the browser itself in"
    " CHROMIUM_PATH, no wrapper that says --no-sandbox, and run it in a container only with a seccomp profile"
    " that permits clone, unshare and chroot (deploy/seccomp/chromium.json); or set CHROMIUM_SANDBOX=off and"
    " accept that a page that breaks out of its renderer owns this node"
)


def renderers_of(pid: int) -> list[int]:
    """The processes of a browser that run pages."""
    found = []
    for child in _children(pid):
        # a zygote's child has its command line rewritten into one string
        if b"--type=renderer" in _read(child, "cmdline"):
            found.append(child)
        found += renderers_of(child)
    return found


def missing_walls(browser: int, renderer: int) -> list[str]:
    """What a sandboxed renderer has and this one has not."""
    status, outside = _status(renderer), _status(browser)
    missing = []
    if status.get("Seccomp") != "2":
        missing.append("its system calls are not filtered")
    if len(status.get("NSpid", "").split()) <= len(outside.get("NSpid", "").split()):
        missing.append("it sees the processes of this machine")
    if status.get("NoNewPrivs") != "1":
        missing.append("it may gain privileges")
    if status.get("Uid", "0").split()[0] == "0":
        missing.append("it runs as root")
    return missing


async def must_be_sandboxed(browser: int, within: timedelta = WALLS_WITHIN) -> None:
    """Look at every renderer of a browser until all have their walls. Raises LaunchFailed.

    A renderer appears some milliseconds before it goes into its sandbox, and there is no event for either.
    """
    deadline = time.monotonic() + within.total_seconds()
    while (problem := _without_walls(browser)) is not None:
        if time.monotonic() > deadline:
            raise LaunchFailed(f"{FIX} ({problem})")
        await asyncio.sleep(LOOK_EVERY_SECONDS)


def _without_walls(browser: int) -> str | None:
    renderers = renderers_of(browser)
    for renderer in renderers:
        missing = missing_walls(browser, renderer)
        if missing:
            return f"a renderer: {', '.join(missing)}"
    return None if renderers else "no renderer is to be seen"


async def prove_sandbox(
    executable: str,
    confinement: Confinement,
    user_agent: str,
    data_dir: Path,
    within: timedelta = WALLS_WITHIN,
) -> None:
    """Before the first session: start a browser that opens nothing, and look at it. Raises ConfigError.

    Where browsers of an earlier pool run, nothing is started: each is looked at when it is attached.
    """
    if browsers_of(data_dir):
        return
    root = data_dir / PROOF_DIR / "profile"
    shutil.rmtree(root.parent, ignore_errors=True)
    try:
        async with asyncio.timeout(PROOF_DEADLINE.total_seconds()):
            profile = Profile.at(root)
            browser = await Chromium.spawn(
                executable, profile, confinement, user_agent, None, background=False
            )
            try:
                await must_be_sandboxed(browser.mark.pid, within)
            finally:
                await browser.kill()
    except (LaunchFailed, TimeoutError) as error:
        raise ConfigError(
            [str(error) or "Chromium did not start in time, so its sandbox is not proven"]
        ) from error
    finally:
        shutil.rmtree(root.parent, ignore_errors=True)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
            found += map(int, tasks.read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        return []
    return found


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _status(pid: int) -> dict[str, str]:
    lines = _read(pid, "status").decode(errors="replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
