"""Memory and CPU of process trees, read from /proc. Rule: everything that a root started counts, also what
left its parent: a tree is closed over parents and over the sessions that its members lead."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
GONE_WITHIN = 10.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Process:
    """One line of /proc/<pid>/stat."""

    pid: int
    parent: int
    session: int
    started: int
    """In ticks since boot; with the pid it names one process for ever."""
    cpu_seconds: float
    """utime and stime, and those of children that ended and were waited for."""
    zombie: bool


def running() -> dict[int, Process]:
    """Every process of this machine."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (process := _read(int(entry.name))) is not None:
            found[process.pid] = process
    return found


def _read(pid: int) -> Process | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return Process(
        pid=pid,
        parent=int(fields[1]),
        session=int(fields[3]),
        started=int(fields[19]),
        cpu_seconds=sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_SECOND,
        zombie=fields[0] in "ZX",
    )


def tree(roots: Iterable[int], processes: dict[int, Process] | None = None) -> set[int]:
    """The roots that run, all their descendants, and everybody in a session that one of them leads."""
    processes = running() if processes is None else processes
    members = {root for root in roots if root in processes}
    while True:
        more = {
            one.pid
            for one in processes.values()
            if one.pid not in members and (one.parent in members or one.session in members)
        }
        if not more:
            return members
        members |= more


def cpu_seconds(roots: Iterable[int]) -> float:
    """CPU that the trees have used since they began."""
    processes = running()
    return sum(processes[pid].cpu_seconds for pid in tree(roots, processes))


def pss_bytes(roots: Iterable[int]) -> int:
    """Proportional set size of the trees: a page that k processes share counts as a k-th for each."""
    return sum(_pss(pid) for pid in tree(roots))


def anonymous_bytes(pid: int) -> int:
    """What one process has made itself: heaps and stacks, and neither files nor libraries. Unlike PSS it does
    not move when a neighbour that shares its libraries comes or goes."""
    return _of_rollup(pid, "Anonymous:")


def _pss(pid: int) -> int:
    return _of_rollup(pid, "Pss:")


def _of_rollup(pid: int, name: str) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass  # ended while we looked
    return 0


def identities(roots: Iterable[int]) -> set[tuple[int, int]]:
    """pid and start of everything in the trees: to be killed later without hitting a pid's next owner."""
    processes = running()
    return {(pid, processes[pid].started) for pid in tree(roots, processes)}


def kill(marks: set[tuple[int, int]]) -> None:
    """SIGKILL to these, and wait until none of them runs. For processes that the bench started."""
    deadline = time.monotonic() + GONE_WITHIN
    while marks := {mark for mark in marks if _lives(mark)}:
        for pid, _ in marks:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {sorted(marks)} outlive SIGKILL")
        time.sleep(0.02)


def _lives(mark: tuple[int, int]) -> bool:
    process = _read(mark[0])
    return process is not None and process.started == mark[1] and not process.zombie
