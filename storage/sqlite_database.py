"""The door to SQLite: one connection per thread, named queries, write transactions, migrations.

Rule: every write happens inside `transaction()`, which takes the write lock at once (BEGIN IMMEDIATE), so
what a transaction has read is still true when it writes.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import sqlite_utils
from sqlite_utils.migrations import Migrations

from storage import audit_deed
from storage.database import sqlite_path
from storage.errors import ConfigError, RegistryError
from storage.queries import MIGRATIONS, QUERIES

BUSY_TIMEOUT_MS = 10_000
"""How long a writer waits for another. A transaction takes a millisecond; ten seconds is a dead disk."""

_PRIMARY_CODE = 0xFF
"""Of an error's number; the rest says more, such as that somebody recovers the log."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One of the registry's tables, for whoever copies them."""

    name: str
    columns: tuple[str, ...]


class SqliteDatabase:
    """A registry in a file."""

    def __init__(self, url: str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        self._busy_timeout_ms = busy_timeout_ms
        self.path = sqlite_path(url)
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._write_lock = threading.Lock()  # threads of this process queue here, not at the file
        self._create_file()

    def _create_file(self) -> None:
        """Make directory and file readable by this user only, whatever the umask says."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise ConfigError([f"DATABASE_URL: cannot write {self.path}: {error.strerror}"]) from error

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection, opened at first use."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None or self._closed:
            connection = self._open()
            self._local.connection = connection
        return connection

    def _open(self) -> sqlite3.Connection:
        # isolation_level None: we say BEGIN ourselves. check_same_thread False: close() may run elsewhere.
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout_ms / 1000, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        with self._lock:
            if self._closed:
                connection.close()
                raise sqlite3.ProgrammingError("the registry is closed")
            self._opened.append(connection)
        try:
            # SQLite does not wait here: of processes that open a new file at once, one in twenty failed
            self._patiently(connection, "PRAGMA journal_mode = WAL")
        except sqlite3.DatabaseError as error:
            raise RegistryError(f"registry {self.path}: {error}; is this the right file?") from error
        connection.execute("PRAGMA synchronous = FULL")  # what was acknowledged survives a power cut
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        return connection

    def one(self, query: str, **parameters: Any) -> dict[str, Any] | None:
        """The first row of a named query, or None."""
        row = self.connection.execute(QUERIES[query], parameters).fetchone()
        return None if row is None else dict(row)

    def all(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """Every row of a named query."""
        return [dict(row) for row in self.connection.execute(QUERIES[query], parameters)]

    def run(self, query: str, **parameters: Any) -> int:
        """Execute a named query that writes; give the number of rows it changed."""
        connection = self.connection
        if not connection.in_transaction:
            raise sqlite3.ProgrammingError(f"query {query} writes outside of a transaction")
        return connection.execute(QUERIES[query], parameters).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One write transaction; an inner one joins the outer one. All or nothing."""
        connection = self.connection
        if connection.in_transaction:
            yield
            return
        with self._write_lock:
            self._patiently(connection, "BEGIN IMMEDIATE")
            try:
                yield
                audit_deed.write_before_commit()
            except BaseException:
                connection.rollback()  # nothing to do when the error has ended the transaction itself
                raise
            connection.execute("COMMIT")
            audit_deed.committed()

    def hold(self, name: str) -> None:
        """Every writer holds everything."""

    def answers(self) -> bool:
        """Whether the tables can be read, for probes."""
        try:
            self.one("ping")
        except sqlite3.Error:
            return False
        return True

    def _patiently(self, connection: sqlite3.Connection, statement: str) -> None:
        """Execute what needs a lock of the file, for which other processes may be waiting, too.

        SQLite's own waiting sleeps longer and longer, up to 100 ms: of three processes with eight threads,
        one write in a hundred took 33 ms, the worst 130. Asking every half millisecond: 9 and 15.
        """
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            until = time.monotonic() + self._busy_timeout_ms / 1000
            while True:
                try:
                    connection.execute(statement)
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_BUSY:
                        raise
                    if time.monotonic() >= until:  # tries are no clock: on a busy machine each takes longer
                        why = "another process has held the write lock for too long"
                        raise RegistryError(f"registry {self.path}: {why}") from None
                    time.sleep(0.0005)
                else:
                    return
        finally:
            connection.execute(f"PRAGMA busy_timeout = {self._busy_timeout_ms}")

    def data_version(self) -> int:
        """A number that changes when another connection commits; 2 µs to read, so it can be polled."""
        version: int = self.connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    def migrate(self) -> list[str]:
        """Apply what is missing, in order; give the names. Several processes may try at once."""
        migrations = _migrations()
        utils = sqlite_utils.Database(self.connection)
        if not migrations.pending(utils):
            return []
        with self.transaction():  # the write lock: whoever comes second finds nothing pending
            names = [migration.name for migration in migrations.pending(utils)]
            migrations.apply(utils)
        return names

    def forget(self) -> None:
        """Rows that were deleted leave their bytes in free pages and in the log; both are written anew."""
        with self._write_lock:
            self._patiently(self.connection, "VACUUM")
            self._patiently(self.connection, "PRAGMA wal_checkpoint(TRUNCATE)")

    def missing_migrations(self) -> list[str]:
        """Names of the migrations that this code knows and the tables have not seen."""
        return [one.name for one in _migrations().pending(sqlite_utils.Database(self.connection))]

    # ── whole tables ─────────────────────────────────────────────────────────

    def tables(self) -> list[Table]:
        """Every table, those that others refer to first."""
        utils = sqlite_utils.Database(self.connection)
        names = [name for name in utils.table_names() if not name.startswith(("_", "sqlite_"))]
        parents = {
            name: {key.other_table for key in utils.table(name).foreign_keys} - {name} for name in names
        }
        return [
            Table(name=name, columns=tuple(column.name for column in utils.table(name).columns))
            for name in TopologicalSorter(parents).static_order()
        ]

    def rows_of(self, table: Table) -> Iterator[tuple[Any, ...]]:
        """Every row, its columns in the table's order."""
        columns = ", ".join(f'"{column}"' for column in table.columns)
        for row in self.connection.execute(f'SELECT {columns} FROM "{table.name}"'):  # noqa: S608
            yield tuple(row)

    def count(self, table: str) -> int:
        """How many rows a table has."""
        found: int = self.connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608
        return found

    def close(self) -> None:
        """Close the connections of all threads. Twice is fine."""
        with self._lock:
            self._closed = True
            connections, self._opened = self._opened, []
        for connection in connections:
            connection.close()


def _migrations() -> Migrations:
    migrations = Migrations("registry")
    for path in MIGRATIONS:
        _register(migrations, path)
    return migrations


def _register(migrations: Migrations, path: Path) -> None:
    @migrations(name=path.stem)
    def apply(database: sqlite_utils.Database) -> None:
        database.executescript(path.read_text(encoding="utf-8"))
