"""A whole system, and somebody on call for it.

Rule: nothing is told to Prometheus but where to scrape.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.alerts.rules import shorten
from tests.peers.prometheus import Monitoring
from tests.system import System
from tests.waiting import eventually

WITHIN = 240.0
"""For what a fault needs before it is one: the machine may be shared."""
TOGETHER = {"HIBERNATE_AFTER_SECONDS": "0", "CANARY_EVERY_SECONDS": "0", "DRILL_EVERY_SECONDS": "0"}


class World:
    """`with World(...)`: Prometheus scrapes both jobs each second when it is entered."""

    def __init__(self, directory: Path, settings: dict[str, str], options: dict[str, Any]) -> None:
        token = secrets.token_hex(32)
        self.system = System(directory, options, **{**TOGETHER, **settings, "METRICS_TOKEN": token})
        self.began = 0.0
        self._token = token
        self._stack = ExitStack()
        self._numbers = iter(range(1, 10_000))

    def __enter__(self) -> Self:
        self.began = time.monotonic()
        self._stack.enter_context(self.system)
        try:
            directory = self.system.directory / "monitoring"
            directory.mkdir()
            jobs = {
                "linkpool-functions": self.system.functions_url.removeprefix("http://"),
                "linkpool-pool": self.system.pool_url.removeprefix("http://"),
            }
            self.on_call = self._stack.enter_context(Monitoring(directory, self._token, jobs, shorten))
        except BaseException:
            self._stack.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *about: Any) -> None:
        self._stack.__exit__(*about)

    def number(self) -> str:
        """One that nobody has."""
        return f"+628119{next(self._numbers):06}"

    def link(self) -> str:
        """A linked session's id."""
        session_id: str = self.system.link(self.number(), WITHIN)["id"]
        return session_id

    def delete(self, *session_ids: str) -> None:
        for session_id in session_ids:
            self.system.call("DELETE", f"/api/sessions/{session_id}")

    def kill_browser(self, session_id: str) -> None:
        """kill -9 to the browser that holds this session now, and wait for the next one."""
        pid = self.system.browser_pid(session_id)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        eventually(lambda: self.system.browser_pid(session_id) != pid, "another browser has come", WITHIN)

    def burn(self, stack: ExitStack) -> None:
        """All cores, at the lowest priority: whoever else needs them has them."""
        for _ in os.sched_getaffinity(0):
            command = ["nice", "-n", "19", sys.executable, "-c", "while True: pass"]
            burner = subprocess.Popen(command)
            stack.callback(burner.wait)
            stack.callback(burner.kill)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`cause` does it and leaves what mends it on the stack; the alerts follow by themselves."""

    alerts: tuple[str, ...]
    what: str
    """For the report: what was done."""
    cause: Callable[[World, ExitStack], None]
    of_the_start: bool = False
    """The stage's settings are the fault: it is there from the start."""
    within: float = 120.0
    """Seconds from the cause until the last of the alerts has called somebody."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Faults that one system can have, one after the other."""

    name: str
    settings: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    """Of the stand-in."""
    faults: tuple[Fault, ...]
