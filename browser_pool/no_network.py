"""Runs a browser that can reach nothing: in a network namespace where only loopback exists.

Rule: two walls, and the inner one always stands. Where the kernel refuses the namespace, Chromium's own
flags still lead every connection to a dead port, loopback not excepted.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import subprocess

BROWSER_FLAGS = (
    "--proxy-server=http://127.0.0.1:9",  # the discard port: nobody listens
    "--proxy-bypass-list=<-loopback>",  # Chromium excepts loopback unless told not to
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
"""The inner wall: no name is found, and no connection is made but to the dead proxy."""

_SIOCSIFFLAGS = 0x8914
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_PROBE_SECONDS = 10


def without_network(command: list[str]) -> list[str] | None:
    """The command, in a network namespace of its own; None where the kernel forbids that.

    Everybody but root needs a user namespace around it, and the capability to raise loopback inside, which
    `raise_loopback` gives up again.
    """
    unshare = ["unshare", "--net"]
    if os.geteuid() != 0:
        unshare += ["--map-current-user", "--keep-caps"]
    probe = subprocess.run([*unshare, "--", "true"], capture_output=True, timeout=_PROBE_SECONDS, check=False)
    return [*unshare, "--", *command] if probe.returncode == 0 else None


def raise_loopback() -> None:
    """Inside: the debugging port lies on 127.0.0.1, which a new namespace has switched off."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", _IFF_UP | _IFF_RUNNING)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)
    ctypes.CDLL(None).prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
