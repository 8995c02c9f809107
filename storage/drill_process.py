"""Has a browser look into a restored snapshot: `python -m browser_pool.drill`, as a process.

Rule: storage knows no browser, so it asks by command line, and believes one line of JSON. What was restored
lies in a directory that only we can enter and that is gone afterwards, whatever happens.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from storage.errors import LinkpoolError
from storage.try_lock import try_lock

PREFIX = "linkpool-drill-"
WITHIN = timedelta(seconds=120)
"""The drill itself gives a browser 60 s; it takes one or two."""
STOPS_WITHIN = timedelta(seconds=15)
ROOT = Path(__file__).parents[1]


class DrillFailed(LinkpoolError):
    """The drill could not be held, which says nothing about the snapshot."""


@contextmanager
def drill_ground(parent: Path) -> Iterator[Path]:
    """A directory for the snapshot, 0700, removed afterwards; with what drills that were killed left behind.

    The parent may be passed, not listed, by the uid that the browser runs under where mounts are forbidden.
    """
    parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    for left in parent.glob(PREFIX + "*"):
        with try_lock(left, os.O_RDONLY | os.O_DIRECTORY) as ours:
            if ours:
                _end_browsers(left)
                shutil.rmtree(left, ignore_errors=True)
    ground = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        with try_lock(ground, os.O_RDONLY | os.O_DIRECTORY):
            yield ground
    finally:
        _end_browsers(ground)
        shutil.rmtree(ground, onerror=_unless_gone)


def _end_browsers(ground: Path) -> None:
    """Of a drill that was killed: nothing else ends them. Each names its profile and leads its own group."""
    of_ours = re.compile(rb"\0--[a-z-]+=" + re.escape(os.fsencode(ground)) + b"/")
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if of_ours.search((process / "cmdline").read_bytes()):
                _kill(int(process.name))


def _kill(browser: int) -> None:
    """And wait for it, since it writes to what is removed next."""
    ended = os.pidfd_open(browser)
    try:
        os.killpg(os.getpgid(browser), signal.SIGKILL)
        select.select([ended], [], [], STOPS_WITHIN.total_seconds())
    finally:
        os.close(ended)


def _unless_gone(_: object, path: str, error: tuple[type[BaseException], BaseException, object]) -> None:
    """A drill that had to be killed leaves a driver that clears up after itself meanwhile."""
    if not isinstance(error[1], FileNotFoundError):
        raise error[1]


def look_into(profile: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """What the drill says of a restored snapshot. Raises DrillFailed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "browser_pool.drill", str(profile)],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output, errors = process.communicate(timeout=WITHIN.total_seconds())
    except subprocess.TimeoutExpired as error:
        raise DrillFailed(f"no verdict within {WITHIN.seconds} s; is the machine overloaded?") from error
    finally:
        _end(process)
    return said_by(output, errors, process.returncode)


def said_by(output: str, errors: str, status: int | None) -> dict[str, Any]:
    """The verdict of a drill that has ended. Raises DrillFailed."""
    lines = output.splitlines()
    try:
        said: dict[str, Any] = json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        why = errors.strip()[-600:] or f"it ended with status {status}"
        raise DrillFailed(f"the drill could not be held: {why}") from error
    return said


def _end(process: subprocess.Popen[str]) -> None:
    """SIGTERM, so that it takes its browser with it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.communicate(timeout=STOPS_WITHIN.total_seconds())
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
