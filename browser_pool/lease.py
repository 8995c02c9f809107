"""This node's lease: until when it may trust that its sessions are its own.

Rule: it is counted from before the heartbeat was sent, less a margin, so it ends here before the functions
let others have anything. What stops the browsers then is a process of its own (`lease_guard`), so neither a
pool that hangs nor one that was killed runs an account that somebody else has.

A node that is alone has no lease and goes on through an outage of the functions, however long.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from browser_pool import lease_guard
from browser_pool.browser_processes import MARK
from browser_pool.capture import go_on
from browser_pool.lease_guard import boot_seconds
from browser_pool.profile import PROFILES_DIR

log = logging.getLogger(__name__)

MARGIN = 0.2
"""Of the lease: for clocks that run at different speeds, and for stopping the browsers of a busy machine."""

RENEWED = 0.05
"""Of the lease: it is written down when it has moved on by so much, and not with every heartbeat."""


class Lease:
    """`renew` and `set_free` as heartbeats are answered; `valid` and `wait` before anything is opened."""

    def __init__(self, data_dir: Path | None = None, until: float | None = None) -> None:
        self._path = None if data_dir is None else data_dir / "lease.json"
        self._until = until
        self._written: float | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._renewed = asyncio.Event()
        self._said = True

    @classmethod
    def open(cls, data_dir: Path) -> Lease:
        """As the pool before this one left it."""
        lease = cls(data_dir, _read(data_dir / "lease.json"))
        lease._guard = subprocess.Popen(
            [sys.executable, "-I", lease_guard.__file__, str(data_dir), mark_of(data_dir), lease._line()],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # what kills the pool must not end it
        )
        return lease

    @property
    def leased(self) -> bool:
        """Whether it will run out."""
        return self._until is not None

    @property
    def valid(self) -> bool:
        """Asked of the clock at each look, so a process that was stopped for a while finds out."""
        return self._until is None or boot_seconds() < self._until

    async def wait(self) -> None:
        """Return when it is valid."""
        while not self.valid:
            self._renewed.clear()
            await self._renewed.wait()

    def renew(self, asked_at: float, ttl_seconds: float) -> None:
        """Somebody else could take over: trust ourselves for a while. `asked_at` is in `boot_seconds`."""
        self._set(asked_at + ttl_seconds * (1 - MARGIN), RENEWED * ttl_seconds)

    def set_free(self) -> None:
        """Nobody else could."""
        self._set(None, 0)

    def _set(self, until: float | None, step: float) -> None:
        if not self.valid or self.leased != (until is not None):
            log.info("lease_renewed" if until is not None else "lease_not_needed")
        before, self._until = self._until, until
        changed = (until is None) != (before is None)
        if changed or (until is not None and until - (self._written or 0.0) >= step):
            self._write()
        self._tell()
        if self.valid:
            self._renewed.set()

    def let_go_on(self, group: int) -> None:
        """Have a browser go on that stood still to be copied. When the lease has run out meanwhile, as in a
        machine that stood still itself, it is somebody else's: the guard has it go on if it is renewed."""
        if self.valid or self._guard is None:
            go_on(group)
        else:
            self._write_line(f"standing {group}")

    def check(self) -> None:
        """Say it once when it has run out."""
        if self._said != self.valid:
            self._said = self.valid
            if not self.valid:
                log.warning("LEASE_RUN_OUT", extra={"risk": "none: browsers are stopped until it is renewed"})

    def _line(self) -> str:
        return "free" if self._until is None else f"until {self._until}"

    def _tell(self) -> None:
        if self._guard is not None:
            self._write_line(self._line())

    def _write_line(self, line: str) -> None:
        assert self._guard is not None
        assert self._guard.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._guard.stdin.write(f"{line}\n".encode())
            self._guard.stdin.flush()

    def _write(self) -> None:
        self._written = self._until
        if self._path is not None:
            temporary = self._path.with_suffix(".new")
            temporary.write_text(json.dumps({"boot_id": _boot_id(), "until": self._until}))
            temporary.replace(self._path)

    def close(self, *, keep_browsers: bool) -> None:
        """End the guard; it stays for browsers that are kept, for as long as their lease counts."""
        guard, self._guard = self._guard, None
        if guard is None or guard.stdin is None:
            return
        self._write()
        with contextlib.suppress(BrokenPipeError):
            if not keep_browsers:
                guard.stdin.write(b"end\n")
            guard.stdin.close()
        if not keep_browsers or not self.leased:
            guard.wait()
        else:
            guard.returncode = 0  # it outlives us; that is the point


def mark_of(data_dir: Path) -> str:
    """How the command lines of browsers begin that may hold an account: the one that proves the sandbox, at
    each start, holds none, and a guard that stopped it would keep the pool from starting."""
    return f"{MARK}{data_dir / PROFILES_DIR}/"


def _read(path: Path) -> float | None:
    """None is free, as a node is that was never told of another; unreadable is run out."""
    try:
        raw: Any = json.loads(path.read_text())
        if raw["until"] is None:
            return None
        return float(raw["until"]) if raw["boot_id"] == _boot_id() else 0.0
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return 0.0


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
