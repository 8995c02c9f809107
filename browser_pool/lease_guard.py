"""Stops this node's browsers when its lease runs out, whatever has become of the pool. A program of its own.

Rule: a browser stopped by SIGSTOP says nothing, keeps everything, and goes on at SIGCONT. The pool may hang,
be stopped or be killed: this process counts by itself, and ends when there is nothing left to count for. It
knows the standard library only, so that it is small and cannot be held up.

Arguments: data directory, how the mark on a browser's command line begins, the first line. Lines on its
standard input: `until SECONDS` since boot, `free` (no lease: run on), `standing GROUP` (stopped by the pool:
goes on when the lease counts), `end`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

LOOK_EVERY_SECONDS = 0.1
"""While a lease counts. A look at a clock; all processes are looked at only when it has run out."""

KNOW_EVERY_SECONDS = 1.0
"""How old the list of browsers may be that are stopped without looking for them. 1 ms: only what is new since
is read."""

WOKE_SECONDS = 0.5
"""Between two looks: longer, and it was we who stood still, with the machine or alone."""

URGENT_EVERY_SECONDS = 0.001
URGENT_FOR_SECONDS = 2.0
"""After that, or when the lease has just run out. Whoever lets a machine go on does it process by process, so
that a browser may go on just after we stopped it. A page whose socket had been cut before needs 5 ms to
connect and to meet its successor; so nothing here takes as long without stopping them again."""


def boot_seconds() -> float:
    """Since this machine booted. It goes on while the machine sleeps, as everybody else's clock does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def group_of(pid: str, mark: str) -> int | None:
    """Its process group, when it is a browser on one of our profiles."""
    with contextlib.suppress(OSError):
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        if any(one.startswith(mark) and one != mark for one in arguments):  # equal: a guard
            return os.getpgid(int(pid))
    return None


def browser_groups(mark: str, meanwhile: Callable[[], None] = lambda: None) -> set[int]:
    """Process groups of all of them, whatever is known. It takes some 10 ms; `meanwhile` is called often."""
    groups = set()
    for entry in os.listdir("/proc"):  # noqa: PTH208 - as little as possible
        if entry.isdigit():
            group = group_of(entry, mark)
            if group is not None:
                groups.add(group)
            meanwhile()
    return groups


class Browsers:
    """Groups of this node's browsers, known at little cost before somebody needs them."""

    def __init__(self, mark: str) -> None:
        self._mark = mark
        self._groups: dict[str, int] = {}
        """By pid."""
        self._strangers: set[str] = set()
        self._young: set[str] = set()
        """Seen once: what is about to become a browser does not look like one yet."""

    @property
    def groups(self) -> set[int]:
        return set(self._groups.values())

    def refresh(self) -> None:
        """Read what is new."""
        present = {entry for entry in os.listdir("/proc") if entry.isdigit()}  # noqa: PTH208
        self._groups = {pid: group for pid, group in self._groups.items() if pid in present}
        self._strangers &= present
        young = set()
        for pid in present - self._groups.keys() - self._strangers:
            group = group_of(pid, self._mark)
            if group is not None:
                self._groups[pid] = group
            elif pid in self._young:
                self._strangers.add(pid)
            else:
                young.add(pid)
        self._young = young


def tell(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


class Hold:
    """Browsers that must not run: `again` stops whoever goes on, as often as it is worth."""

    def __init__(self, groups: set[int]) -> None:
        self._groups = groups
        self._at = 0.0

    def again(self) -> None:
        now = boot_seconds()
        if now - self._at >= URGENT_EVERY_SECONDS:
            tell(self._groups, signal.SIGSTOP)
            self._at = now


def take_place(data_dir: str) -> None:
    """Be the only guard here: the one that an earlier pool left behind ends."""
    path = Path(data_dir) / "lease-guard.pid"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            before = os.pread(descriptor, 20, 0).decode().strip()
            if before.isdigit():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(before), signal.SIGKILL)  # it holds the lock, so the number is its own
            time.sleep(0.01)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)


def main(data_dir: str, mark: str, first: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # whoever ends the pool ends us through it
    take_place(data_dir)
    be_first()
    until: float | None = None
    buffer, orphan = first.encode() + b"\n", False
    stopped = browser_groups(mark)  # perhaps, by the guard before
    known, known_at = Browsers(mark), 0.0
    looked_at = searched_at = urgent_until = 0.0
    # not select: one that is stopped and goes on sleeps on for what was left, up to a whole pause, in which
    # the pages ran; poll keeps its deadline, and so does time.sleep
    lines = select.poll()
    lines.register(0, select.POLLIN)
    expired = False
    while True:
        while b"\n" in buffer:
            line, _, buffer = buffer.partition(b"\n")
            if line == b"end":
                return
            if line.startswith(b"standing "):
                stopped.add(int(line.split()[1]))
            else:
                until = None if line == b"free" else float(line.split()[1])
        now = boot_seconds()
        woke, looked_at = now - looked_at > WOKE_SECONDS, now
        expired, before = until is not None and now >= until, expired
        if expired:
            hold = Hold(stopped | known.groups)
            hold.again()  # before anything that takes time
            if woke or not before:
                urgent_until = now + URGENT_FOR_SECONDS
            if woke or not before or now - searched_at >= LOOK_EVERY_SECONDS:
                groups, searched_at = browser_groups(mark, hold.again), now
                tell(groups, signal.SIGSTOP)
                stopped |= groups | known.groups
                if orphan and not groups:
                    return
        else:
            tell(stopped, signal.SIGCONT)
            stopped = set()
            if orphan and until is None:
                return
            if until is not None and now - known_at >= KNOW_EVERY_SECONDS:
                known.refresh()
                known_at = now
        pause = URGENT_EVERY_SECONDS if expired and now < urgent_until else LOOK_EVERY_SECONDS
        if orphan:
            time.sleep(pause)
            continue
        if lines.poll(None if until is None else pause * 1000):
            read = os.read(0, 4096)
            orphan = not read
            buffer += read


def be_first() -> None:
    """After the whole machine stood still, before everybody else that wakes; it works for microseconds."""
    with contextlib.suppress(PermissionError):
        os.nice(-10)
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


if __name__ == "__main__":
    main(*sys.argv[1:])
