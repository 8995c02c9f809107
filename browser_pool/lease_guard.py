"""Stops this node's browsers when its lease runs out, whatever has become of the pool. A program of its own.

Rule: a browser stopped by SIGSTOP says nothing, keeps everything, and goes on at SIGCONT. The pool may hang,
be stopped or be killed: this process counts by itself, and ends when there is nothing left to count for. It
knows the standard library only, so that it is small and cannot be held up.

Arguments: data directory, the mark on a browser's command line, the first line. Lines on its standard input:
`until SECONDS` since boot, `free` (no lease: run on), `end`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import sys
import time
from pathlib import Path

LOOK_EVERY_SECONDS = 0.1
"""While a lease counts. A look at a clock; processes are looked for only when it has run out."""


def boot_seconds() -> float:
    """Since this machine booted. It goes on while the machine sleeps, as everybody else's clock does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def browser_groups(data_dir: str, mark: str) -> set[int]:
    """Process groups of the browsers on profiles below this directory."""
    found = set()
    for entry in os.listdir("/proc"):  # noqa: PTH208 - as little as possible
        if entry.isdigit():
            with contextlib.suppress(OSError):
                arguments = Path(f"/proc/{entry}/cmdline").read_bytes().decode(errors="replace").split("\0")
                if any(
                    one.startswith(mark) and Path(one.removeprefix(mark)).parent.parent == Path(data_dir)
                    for one in arguments
                ):
                    found.add(os.getpgid(int(entry)))
    return found


def tell(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


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
    with contextlib.suppress(PermissionError):
        os.nice(-10)  # after the whole machine stood still, first among those that wake
    until: float | None = None
    buffer, orphan = first.encode() + b"\n", False
    stopped = browser_groups(data_dir, mark)  # perhaps, by the guard before
    while True:
        while b"\n" in buffer:
            line, _, buffer = buffer.partition(b"\n")
            if line == b"end":
                return
            until = None if line == b"free" else float(line.split()[1])
        if until is not None and boot_seconds() >= until:
            groups = browser_groups(data_dir, mark)
            tell(groups, signal.SIGSTOP)
            stopped |= groups
            if orphan and not groups:
                return
        else:
            tell(stopped, signal.SIGCONT)
            stopped = set()
            if orphan and until is None:
                return
        if orphan:
            time.sleep(LOOK_EVERY_SECONDS)
            continue
        if select.select([0], [], [], None if until is None else LOOK_EVERY_SECONDS)[0]:
            read = os.read(0, 4096)
            orphan = not read
            buffer += read


if __name__ == "__main__":
    main(*sys.argv[1:])
