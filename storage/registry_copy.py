"""Moving the registry from SQLite to PostgreSQL: every row, all or nothing.

Rule: nobody writes to the old one meanwhile, and the new one is empty. What was written is counted before it
is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from storage.errors import Conflict, RegistryError
from storage.postgres_database import PostgresDatabase
from storage.sqlite_database import SqliteDatabase


@dataclass(frozen=True, kw_only=True)
class Copied:
    """One table."""

    table: str
    rows: int


def copy_registry(
    source: SqliteDatabase, target: PostgresDatabase, done: Callable[[str], None] = lambda _: None
) -> list[Copied]:
    """Copy every table, parents first. Raises Conflict when the target is not empty, RegistryError."""
    source.migrate()
    target.migrate()
    copied = []
    with source.transaction(), target.transaction():  # the first keeps other writers out of the old one
        target.hold("registry copy")
        _must_be_empty(target)
        columns = target.tables()
        for table in source.tables():
            if columns.get(table.name) != set(table.columns):
                raise RegistryError(
                    f"table {table.name} has other columns on the server: another version made it"
                )
            target.load(table.name, table.columns, source.rows_of(table))
            expected, found = source.count(table.name), target.count(table.name)
            if expected != found:
                raise RegistryError(
                    f"table {table.name}: {expected} rows were read and {found} written; nothing was kept"
                )
            copied.append(Copied(table=table.name, rows=found))
            done(table.name)
        target.number_on()
    return copied


def _must_be_empty(target: PostgresDatabase) -> None:
    filled = sorted(table for table in target.tables() if target.count(table))
    if filled:
        raise Conflict(
            f"the target holds rows already, in {', '.join(filled)}; only an empty database can be filled:"
            " name another one"
        )
