"""Which database a test runs on, and a test's own statements there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from storage.database import Database
from storage.sqlite_database import SqliteDatabase
from tests.postgres import PostgresServer

SERVERS: list[PostgresServer] = []
"""One, when pytest was told `--registry postgres`."""

_MADE: dict[Path, str] = {}


def registry_in(directory: Path) -> str:
    """The address of a registry that belongs to this directory."""
    if not SERVERS:
        return f"sqlite:///{directory}/registry.db"
    if directory not in _MADE:
        _MADE[directory] = SERVERS[0].make()
    return _MADE[directory]


def rows(database: Database, statement: str) -> list[dict[str, Any]]:
    """What a statement finds or, with RETURNING, changes; sealed numbers as they are kept."""
    database = getattr(database, "plain", database)
    if isinstance(database, SqliteDatabase):
        return [dict(row) for row in database.connection.execute(statement)]
    from storage.postgres_database import PostgresDatabase

    assert isinstance(database, PostgresDatabase)
    return database._fetch(statement, {})
