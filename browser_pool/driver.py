"""Playwright, and nothing else: attaches to browsers over CDP. Its death never costs a browser.

One driver process serves all slots. When it dies the slots lose their eyes, not their browsers: each
slot attaches again, through a new driver. Playwright itself does not tell, so we watch its process, and it
cannot be told where to connect from, so `driver_source.cjs` goes before it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright._impl.out_of_process import PlaywrightClient
from playwright.async_api import Browser, Error, Playwright, async_playwright

from browser_pool.door import Door
from browser_pool.errors import BrowserGone

log = logging.getLogger(__name__)

DRIVER_ARGUMENT = b"run-driver"
PREFIX = "linkpool-driver-"
SOURCE_HEADER = "x-linkpool-source"
"""How `driver_source.cjs` learns where a connection has to come from. It does not leave the driver."""
SOURCE_HOOK = Path(__file__).with_name("driver_source.cjs")


class Driver:
    """Async context manager around the Playwright process, which boots while the caller goes on."""

    def __init__(self, scratch: Path | None = None) -> None:
        """`scratch` is where its temporary files go, one directory for each pool process: it makes one for
        every browser that it attaches to and, killed, leaves them all. None: one that goes with `close`."""
        self._scratch = scratch
        self._borrowed: tempfile.TemporaryDirectory[str] | None = None
        self.watchers: set[Callable[[], None]] = set()
        """Called, each once, when the process dies unasked."""
        self._playwright: Playwright | None = None
        self._pidfd: int | None = None
        self._starting = asyncio.Lock()
        self._booting: asyncio.Task[Playwright] | None = None

    async def __aenter__(self) -> Self:
        self._booting = asyncio.create_task(self._start(), name="driver-boot")
        return self

    async def wait_started(self) -> None:
        """Until the process that was started first answers. Raises what kept it from starting."""
        await self._start() if self._booting is None else await self._booting

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _start(self) -> Playwright:
        async with self._starting:
            if self._playwright is None:
                before = _driver_processes()
                with _environment(_environment_of_driver(self._place())):
                    try:
                        self._playwright = await _boot()
                    except Exception as error:  # Playwright has none of its own for a process that has died
                        log.warning("driver_died_at_start", extra={"why": f"{type(error).__name__}: {error}"})
                        self._playwright = await _boot()
                (pid,) = _driver_processes() - before
                self._pidfd = os.pidfd_open(pid)
                asyncio.get_running_loop().add_reader(self._pidfd, self._on_death)
            return self._playwright

    def _place(self) -> Path | None:
        """None where none can be made: the service says what is wrong with the data directory, and what
        drivers leave elsewhere is nobody's."""
        try:
            if self._scratch is not None:
                return _swept(self._scratch)
            if self._borrowed is None:
                self._borrowed = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
            return Path(self._borrowed.name)
        except OSError as error:
            log.warning("driver_scratch_not_made", extra={"why": f"{type(error).__name__}: {error}"})
            return None

    def _on_death(self) -> None:
        log.warning("driver_died", extra={"slots": len(self.watchers)})
        self._playwright = None
        self._stop_watching()
        watchers, self.watchers = self.watchers, set()
        for tell in watchers:
            tell()

    def _stop_watching(self) -> None:
        pidfd, self._pidfd = self._pidfd, None
        if pidfd is not None:
            asyncio.get_running_loop().remove_reader(pidfd)
            os.close(pidfd)

    async def connect(self, address: str, door: Door) -> Browser:
        """Attach to a browser, through its door. Starts a new driver when the old one died. Raises
        BrowserGone."""
        playwright = await self._start()
        try:
            with door.expecting() as source:
                headers = None if source is None else {SOURCE_HEADER: f"{source.address}:{source.port}"}
                return await playwright.chromium.connect_over_cdp(address, headers=headers)
        except Error as error:
            # the lines after the first are Playwright's own log, with the address of the browser
            raise BrowserGone(f"cannot attach to a browser: {error.message.splitlines()[0]}") from error
        except OSError as error:
            raise BrowserGone(f"cannot attach to a browser: {error.strerror}") from error
        except Exception as error:
            # what Playwright raises when its process dies under a call is no Error of its own
            if self._playwright is playwright:
                raise
            raise BrowserGone("the driver died while it attached to a browser") from error

    async def close(self) -> None:
        """Detach from every browser; they stay as they are."""
        booting, self._booting = self._booting, None
        if booting is not None:
            await asyncio.wait([booting])
        self._stop_watching()
        playwright, self._playwright = self._playwright, None
        if playwright is not None:
            await playwright.stop()
        borrowed, self._borrowed = self._borrowed, None
        if borrowed is not None:
            borrowed.cleanup()


async def _boot() -> Playwright:
    """A new process, once it answers."""
    starting = async_playwright()
    playwright = await starting.start()
    if starting._client is not None:
        _keep_errors_apart(starting._client)
    return playwright


def _keep_errors_apart(client: PlaywrightClient) -> None:
    """A browser that dies while it is attached to makes Playwright fail in a listener of its own, and the
    next call of any other slot would raise that: a soak lost two runs to browsers that were not theirs."""
    connection: Any = client._connection
    connection._on_event_listener_error = _log_listener_error
    # set when the process dies; unread, asyncio reports it as an error of ours, minutes later
    client._transport.on_error_future.add_done_callback(_read_and_forget)


def _log_listener_error(error: BaseException) -> None:
    log.warning("driver_listener_failed", extra={"why": f"{type(error).__name__}: {error}"[:200]})


def _read_and_forget(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()


def _environment_of_driver(scratch: Path | None) -> dict[str, str]:
    options = f"{os.environ.get('NODE_OPTIONS', '')} --require={json.dumps(str(SOURCE_HOOK))}".strip()
    return {"NODE_OPTIONS": options} | ({} if scratch is None else {"TMPDIR": str(scratch)})


@contextmanager
def _environment(told: dict[str, str]) -> Iterator[None]:
    """For a process that starts inside."""
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _swept(scratch: Path) -> Path:
    """This process's own directory in it. What drivers left that were killed is removed."""
    mine = scratch / str(os.getpid())
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in scratch.iterdir():
        # another pool that was started here by mistake finds the lock taken; ours must not suffer
        if old == mine or not Path("/proc", old.name).exists():
            shutil.rmtree(old, ignore_errors=True)
    mine.mkdir(mode=0o700, exist_ok=True)  # it is ours, whatever could not be removed from it
    return mine


def _driver_processes() -> set[int]:
    """Our children that are Playwright's driver."""
    found = set()
    for children in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, children.read_text().split()):
            try:
                arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if DRIVER_ARGUMENT in arguments:
                found.add(pid)
    return found
