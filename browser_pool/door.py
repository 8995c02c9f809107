"""Lets nobody but us reach a browser's debugging port, whoever else has a login on the machine.

Chromium asks nobody who connects to it for a password. The kernel, though, shows every packet to the filter
of the socket that it is for (socket(7), SO_ATTACH_FILTER), the first of a connection as well, and a filter
can be set through a duplicate of somebody's socket (pidfd_getfd(2)). So the port answers nobody, except,
while we make a connection, the one address and port that it comes from: by lot, 40 bits, for milliseconds.

Rule: the filter stays with the socket. Whether we die, or Playwright does, the port stays shut.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import logging
import os
import secrets
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from browser_pool.errors import LaunchFailed

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
DRAWS = 20
"""Of ports, some of which are taken."""
ANSWERS_WITHIN_SECONDS = 0.05
"""A connection over loopback is there when connect(2) returns; one that is filtered is never answered."""
NOT_POSSIBLE = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS})
"""Not to us, here: a duplicate of another user's socket takes CAP_SYS_PTRACE, a filter takes CAP_NET_ADMIN
(measured on Linux 6.18; socket(7) names no right), and containers and systemd forbid the call itself."""
_SYS_PIDFD_GETFD = 438
_SO_ATTACH_FILTER = 26
_CONNECTED = {"01", "03"}
"""Established, and about to be: states of /proc/net/tcp."""
_LOAD_WORD, _LOAD_HALF, _JUMP_EQUAL, _RETURN = 0x20, 0x28, 0x15, 0x06
_IP_HEADER = 0xFFF00000
"""SKF_NET_OFF of linux/filter.h; what a filter sees begins with the TCP header."""
_KEEP_ALL, _DROP = 0xFFFFFFFF, 0

Instruction = tuple[int, int, int, int]
"""struct sock_filter: what, where to go on when true and when false, with what."""


class Source(NamedTuple):
    """Where a connection of ours comes from."""

    address: str
    port: int

    @classmethod
    def draw(cls) -> Source:
        """By lot: all of 127.0.0.0/8 is this machine, and any user may come from anywhere in it. Where it was
        taken out of the routes, as in some network namespaces, only the port is by lot."""
        host = secrets.randbelow(2**24 - 4) + 2
        for address in (socket.inet_ntoa(struct.pack("!I", 0x7F000000 + host)), LOOPBACK):
            for _ in range(DRAWS):
                source = cls(address, 1024 + secrets.randbelow(64512))
                if (failed := _bind_error(source)) is None:
                    return source
                if failed == errno.EADDRNOTAVAIL:
                    break
        raise OSError(errno.EADDRINUSE, "no port of this machine is free to connect from")


def _bind_error(source: Source) -> int | None:
    with socket.socket() as tried:
        try:
            tried.bind(source)
        except OSError as error:
            return error.errno
    return None


class Door:
    """Of one browser. One connection at a time is made through it."""

    def __init__(self, pid: int, port: int) -> None:
        self._pid = pid
        self._port = port
        self._number: int | None = None
        """Of the socket that listens, in the browser; found once."""

    def shut(self) -> bool:
        """Let nobody in from now on; who is in stays. False where that cannot be done. Raises OSError when
        the browser is gone."""
        return self._set([(_RETURN, 0, 0, _DROP)])

    def claim(self) -> None:
        """Shut it for the first time. Raises LaunchFailed when somebody was there before."""
        try:
            if self.shut() and self.strangers():
                raise LaunchFailed("somebody else on this machine connected to the browser before we did")
        except OSError as error:
            raise LaunchFailed(f"the debugging port cannot be shut: {error.strerror}") from error

    @contextmanager
    def expecting(self) -> Iterator[Source | None]:
        """Make a connection inside, from there; None: from anywhere, since this port cannot be shut.

        Raises OSError when the browser is gone, or was shut by somebody who may do what we may not.
        """
        source = Source.draw()
        if not self._set(_only(source)):
            if not lets_in(self._port):
                raise PermissionError(errno.EPERM, "its debugging port was shut and cannot be opened")
            yield None
            return
        try:
            yield source
        finally:
            with contextlib.suppress(OSError):  # it died: there is no port any more
                self.shut()

    def strangers(self) -> int:
        """Connections to it that have been made or are about to be, ours among them."""
        ours = f"{socket.htonl(0x7F000001):08X}:{self._port:04X}"
        rows = Path(f"/proc/{self._pid}/net/tcp").read_text().splitlines()[1:]
        fields = [row.split() for row in rows if ours in row]
        return sum(row[1] == ours and row[3] in _CONNECTED for row in fields)

    def _set(self, program: list[Instruction]) -> bool:
        try:
            with self._listener() as listener:
                _attach(listener, program)
        except OSError as error:
            if error.errno not in NOT_POSSIBLE:
                raise
            log.debug("debug_port_not_shut", extra={"pid": self._pid, "why": str(error)})
            return False
        return True

    def _listener(self) -> socket.socket:
        """A duplicate of the socket that listens, for a moment: held on, it would outlive the browser."""
        pidfd = os.pidfd_open(self._pid)
        try:
            for number in _sockets(self._pid) if self._number is None else [self._number]:
                found = _duplicate(pidfd, number)
                if found is not None and _is_listener(found, self._port):
                    self._number = number
                    return found
                if found is not None:
                    found.close()
        finally:
            os.close(pidfd)
        raise ProcessLookupError(errno.ESRCH, f"process {self._pid} does not listen on {self._port}")


def _sockets(pid: int) -> list[int]:
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if str(entry.readlink()).startswith("socket:"):
                found.append(int(entry.name))
    return found


def lets_in(port: int) -> bool:
    """Whether somebody comes in who has not been let in."""
    with socket.socket() as trying:
        trying.setblocking(False)
        if trying.connect_ex((LOOPBACK, port)) not in {0, errno.EINPROGRESS}:
            return False
        _, ready, _ = select.select([], [trying], [], ANSWERS_WITHIN_SECONDS)
        return bool(ready) and trying.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def _only(source: Source) -> list[Instruction]:
    """Keep what comes from there. Who is in already has the filter of when he came."""
    (address,) = struct.unpack("!I", socket.inet_aton(source.address))
    return [
        (_LOAD_WORD, 0, 0, _IP_HEADER + 12),
        (_JUMP_EQUAL, 0, 3, address),
        (_LOAD_HALF, 0, 0, 0),
        (_JUMP_EQUAL, 0, 1, source.port),
        (_RETURN, 0, 0, _KEEP_ALL),
        (_RETURN, 0, 0, _DROP),
    ]


def _attach(listener: socket.socket, program: list[Instruction]) -> None:
    packed = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    code = ctypes.create_string_buffer(packed, len(packed))
    listener.setsockopt(
        socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(code))
    )


def _duplicate(pidfd: int, number: int) -> socket.socket | None:
    """None when it has been closed meanwhile, and perhaps been opened again as something else."""
    found = ctypes.CDLL(None, use_errno=True).syscall(_SYS_PIDFD_GETFD, pidfd, number, 0)
    if found >= 0:
        try:
            return socket.socket(fileno=found)
        except OSError:
            os.close(found)
            return None
    failed = ctypes.get_errno()
    if failed == errno.EBADF:
        return None
    raise OSError(failed, f"pidfd_getfd: {os.strerror(failed)}")


def _is_listener(found: socket.socket, port: int) -> bool:
    return (
        found.family == socket.AF_INET
        and found.type == socket.SOCK_STREAM
        and bool(found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        and found.getsockname()[1] == port
    )
