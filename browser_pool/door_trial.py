"""Tries whether a door holds here: on a port of a process that is what a browser will be."""

from __future__ import annotations

import socket
import subprocess
import sys

from browser_pool.door import ANSWERS_WITHIN_SECONDS, LOOPBACK, Door, lets_in

_LISTEN = """
import os, socket, sys
if sys.argv[1] != "same":
    uid = int(sys.argv[1])
    os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""


def door_holds(uid: int | None) -> bool:
    """Of browsers that run as this user; None: as we do. Blocking, some 100 ms."""
    who = "same" if uid is None else str(uid)
    command = [sys.executable, "-I", "-S", "-c", _LISTEN, who]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline()
        held = bool(port) and _tried(Door(process.pid, int(port)), int(port))
        process.kill()
    return held


def _tried(door: Door, port: int) -> bool:
    if not door.shut() or lets_in(port):
        return False
    with door.expecting() as source, socket.socket() as ours:
        ours.settimeout(ANSWERS_WITHIN_SECONDS)
        try:
            ours.bind(source or ("", 0))
            ours.connect((LOOPBACK, port))
        except OSError:
            return False
        return not lets_in(port)
