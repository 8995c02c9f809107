"""Which database a test runs on, and a test's own statements there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storage.database import Database
from storage.sqlite_database import SqliteDatabase
from tests.pgbouncer import PgBouncer
from tests.postgres import PostgresServer

SERVERS: list[PostgresServer | PgBouncer] = []
"""One, when pytest was told `--registry postgres` or `--registry pgbouncer`."""

_MADE: dict[Path, str] = {}


def registry_in(directory: Path) -> str:
    """The address of a registry that belongs to this directory."""
    if not SERVERS:
        return f"sqlite:///{directory}/registry.db"
    if directory not in _MADE:
        _MADE[directory] = SERVERS[0].make()
    return _MADE[directory]


def rows(database: Database, statement: str, **parameters: Any) -> list[dict[str, Any]]:
    """What a statement, written for SQLite with `:name`, finds or, with RETURNING, changes; sealed numbers
    as they are kept."""
    database = getattr(database, "plain", database)
    if isinstance(database, SqliteDatabase):
        return [dict(row) for row in database.connection.execute(statement, parameters)]
    from storage.postgres_database import PostgresDatabase
    from storage.postgres_sql import query_to_postgres

    assert isinstance(database, PostgresDatabase)
    return database._fetch(query_to_postgres(statement), parameters)


def listen(database: Database) -> list[str]:
    """What it is asked from now on, as it grows."""
    database = getattr(database, "plain", database)
    if not isinstance(database, SqliteDatabase):
        pytest.skip("only SQLite tells a test what it is asked")
    asked: list[str] = []
    database.connection.set_trace_callback(asked.append)
    return asked


def dump(database: Database) -> str:
    """Every row that is there."""
    if isinstance(database, SqliteDatabase):
        return "\n".join(database.connection.iterdump())
    from storage.postgres_database import PostgresDatabase

    assert isinstance(database, PostgresDatabase)
    return "\n".join(str(rows(database, f"SELECT * FROM {table}")) for table in sorted(database.tables()))  # noqa: S608


def everything_in(database: Database) -> str:
    """Every row, and what was a row once and still lies in the files of SQLite."""
    if not isinstance(database, SqliteDatabase):
        return dump(database)
    files = sorted(database.path.parent.glob(f"{database.path.name}*"))
    return "".join(path.read_bytes().decode("latin-1") for path in files)
