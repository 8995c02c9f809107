"""`python -m bench.limits`: what wrong keys cost and tell, and ten times more load than can be answered.

Rule: real gunicorn, real sockets, on this machine with its client. Prints what it finds and writes it to
data/bench/limits.json.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import secrets
import shutil
import socket
import statistics
import string
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import processes
from bench.machine import ROOT
from storage.clock import SystemClock
from storage.database import open_database
from storage.workspaces import Workspaces
from tests.fakes.processes import Gunicorn

WRONG = 10_000
ALPHABET = string.ascii_letters + string.digits
UNLIMITED = {f"RATE_{name}_PER_MINUTE": "0" for name in ("KEY", "LINK", "LINK_ACTION", "ADDRESS", "WRONG")}
LUA = """
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init() counts = "" ; seen = {} end
function response(status) seen[status] = (seen[status] or 0) + 1
  counts = "" ; for k, v in pairs(seen) do counts = counts .. k .. "=" .. v .. " " end end
function done(summary, latency)
  for _, t in ipairs(threads) do print("STATUS " .. t:get("counts")) end
  local e = summary.errors
  print(string.format("ERRORS connect=%d read=%d write=%d timeout=%d", e.connect, e.read, e.write, e.timeout))
end
"""


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
    revoked = workspaces.create_key(made.workspace.id)
    workspaces.revoke_key(revoked.split("_")[1])
    database.close()
    return made.api_key, revoked


def letters(number: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(number))


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


def costs(directory: Path, number: int) -> dict[str, Any]:
    """CPU of the server for each wrong key and token, limited as it comes, and looked up every time."""
    found = {}
    for name, settings in (("limited", {}), ("each looked up", UNLIMITED)):
        with Gunicorn(directory, **settings) as server:
            make_keys(directory)
            client = Client(server.port)
            for what in ("key", "token"):
                statuses: dict[int, int] = {}
                before = cpu_of(server)
                for _ in range(number):
                    status, _ = (
                        client.ask("/api/sessions", f"lp_{letters(8)}_{letters(43)}")
                        if what == "key"
                        else client.ask(f"/link/{letters(43)}/status")
                    )
                    statuses[status] = statuses.get(status, 0) + 1
                cost = (cpu_of(server) - before) / number * 1e6
                found[f"{what}, {name}"] = {"cpu_us": round(cost), "answers": statuses}
            client.close()
    return found


def timing(directory: Path, number: int) -> dict[str, Any]:
    """Whether the time of an answer tells what was wrong. In turn at random, over one connection."""
    with Gunicorn(directory, GUNICORN_CMD_ARGS="--workers=1", **UNLIMITED) as server:
        good, revoked = make_keys(directory)
        _, prefix, secret = good.split("_")
        kinds = {
            "unknown prefix": lambda: ("/api/sessions", f"lp_{letters(8)}_{letters(43)}"),
            "known prefix, wrong secret": lambda: ("/api/sessions", f"lp_{prefix}_{letters(43)}"),
            "known prefix, half of the secret": lambda: (
                "/api/sessions",
                f"lp_{prefix}_{secret[:21]}{letters(22)}",
            ),
            "revoked key": lambda: ("/api/sessions", revoked),
            "wrong token": lambda: (f"/link/{letters(43)}/status", None),
        }
        client = Client(server.port)
        took: dict[str, list[float]] = {kind: [] for kind in kinds}
        order = [kind for kind in kinds for _ in range(number)]
        random.shuffle(order)
        for kind in order:
            path, key = kinds[kind]()
            took[kind].append(client.ask(path, key)[1] / 1000)
        client.close()
    base = took["unknown prefix"]
    return {
        kind: {
            "p50_us": round(statistics.median(values)),
            "p95_us": round(statistics.quantiles(values, n=20)[-1]),
            "slower_than_unknown_prefix": round(superiority(values, base), 3),
        }
        for kind, values in took.items()
    }


def superiority(ours: list[float], theirs: list[float]) -> float:
    """How often one of ours is larger than one of theirs: 0.5 is a coin. (Mann-Whitney's U, by ranks.)"""
    ranked = sorted([(value, 1) for value in ours] + [(value, 0) for value in theirs])
    ranks = sum(rank for rank, (_, is_ours) in enumerate(ranked, start=1) if is_ours)
    return (ranks - len(ours) * (len(ours) + 1) / 2) / (len(ours) * len(theirs))


def overload(directory: Path, seconds: int) -> dict[str, Any]:
    """wrk with as many connections as threads, then with more than ten times as many."""
    script = directory / "count.lua"
    script.write_text(LUA)
    settings = UNLIMITED | {"FUNCTIONS_WAIT_LIMIT_SECONDS": "0.25"}
    with Gunicorn(directory, **settings) as server:
        key, _ = make_keys(directory)
        url = f"{server.url}/api/sessions"
        wrk(url, key, 16, 2, script)
        found: dict[str, Any] = {"sustainable": wrk(url, key, 16, seconds, script)}
        memory = [memory_of(server)]
        for connections in (160, 1000):
            found[f"{connections} connections"] = wrk(url, key, connections, seconds, script)
            began = time.monotonic()
            client = Client(server.port)
            statuses, took = zip(*(client.ask("/api/sessions", key) for _ in range(50)), strict=True)
            found[f"{connections} connections"]["afterwards"] = {
                "statuses": sorted(set(statuses)),
                "p50_ms": round(statistics.median(took) / 1e6, 2),
                "worst_ms": round(max(took) / 1e6, 2),
                "within_s": round(time.monotonic() - began, 2),
            }
            client.close()
            memory.append(memory_of(server))
        found["again sustainable"] = wrk(url, key, 16, seconds, script)
        memory.append(memory_of(server))
        found["memory_mb"] = [round(one, 1) for one in memory]
    return found


def wrk(url: str, key: str, connections: int, seconds: int, script: Path) -> dict[str, Any]:
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--latency",
        "--timeout",
        "10s",
        "-s",
        str(script),
    ]
    done = subprocess.run(
        [*command, "-H", f"Authorization: Bearer {key}", url], capture_output=True, text=True, check=True
    )
    statuses = {int(a): int(b) for a, b in re.findall(r"(\d+)=(\d+) ", done.stdout)}
    errors = {a: int(b) for a, b in re.findall(r"(connect|read|write|timeout)=(\d+)", done.stdout)}
    p99 = re.search(r"99%\s+(\S+)", done.stdout)
    return {
        "answers_per_s": {status: round(count / seconds) for status, count in sorted(statuses.items())},
        "errors": {name: count for name, count in errors.items() if count},
        "p99": p99[1] if p99 else None,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.limits", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="timing, wrong or overload")
    given = parser.parse_args()
    quick = given.quick
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="linkpool-limits-") as name:
        for part, measure in (
            ("wrong keys and tokens", lambda place: costs(place, 1000 if quick else WRONG)),
            ("timing", lambda place: timing(place, 500 if quick else 4000)),
            ("overload", lambda place: overload(place, 3 if quick else 10)),
        ):
            if given.only and not part.startswith(given.only):
                continue
            if part == "overload" and shutil.which("wrk") is None:
                results[part] = "wrk is not installed"
                continue
            place = Path(name) / part.split()[0]
            place.mkdir()
            results[part] = measure(place)
            print(json.dumps({part: results[part]}, indent=1), flush=True)
    target = ROOT / "data" / "bench" / "limits.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
