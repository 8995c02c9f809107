"""How many reads a second an address answers: with wrk where it is installed, else with a small loop of ours.

The load runs on the same cores as the server, so the figures are what a machine does that is also its client.
"""

from __future__ import annotations

import re
import selectors
import shutil
import socket
import subprocess
import time
from urllib.parse import urlsplit

CONNECTIONS = 16  # as many as gunicorn has threads
WARM_UP_SECONDS = 0.5


class BadAnswers(Exception):
    """Some answers were not 200."""


def name() -> str:
    """Which loader `reads_per_second` uses."""
    return (
        "wrk" if shutil.which("wrk") else f"an own loop over {CONNECTIONS} connections (wrk is not installed)"
    )


def reads_per_second(url: str, headers: dict[str, str], seconds: float) -> float:
    """Raises BadAnswers."""
    load = _wrk if shutil.which("wrk") else _own
    load(url, headers, WARM_UP_SECONDS if load is _own else 1)
    return load(url, headers, seconds)


def _wrk(url: str, headers: dict[str, str], seconds: float) -> float:
    command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{round(seconds)}s"]
    for header, value in headers.items():
        command += ["-H", f"{header}: {value}"]
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    return read_wrk(done.stdout)


def read_wrk(text: str) -> float:
    """Requests per second out of what wrk prints. Raises BadAnswers."""
    if bad := re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*", text):
        raise BadAnswers(bad[0])
    found = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if found is None:
        raise BadAnswers(f"wrk said nothing of its requests: {text[:200]}")
    return float(found[1])


def _own(url: str, headers: dict[str, str], seconds: float) -> float:
    """One request at a time on every connection, each sent when the answer before it is complete."""
    parts = urlsplit(url)
    lines = [
        f"GET {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        *(f"{k}: {v}" for k, v in headers.items()),
    ]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    answered = 0
    with selectors.DefaultSelector() as selector:
        sockets = [socket.create_connection((parts.hostname, parts.port)) for _ in range(CONNECTIONS)]
        try:
            for one in sockets:
                selector.register(one, selectors.EVENT_READ, bytearray())
                one.sendall(request)
            began = time.perf_counter()
            while (took := time.perf_counter() - began) < seconds:
                for key, _ in selector.select(timeout=1):
                    connection = key.fileobj
                    assert isinstance(connection, socket.socket)
                    key.data.extend(connection.recv(65536))
                    if is_whole(key.data):
                        key.data.clear()
                        answered += 1
                        connection.sendall(request)
            return answered / took
        finally:
            for one in sockets:
                one.close()


def is_whole(data: bytes | bytearray) -> bool:
    """Whether a complete answer with status 200 is in. Raises BadAnswers at any other."""
    head, separator, body = bytes(data).partition(b"\r\n\r\n")
    if not separator:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise BadAnswers(head.split(b"\r\n")[0].decode(errors="replace"))
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    if length is None:
        raise BadAnswers("an answer without Content-Length")
    return len(body) >= int(length[1])
