"""wrk against the functions: as many connections as threads, then ten and sixty times as many.

Rule: wrk asks again when it was answered, so this is a load of connections. `bench.tenfold` offers a rate.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

from bench.limited_server import UNLIMITED, afterwards, make_keys, memory_of
from tests.fakes.processes import Gunicorn

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


def overload(directory: Path, seconds: int) -> dict[str, Any]:
    """What is answered, and whether anything stays behind."""
    script = directory / "count.lua"
    script.write_text(LUA)
    settings = UNLIMITED | {"FUNCTIONS_WAIT_LIMIT_SECONDS": "0.25"}
    with Gunicorn(directory, **settings) as server:
        key, _ = make_keys(directory)
        url = f"{server.url}/api/sessions"
        wrk(url, key, 16, 2, script)
        found: dict[str, Any] = {"16 connections": wrk(url, key, 16, seconds, script)}
        memory = [memory_of(server)]
        for connections in (160, 1000):
            measured = wrk(url, key, connections, seconds, script)
            measured["afterwards"] = afterwards(server, key)
            found[f"{connections} connections"] = measured
            memory.append(memory_of(server))
        found["16 connections again"] = wrk(url, key, 16, seconds, script)
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
