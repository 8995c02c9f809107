"""The registry in PostgreSQL: named queries, transactions with row locks, migrations, whole tables.

Rule: transactions are READ COMMITTED with locks taken first. SERIALIZABLE would have every walk retried by
its caller; a walk that holds its workspace's row repeats nothing and waits only for its own workspace.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import sql

from storage import audit_deed
from storage.clock import SystemClock, to_wire
from storage.errors import RegistryError, RegistryUnavailable
from storage.postgres_connections import WAIT_SECONDS, Connection, PostgresConnections
from storage.postgres_errors import postgres_errors
from storage.postgres_sql import migration_to_postgres, query_to_postgres
from storage.queries import MIGRATIONS, POSTGRES_QUERIES

_MIGRATIONS_TABLE = """
CREATE TABLE IF NOT EXISTS linkpool_migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)
"""

SEEN_FOR_SECONDS = 0.02
"""How long all threads of a process share one answer to whether somebody wrote."""

_QUERIES = {name: query_to_postgres(statement) for name, statement in POSTGRES_QUERIES.items()}


class PostgresDatabase:
    """A registry on a server."""

    def __init__(self, url: str, *, connections: int, wait_seconds: float = WAIT_SECONDS) -> None:
        self._local = threading.local()
        self._seen: tuple[float, str] = (float("-inf"), "")
        self._connections = PostgresConnections(url, most=connections, wait_seconds=wait_seconds)

    # ── queries ──────────────────────────────────────────────────────────────

    def one(self, query: str, **parameters: Any) -> dict[str, Any] | None:
        """The first row of a named query, or None."""
        rows = self._read(query, parameters)
        return rows[0] if rows else None

    def all(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """Every row of a named query."""
        return self._read(query, parameters)

    def run(self, query: str, **parameters: Any) -> int:
        """Execute a named query that writes; give the number of rows it changed."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            raise RegistryError(f"query {query} writes outside of a transaction")
        with postgres_errors():
            return connection.execute(_QUERIES[query], _plain(parameters)).rowcount

    def _read(self, query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            return self._fetch(_QUERIES[query], _plain(parameters))
        except RegistryUnavailable:
            if getattr(self._local, "connection", None) is not None:
                raise
            self._connections.forget_idle()  # the server was restarted; a read may be repeated
            return self._fetch(_QUERIES[query], _plain(parameters))

    def _fetch(self, statement: str | sql.Composed, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        with self._statements() as connection, postgres_errors():
            cursor = connection.execute(statement, parameters)
            return [] if cursor.description is None else cursor.fetchall()

    @contextmanager
    def _statements(self) -> Iterator[Connection]:
        """The transaction's connection, or one for a statement of its own."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            yield connection
        else:
            with self._connections.borrow() as connection:
                yield connection

    # ── transactions ─────────────────────────────────────────────────────────

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One write transaction; an inner one joins the outer one. All or nothing."""
        if getattr(self._local, "connection", None) is not None:
            yield
            return
        with self._connections.begun() as connection:
            self._local.connection = connection
            try:
                yield
                audit_deed.write_before_commit()
                with postgres_errors():
                    connection.execute("COMMIT")
                audit_deed.committed()
            except BaseException:
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
                raise
            finally:
                self._local.connection = None

    def hold(self, name: str) -> None:
        """Until the transaction ends nobody else holds this name. One lock in 2^64: a clash only waits."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            raise RegistryError(f"{name} is held outside of a transaction")
        with postgres_errors():
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])

    # ── the rest ─────────────────────────────────────────────────────────────

    def answers(self) -> bool:
        """Whether the tables can be read, for probes."""
        try:
            self.one("ping")
        except (RegistryError, psycopg.Error):
            return False
        return True

    def data_version(self) -> str:
        """What is committed: every commit of a writer changes the snapshot.

        LISTEN needs a session of its own, which pgbouncer does not give. This takes 0.1 ms, once for all
        threads of a process.
        """
        looked_at, version = self._seen
        if time.monotonic() - looked_at > SEEN_FOR_SECONDS:
            looked_at = time.monotonic()
            version = str(self._fetch("SELECT pg_current_snapshot()::text AS version", {})[0]["version"])
            self._seen = (looked_at, version)
        return version

    def migrate(self) -> list[str]:
        """Apply what is missing, in order, all or nothing. Several processes may try at once."""
        names = []
        with self.transaction():
            self.hold("linkpool migrations")
            connection: Connection = self._local.connection
            with postgres_errors():
                connection.execute(_MIGRATIONS_TABLE)
                applied = {row["name"] for row in connection.execute("SELECT name FROM linkpool_migrations")}
                for path in MIGRATIONS:
                    if path.stem in applied:
                        continue
                    connection.execute(migration_to_postgres(path.read_text(encoding="utf-8")).encode())
                    connection.execute(
                        "INSERT INTO linkpool_migrations VALUES (%s, %s)",
                        [path.stem, to_wire(SystemClock().now())],
                    )
                    names.append(path.stem)
        return names

    def missing_migrations(self) -> list[str]:
        """Names of the migrations that this code knows and the tables have not seen."""
        known = self._fetch("SELECT to_regclass('linkpool_migrations') IS NOT NULL AS there", {})[0]["there"]
        applied = (
            {row["name"] for row in self._fetch("SELECT name FROM linkpool_migrations", {})} if known else ()
        )
        return [path.stem for path in MIGRATIONS if path.stem not in applied]

    # ── whole tables, inside a transaction ───────────────────────────────────

    def tables(self) -> dict[str, set[str]]:
        """Every table of the registry, with the names of its columns."""
        found: dict[str, set[str]] = {}
        for row in self._fetch(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name <> 'linkpool_migrations'",
            {},
        ):
            found.setdefault(row["table_name"], set()).add(row["column_name"])
        return found

    def count(self, table: str) -> int:
        """How many rows a table has."""
        statement = sql.SQL("SELECT count(*) AS found FROM {}").format(sql.Identifier(table))
        found: int = self._fetch(statement, {})[0]["found"]
        return found

    def load(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Fill a table in one statement, so that rows may refer to later ones. Raises RegistryError."""
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        try:
            with (
                self._statements() as connection,
                postgres_errors(),
                connection.cursor().copy(statement) as copy,
            ):
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            raise RegistryError(f"table {table} cannot be copied: {error}") from error

    def number_on(self) -> None:
        """Let numbers that the server gives continue after those that were loaded."""
        for row in self._fetch(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND is_identity = 'YES'",
            {},
        ):
            table, column = row["table_name"], row["column_name"]
            highest = sql.SQL("(SELECT max({}) FROM {})").format(
                sql.Identifier(column), sql.Identifier(table)
            )
            self._fetch(
                sql.SQL(
                    "SELECT setval(pg_get_serial_sequence({}, {}), coalesce({}, 1), {} IS NOT NULL)"
                ).format(table, column, highest, highest),
                {},
            )

    def forget(self) -> None:
        """Nothing: the server's autovacuum does it, and its log and backups are its operator's."""

    def close(self) -> None:
        """Close the connections of all threads. Twice is fine."""
        self._connections.close()


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    """As SQLite takes them: a flag is 0 or 1."""
    return {
        name: int(value) if isinstance(value, bool) else str(value) if isinstance(value, str) else value
        for name, value in parameters.items()
    }
