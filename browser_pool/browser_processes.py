"""Browsers as the kernel knows them: by pid, start time, process group and command line.

Rule: nothing here needs a browser to answer, so it also holds of one that hangs or stands still.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

MARK = "--linkpool-profile="
"""Chromium ignores switches it does not know; this one tells us in /proc whose browser it is."""


def kill_group(pid: int) -> None:
    """SIGKILL to a browser and its zygotes and renderers."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def process_started(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None when it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def browsers_of(data_dir: Path) -> dict[int, str]:
    """pid → session id of every browser that runs on a profile below this directory."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        for argument in arguments:
            if not argument.startswith(MARK):
                continue  # nearly all: a path costs more than the look
            path = Path(argument.removeprefix(MARK))
            if path.parent.parent == data_dir:
                found[int(entry.name)] = path.name
    return found
