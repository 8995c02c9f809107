"""One Chromium process: spawned apart from the pool, found again after the pool died, watched, ended.

It runs in a session of its own, so no signal meant for the pool reaches it, with a debugging port on
loopback. Playwright attaches later (`driver.py`); killing Playwright or the pool leaves it running.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from browser_pool.browser_processes import MARK, kill_group, process_started
from browser_pool.capture import go_on
from browser_pool.confinement import Confinement
from browser_pool.door import Door
from browser_pool.errors import BrowserGone, LaunchFailed
from browser_pool.journal import BrowserMark
from browser_pool.priority import in_background
from browser_pool.profile import Profile

log = logging.getLogger(__name__)

FLAGS = [
    "--headless",
    "--remote-debugging-address=127.0.0.1",
    "--remote-debugging-port=0",
    # memory, measured at 10 sessions: 157 MB a slot without these three lines, 137 MB with them
    "--disable-gpu",
    "--in-process-gpu",
    "--js-flags=--max-semi-space-size=2 --optimize-for-size",
    # a page that nobody looks at must keep its timers, or the socket's pings come late
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    # navigator.webdriver is false in an ordinary browser
    "--disable-blink-features=AutomationControlled",
    # nothing but WhatsApp is spoken to
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--disable-breakpad",
    "--no-pings",
    "--no-first-run",
    "--no-default-browser-check",
    "--metrics-recording-only",
    "--password-store=basic",
    "--deny-permission-prompts",
    "--mute-audio",
    "--hide-scrollbars",
    "--window-size=1280,800",
    "--lang=en-US",
]
FEATURES_ON = "NetworkServiceInProcess2"
FEATURES_OFF = "MediaRouter,OptimizationHints,Translate,InterestFeedContentSuggestions"
SMALL_SHM_BYTES = 512 * 1024 * 1024
"""Docker's default /dev/shm is 64 MB, which one page fills; below this Chromium uses files instead."""
LISTENS = re.compile(r"(\d{1,5})\n(/devtools/browser/[0-9a-f-]{36})\n?")
PORT_POLL_SECONDS = 0.005
"""The port appears in a file, without an event; 65 ms after the spawn, measured."""


