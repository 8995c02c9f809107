"""Asks a process of this container whether it lives: `probe.py POOL /livez`. Exit code 0: yes.

Rule: the standard library only, and nothing of linkpool, so that it costs 30 ms of CPU and not 300.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
from collections.abc import Mapping

DEFAULT_PORTS = {"FUNCTIONS": 8000, "POOL": 8100}
EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - what a process may have been told to bind
ANSWER_WITHIN_SECONDS = 2.5


def lives(part: str, path: str, environ: Mapping[str, str]) -> bool:
    """Whether the process answers 200 there; with mutual TLS, which no probe speaks, whether it listens."""
    host = environ.get(f"{part}_HOST", "")
    if host in EVERYWHERE:
        host = "127.0.0.1"
    port = int(environ.get(f"{part}_PORT") or DEFAULT_PORTS[part])
    try:
        if part == "POOL" and environ.get("TLS_CERT"):
            socket.create_connection((host, port), timeout=ANSWER_WITHIN_SECONDS).close()
            return True
        connection = http.client.HTTPConnection(host, port, timeout=ANSWER_WITHIN_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False


if __name__ == "__main__":
    sys.exit(0 if lives(sys.argv[1], sys.argv[2], os.environ) else 1)
