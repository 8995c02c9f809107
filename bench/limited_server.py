"""One gunicorn under measurement: its keys, its memory, its CPU, and a client that is but a socket."""

from __future__ import annotations

import re
import socket
import statistics
import time
from pathlib import Path
from typing import Any

from bench import processes
from storage.clock import SystemClock
from storage.database import open_database
from storage.workspaces import Workspaces
from tests.fakes.processes import Gunicorn

UNLIMITED = {f"RATE_{name}_PER_MINUTE": "0" for name in ("KEY", "LINK", "LINK_ACTION", "ADDRESS", "WRONG")}


class Client:
    """One connection, one request at a time; the bytes and nothing of a library."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, path: str, key: str | None = None) -> tuple[int, int]:
        """Status, and nanoseconds until the answer was there."""
        field = "" if key is None else f"Authorization: Bearer {key}\r\n"
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\n{field}\r\n".encode()
        began = time.perf_counter_ns()
        self._socket.sendall(request)
        received = self._socket.recv(65536)
        took = time.perf_counter_ns() - began
        while True:
            head, separator, body = received.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if separator and length is not None and len(body) >= int(length[1]):
                return int(head[9:12]), took
            more = self._socket.recv(65536)
            if not more:
                raise ConnectionError("the server closed before it had answered")
            received += more

    def close(self) -> None:
        self._socket.close()


def make_keys(directory: Path) -> tuple[str, str]:
    """A good key, and one that was revoked."""
    database = open_database(f"sqlite:///{directory}/registry.db")
    workspaces = Workspaces(database, SystemClock())
    made = workspaces.create("Toko")
    revoked = workspaces.keys.create(made.workspace.id)
    workspaces.keys.revoke(revoked.key.prefix)
    database.close()
    return made.api_key, revoked.api_key


def cpu_of(server: Gunicorn) -> float:
    running = processes.running()
    return sum(running[pid].cpu_seconds for pid in processes.tree([server.popen.pid], running))


def memory_of(server: Gunicorn) -> float:
    """MB of all workers, shared pages divided among them."""
    total = 0
    for pid in processes.tree([server.popen.pid]):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(re.search(r"^Pss: +(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]
    return total / 1024


def afterwards(server: Gunicorn, key: str) -> dict[str, Any]:
    """The first fifty answers after it was over."""
    began = time.monotonic()
    client = Client(server.port)
    statuses, took = zip(*(client.ask("/api/sessions", key) for _ in range(50)), strict=True)
    client.close()
    return {
        "statuses": sorted(set(statuses)),
        "p50_ms": round(statistics.median(took) / 1e6, 2),
        "worst_ms": round(max(took) / 1e6, 2),
        "within_s": round(time.monotonic() - began, 2),
    }