class Chromium:
    """A running browser process, our child or one that an earlier pool left."""

    def __init__(self, mark: BrowserMark, child: asyncio.subprocess.Process | None) -> None:
        self.mark = mark
        self.door = Door(mark.pid, mark.port)
        self._child = child
        self.exited = asyncio.Event()
        self._tell: list[Callable[[], None]] = []
        self._pidfd = os.pidfd_open(mark.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_exit)

    @property
    def is_alive(self) -> bool:
        """Asked of the kernel: the news of its death may still be on the way."""
        return not self.exited.is_set() and process_started(self.mark.pid) == self.mark.started

    def address(self, profile: Profile) -> str:
        """Where CDP is spoken with it. Raises BrowserGone."""
        listens = _read_listens(_listens_file(profile))
        if listens is None or listens.port != self.mark.port:
            raise BrowserGone("what says where this browser listens is gone from its profile")
        return f"ws://127.0.0.1:{listens.port}{listens.path}"

    @classmethod
    async def spawn(
        cls,
        executable: str,
        profile: Profile,
        confinement: Confinement,
        user_agent: str,
        proxy: str | None,
        *,
        background: bool,
        more_flags: Sequence[str] = (),
    ) -> Chromium:
        """Start a browser on the profile and wait for its port. The caller bounds the wait.

        In the `background` it leaves the CPU to everybody else, until `bring_to_front`.

        Raises ProfileBusy, LaunchFailed.
        """
        profile.prepare(walked=confinement.users is not None and not confinement.mounted)
        user_data_dir = confinement.user_data_dir(profile.user_data_dir)
        command = [executable, *FLAGS, f"--user-data-dir={user_data_dir}", f"--user-agent={user_agent}"]
        command += [f"--enable-features={FEATURES_ON}", f"--disable-features={FEATURES_OFF}"]
        if not confinement.sandboxed:
            command.append("--no-sandbox")
        if _shm_bytes() < SMALL_SHM_BYTES:
            command.append("--disable-dev-shm-usage")
        if proxy:
            command.append(f"--proxy-server={proxy}")
        command += more_flags
        command += [f"{MARK}{profile.root}", "about:blank"]
        with confinement.user() as uid:
            command = confinement.command(uid, profile.user_data_dir, command)
            with profile.locked() as lock, profile.log_path.open("wb") as output:
                profile.hand_over(uid)
                child = await asyncio.create_subprocess_exec(
                    *(in_background(command) if background else command),
                    cwd="/",
                    env={"HOME": user_data_dir, "PATH": os.defpath, "LANG": "C.UTF-8"},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    pass_fds=[lock],
                )
            return cls(await _when_it_listens(child, profile), child)

    @classmethod
    def find(cls, mark: BrowserMark) -> Chromium | None:
        """The browser an earlier pool left, or None when it is gone."""
        if process_started(mark.pid) != mark.started:
            return None
        try:
            return cls(mark, None)
        except ProcessLookupError:
            return None

    def go_on(self) -> None:
        """A pool that was killed in the middle of a capture has left it standing. Only with a valid lease."""
        go_on(self.mark.pid)

    def on_exit(self, tell: Callable[[], None]) -> None:
        """Have `tell` called once when the process is gone."""
        if self.exited.is_set():
            tell()
        else:
            self._tell.append(tell)

    def _on_exit(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.exited.set()
        for tell in self._tell:
            tell()

    def forget(self) -> None:
        """Stop watching a browser that is left running."""
        if not self.exited.is_set():
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self.exited.set()
            if self._child is not None:
                # Popen would warn about a child that outlives it; that is the point here
                self._child._transport.get_extra_info("subprocess").returncode = 0  # type: ignore[attr-defined]

    async def kill(self) -> None:
        """End the whole process group at once and wait until it is gone."""
        if not self.exited.is_set():
            kill_group(self.mark.pid)
        await self.wait()

    async def wait(self) -> None:
        """Wait for the process to be gone, reap it, and sweep what it left in its group."""
        await self.exited.wait()
        if self._child is not None:
            await self._child.wait()
        kill_group(self.mark.pid)


async def _when_it_listens(child: asyncio.subprocess.Process, profile: Profile) -> BrowserMark:
    """With its port, once it has one, shut; whoever cannot wait so long ends it. Raises LaunchFailed."""
    path = _listens_file(profile)
    try:
        while (listens := _read_listens(path)) is None:
            if child.returncode is not None:
                tail = profile.log_path.read_text(errors="replace")[-400:]
                raise LaunchFailed(f"Chromium exited with {child.returncode} at start: {tail}")
            await asyncio.sleep(PORT_POLL_SECONDS)
        started = process_started(child.pid)
        if started is None:
            raise LaunchFailed("Chromium died right after it opened its port")
        Door(child.pid, listens.port).claim()
    except BaseException:
        kill_group(child.pid)
        await child.wait()
        raise
    return BrowserMark(pid=child.pid, started=started, port=listens.port)


async def end(mark: BrowserMark) -> None:
    """Kill a browser that nobody is attached to, if it still runs."""
    chromium = Chromium.find(mark)
    if chromium is not None:
        await chromium.kill()


@dataclass(frozen=True, kw_only=True)
class Listens:
    """What Chromium writes down."""

    port: int
    path: str


def _listens_file(profile: Profile) -> Path:
    return profile.user_data_dir / "DevToolsActivePort"


def _read_listens(path: Path) -> Listens | None:
    """None when it is not there, or not whole; a browser that broke out may write there as well."""
    try:
        found = LISTENS.fullmatch(path.read_text())
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return None if found is None else Listens(port=int(found[1]), path=found[2])


def _shm_bytes() -> int:
    try:
        status = os.statvfs("/dev/shm")  # noqa: S108 - the kernel's shared memory, not a temporary file
    except FileNotFoundError:
        return 0
    return status.f_blocks * status.f_frsize
