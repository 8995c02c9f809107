"""What a stretch of work cost the functions and the database, read from the kernel and from the server.

Rule: CPU, statements and bytes of WAL; these do not depend on what else the machine does. Seconds do.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import takewhile
from typing import Any

import psycopg
from psycopg.rows import dict_row

from bench import processes
from bench.scale.fleet import Fleet
from storage.queries import POSTGRES_QUERIES


@dataclass(kw_only=True)
class Cost:
    """Of one stretch; the rest follows from dividing."""

    what: str
    units: int = 0
    """How many of what it is about: heartbeats, events, sessions."""
    rounds: int = 0
    requests: int = 0
    heartbeats: int = 0
    """Of the requests; what they cost by themselves is known from quiet times."""
    wall_seconds: float = 0.0
    functions_cpu_seconds: float = 0.0
    database_cpu_seconds: float = 0.0
    statements: int = 0
    transactions: int = 0
    wal_bytes: int = 0
    connections: int = 0
    most_on_one_node: int = 0
    """Sessions that one node got; how evenly they were spread."""
    late: int = 0
    """Units that needed more than their one request: a call to a node was not answered in time."""
    repeated: int = 0
    """Requests that were asked again."""
    bytes_sent: int = 0
    bytes_received: int = 0
    request_ms_median: float = 0.0
    request_ms_most: float = 0.0
    statements_by_time: list[dict[str, Any]] = field(default_factory=list)
    """The five that took most time of the server: name, calls, mean_ms, max_ms."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Watch:
    """Of one gunicorn and one PostgreSQL."""

    def __init__(self, url: str, functions_pid: int, postgres_pid: int, fleet: Fleet) -> None:
        self._functions = functions_pid
        self._postgres = postgres_pid
        self._fleet = fleet
        self._connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)
        self._counts_statements = (
            self._one("SELECT count(*) AS n FROM pg_extension WHERE extname = 'pg_stat_statements'")["n"] > 0
        )

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def cost(self, what: str) -> Iterator[Cost]:
        """Filled in when the block ends."""
        cost = Cost(what=what)
        self._fleet.forget()
        if self._counts_statements:
            self._connection.execute("SELECT pg_stat_statements_reset()")
        before, began = self._reading(), time.perf_counter()
        yield cost
        cost.wall_seconds = time.perf_counter() - began
        after = self._reading()
        cost.functions_cpu_seconds, cost.database_cpu_seconds, wal, commits = (
            late - early for late, early in zip(after, before, strict=True)
        )
        cost.wal_bytes, cost.transactions = int(wal), int(commits)
        traffic = self._fleet.traffic
        cost.requests, cost.heartbeats = traffic.requests, traffic.heartbeats
        cost.repeated = traffic.repeated
        cost.bytes_sent, cost.bytes_received = traffic.bytes_sent, traffic.bytes_received
        if traffic.seconds:
            ordered = sorted(traffic.seconds)
            cost.request_ms_median = ordered[len(ordered) // 2] * 1000
            cost.request_ms_most = ordered[-1] * 1000
        cost.connections = self._one("SELECT count(*) AS n FROM pg_stat_activity WHERE datname IS NOT NULL")[
            "n"
        ]
        if self._counts_statements:
            self._read_statements(cost)

    def _reading(self) -> tuple[float, float, float, float]:
        self._connection.execute("SELECT pg_stat_force_next_flush()")
        row = self._one(
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS wal,"
            " xact_commit::float8 AS n FROM pg_stat_database WHERE datname = current_database()"
        )
        return (
            processes.cpu_seconds([self._functions]),
            processes.cpu_seconds([self._postgres]),
            row["wal"],
            row["n"],
        )

    def _read_statements(self, cost: Cost) -> None:
        rows = self._connection.execute(
            "SELECT query, calls, mean_exec_time AS mean_ms, max_exec_time AS max_ms,"
            " total_exec_time AS total_ms FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
            " WHERE d.datname = current_database() AND query NOT LIKE '%pg_stat%'"
            " ORDER BY total_exec_time DESC"
        ).fetchall()
        cost.statements = sum(row["calls"] for row in rows)
        cost.statements_by_time = [{**row, "query": _name_of(row["query"])} for row in rows[:5]]

    def _one(self, statement: str) -> dict[str, Any]:
        row = self._connection.execute(statement).fetchone()
        assert row is not None
        return row


def _name_of(statement: str) -> str:
    """The name in queries.sql: the one that has the longest beginning in common."""

    def common(name: str) -> int:
        pairs = zip(_plain(POSTGRES_QUERIES[name]), _plain(statement), strict=False)
        return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))

    best = max(POSTGRES_QUERIES, key=common)
    return best if common(best) >= 20 else _plain(statement)[:60]


def _plain(statement: str) -> str:
    lines = (line for line in statement.splitlines() if not line.lstrip().startswith("--"))
    return " ".join(" ".join(lines).split())
