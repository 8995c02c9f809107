"""Who gets the CPU when there is too little: warm slots start behind everybody who waits for an answer.

Only root may raise a priority again, so only a pool that is root lowers one.
"""

from __future__ import annotations

import os
from pathlib import Path

BACKGROUND = 10
"""Weight 110 against 1024: a create on two busy cores is answered before a browser starts for nobody."""
_ORDINARY = 0


def in_background(command: list[str]) -> list[str]:
    """The command line that runs at low priority, with all that it starts; an exec, so the pid stays."""
    return ["nice", "-n", str(BACKGROUND), *command] if os.geteuid() == 0 else command


def bring_to_front(group: int) -> None:
    """Give a whole process group, thread by thread, its ordinary priority. Blocking, some 2 ms."""
    if os.geteuid() != 0:
        return
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if os.getpgid(int(entry.name)) != group:
                continue
            for thread in (entry / "task").iterdir():
                os.setpriority(os.PRIO_PROCESS, int(thread.name), _ORDINARY)
        except (ProcessLookupError, FileNotFoundError):
            continue  # it ended while we looked
