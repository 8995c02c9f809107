"""A real Chromium on a profile directory, for tests that look at the stand-in's page themselves. As root it
runs without a sandbox, which is acceptable against our own page on loopback and nowhere else."""

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Error, Playwright, ViewportSize
from playwright.sync_api import TimeoutError as PlaywrightTimeout

VIEWPORT: ViewportSize = {"width": 1280, "height": 800}
WITHIN = 30.0  # seconds; the light page needs a fraction of one, on a machine of its own
EXIT_WITHIN = 15.0
SOCKET = "window.require('WAWebSocketModel').Socket"
ME = "window.require('WAWebUserPrefsMeUser')"


def path() -> str:
    found = (
        os.environ.get("CHROMIUM_PATH") or shutil.which("chromium-headless-shell") or shutil.which("chromium")
    )
    if not found:
        raise RuntimeError("no Chromium: set CHROMIUM_PATH or install chromium-headless-shell")
    return found


def flags() -> list[str]:
    """Flags without which Chromium does not start for this user."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


def processes_of(directory: Path) -> list[int]:
    """Processes that have this directory on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(directory).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:  # ended while we looked
            continue
    return found


def await_no_process(directory: Path) -> None:
    deadline = time.monotonic() + EXIT_WITHIN
    while left := processes_of(directory):
        if time.monotonic() > deadline:
            raise AssertionError(f"processes {left} still run on {directory}")
        time.sleep(0.02)


class Chromium:
    def __init__(self, playwright: Playwright, profile: Path, *args: str, **options: Any) -> None:
        self.profile = profile
        self.context = playwright.chromium.launch_persistent_context(
            profile, executable_path=path(), args=[*flags(), *args], viewport=VIEWPORT, **options
        )
        self.page = self.context.pages[0]
        self.errors: list[str] = []  # what the page threw
        self.complaints: list[str] = []  # what it or a library wrote to the console as an error
        self.page.on("pageerror", lambda error: self.errors.append(error.message))
        self.page.on("console", self._note)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def open(self, url: str) -> "Chromium":
        self.page.goto(url)
        return self

    def until(self, expression: str, within: float = WITHIN) -> Any:
        """The first true value of an expression. The page's policy forbids eval, and with it
        wait_for_function; a navigation in between is no failure."""
        deadline = time.monotonic() + within
        last: object = None
        while time.monotonic() < deadline:
            try:
                if last := self.page.evaluate(expression):
                    return last
            except Error as error:
                last = error
            time.sleep(0.01)
        raise TimeoutError(f"{expression} was {last!r} for {within} s, state {self.state()}")

    def qr_text(self) -> str:
        """Text of the QR on display, once there is one."""
        return str(self.until(_SHOWN_QR))

    def state(self) -> str | None:
        try:
            return str(self.page.evaluate(f"{SOCKET}.state"))
        except (Error, PlaywrightTimeout):
            return None

    def until_state(self, state: str, within: float = WITHIN) -> None:
        self.until(f"{SOCKET}.state === '{state}'", within)

    def until_synced(self, within: float = WITHIN) -> None:
        self.until(f"{SOCKET}.state === 'CONNECTED' && {SOCKET}.hasSynced", within)

    def number(self) -> str | None:
        return self._text(f"{ME}.getMaybeMePnUser()?.user ?? null")

    def lid(self) -> str | None:
        return self._text(f"{ME}.getMaybeMeLidUser()?.user ?? null")

    def _text(self, expression: str) -> str | None:
        value: str | None = self.page.evaluate(expression)
        return value

    def kill(self) -> None:
        """Kill every process at once, as a lost machine does."""
        for pid in processes_of(self.profile):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        await_no_process(self.profile)

    def close(self) -> None:
        """Close in good order. Twice is fine, and so is closing what was killed."""
        try:
            self.context.close()
        except Error:
            self.kill()
        await_no_process(self.profile)


_SHOWN_QR = """(() => {
    const box = document.querySelector('[data-ref]');
    return box?.querySelector('canvas') && !box.querySelector('button') && box.dataset.ref;
})()"""
