"""`python -m bench.scale --sessions 1000,10000,50000`: a simulated fleet on real functions and PostgreSQL.

The functions are gunicorn with the workers and threads of production, reached over loopback HTTP, because the
cost of a heartbeat is mostly Python between socket and database, which an app called in-process would leave
out. The nodes have no browsers. Writes bench/results/scale.json, .md and .svg.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from bench import machine
from bench.scale import report
from bench.scale.fleet import Fleet
from bench.scale.walk import LEASE_TTL, METRICS_TOKEN, Size, Walk
from bench.scale.watch import Cost, Watch
from tests import postgres
from tests.fakes.functions import POOL_SECRET
from tests.fakes.processes import Gunicorn
from tests.postgres import PostgresServer

RESULTS = machine.ROOT / "bench" / "results"
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "autovacuum": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "deadlock_timeout": "1s",
}
"""As in production, but for fsync, which stays off: the disk of whoever measures is not in question."""


def walk(server: PostgresServer, directory: Path, size: Size) -> list[Cost]:
    """One size on a new database of this server. Raises BrokenPromise, Refused."""
    url = server.make()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    environ = {
        "DATABASE_URL": url,
        "LEASE_TTL_SECONDS": str(LEASE_TTL.total_seconds()),
        "LIMITS_STATE": "off",
        "METRICS_TOKEN": METRICS_TOKEN,
    }
    with Gunicorn(directory, **environ) as gunicorn:
        fleet = Fleet(gunicorn.port, POOL_SECRET)
        watch = Watch(url, gunicorn.popen.pid, server.pid, fleet)
        try:
            return Walk(url, fleet, watch, size).walk()
        finally:
            fleet.close()
            watch.close()
            server.drop(url)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.scale")
    parser.add_argument("--sessions", default="1000,10000,50000", help="sizes, with commas")
    parser.add_argument("--per-node", type=int, default=100, help="sessions of a node")
    parser.add_argument("--dry-run", action="store_true", help="say what is found and write nothing")
    given = parser.parse_args(arguments)
    sizes = [Size.of(int(text), given.per_node) for text in given.sessions.split(",")]
    about: dict[str, Any] = {
        "commit": machine.commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "sessions_of_a_node": given.per_node,
        "postgres": SETTINGS,
    }
    results: list[dict[str, Any]] = []
    with postgres.running(SETTINGS) as server:
        for size in sizes:
            began, load_before = time.monotonic(), os.getloadavg()[0]
            with tempfile.TemporaryDirectory(prefix="linkpool-scale-") as directory:
                costs = walk(server, Path(directory), size)
            found = [cost.to_json() for cost in costs]
            results.append(
                {
                    "sessions": size.sessions,
                    "nodes": size.nodes,
                    "load_before": round(load_before, 1),
                    "load_after": round(os.getloadavg()[0], 1),
                    "seconds": round(time.monotonic() - began),
                    "costs": found,
                }
            )
            _write({"about": about, "sizes": results}, publish=not given.dry_run)
    return 0


def _write(whole: dict[str, Any], *, publish: bool) -> None:
    """After each size: the largest takes longest, and may not be waited for."""
    markdown = report.markdown(whole)
    print(markdown)
    if publish:
        (RESULTS / "scale.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
        (RESULTS / "scale.md").write_text(markdown)
        (RESULTS / "scale.svg").write_text(report.svg(whole))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
