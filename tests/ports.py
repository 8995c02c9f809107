"""Ports for servers that a test starts."""

from __future__ import annotations

import os
import random
import socket

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = range(20_000 + _WORKER % 4 * 3_000, 23_000 + _WORKER % 4 * 3_000)
"""Each parallel worker has its own: two that were given one port would both find it free."""
_GIVEN: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on and that was not given before, below those of outgoing connections.

    One that the system chose (port 0) is taken again by any connection that goes out before we listen on it.
    """
    while True:
        port = random.choice(_PORTS)
        if port in _GIVEN:
            continue
        _GIVEN.add(port)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
