"""Keeps one process running: starts it, starts it again when it dies, stops it for good.

Rule: a process that cannot live is given up, not restarted for ever; what it said is what helps.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from deploy.settings import ROOT
from storage.clock import Clock
from storage.errors import LinkpoolError

log = logging.getLogger(__name__)

LIVES_AFTER = timedelta(seconds=10)
"""A process that was up for so long had started well; its death is an accident, not a wrong setting."""
QUICK_DEATHS = 3
"""So many in a row, and the next one would end the same way."""
CANNOT_START = 2
"""How our processes say that the environment is wrong; it will be the same next time."""
RESTART_AFTER = timedelta(milliseconds=200)
"""Doubles with each quick death: a port that is being freed gets its moment."""
TAIL_LINES = 20


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run, and how long it may take to stop."""

    name: str
    command: Sequence[str]
    stop_within: timedelta


class GaveUp(LinkpoolError):
    """A process died right after its start, again and again or for a reason that stays."""

    def __init__(self, name: str, status: int, last_lines: str) -> None:
        super().__init__(f"{name} does not stay up: it ended with status {status}.{last_lines}")


class Keeper:
    """One program, alive until `stop`."""

    def __init__(
        self, program: Program, environ: Mapping[str, str], clock: Clock, log_dir: Path | None
    ) -> None:
        self.program = program
        self._environ = dict(environ)
        self._clock = clock
        self._log_file = None if log_dir is None else log_dir / f"{program.name}.log"
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Returns after `stop`, when nothing of the program is left. Raises GaveUp."""
        quick_deaths = 0
        while not self._stop.is_set():
            started_at = self._clock.monotonic()
            process = await self._start()
            status = await self._end_of(process)
            self._kill_group(process.pid)
            if status is None:
                return
            lived = timedelta(seconds=self._clock.monotonic() - started_at)
            quick_deaths = quick_deaths + 1 if lived < LIVES_AFTER else 0
            if quick_deaths == QUICK_DEATHS or (quick_deaths and status == CANNOT_START):
                raise GaveUp(self.program.name, status, self._last_lines())
            pause = RESTART_AFTER * 2**quick_deaths
            fields = {
                "program": self.program.name,
                "status": status,
                "lived_s": round(lived.total_seconds(), 1),
            }
            log.warning("process_died", extra={**fields, "restart_in_s": pause.total_seconds()})
            with suppress(TimeoutError):
                async with asyncio.timeout(pause.total_seconds()):
                    await self._stop.wait()

    def stop(self) -> None:
        """Let `run` end the program and return. Twice is fine."""
        self._stop.set()

    async def _end_of(self, process: Process) -> int | None:
        """The status with which it died, or None when we were the ones to end it."""
        ended, stopped = asyncio.create_task(process.wait()), asyncio.create_task(self._stop.wait())
        await asyncio.wait([ended, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not self._stop.is_set():
            return await ended
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(self.program.stop_within.total_seconds()):
                await asyncio.shield(ended)
        except TimeoutError:
            log.warning("process_killed", extra={"program": self.program.name})
            self._kill_group(process.pid)
            await ended
        return None

    async def _start(self) -> Process:
        with nullcontext() if self._log_file is None else self._log_file.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *leash(),
                *self.program.command,
                cwd=ROOT,
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _kill_group(self, group: int) -> None:
        """What a dead process left behind, such as the workers of gunicorn, would hold its port.

        Browsers are not in the group: the next pool takes them up again.
        """
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)

    def _last_lines(self) -> str:
        if self._log_file is None:
            return " What it said stands above."
        lines = self._log_file.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return "\n" + "\n".join(f"  | {line}" for line in lines)


def leash() -> list[str]:
    """Ends the process when we die without a word; where util-linux is, as on every Debian."""
    return ["setpriv", "--pdeathsig", "TERM", "--"] if shutil.which("setpriv") else []


def python(*arguments: str) -> list[str]:
    """A command of our own Python."""
    return [sys.executable, *arguments]
