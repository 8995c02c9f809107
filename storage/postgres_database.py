"""The door to PostgreSQL: a pool of connections, named queries, transactions with row locks, migrations.

Rule: nothing stays on a connection between transactions, neither settings nor prepared statements, so that
pgbouncer may hand every transaction to another server process. Parameters are bound on our side for the same
reason, and because a parameter that is null has no type on the server's.

Transactions are READ COMMITTED with locks taken first. SERIALIZABLE would have every walk retried by its
caller; a walk that holds its workspace's row repeats nothing and waits only for its own workspace.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg.types.numeric import FloatLoader

from storage import audit_deed
from storage.clock import SystemClock, to_wire
from storage.connections import Connections, NoConnection
from storage.errors import RegistryError, RegistryUnavailable
from storage.postgres_sql import migration_to_postgres, query_to_postgres
from storage.queries import MIGRATIONS, POSTGRES_QUERIES

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 3
WAIT_SECONDS = 2.0
"""For a connection: a server that restarts is back by then, and nobody has seen an error. Longer would keep
the threads of a process, and its probes, waiting for one that is not."""

_BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '10s';"
    " SET LOCAL idle_in_transaction_session_timeout = '30s'"
)
"""In one message. A lock that is not to be had in ten seconds belongs to somebody who hangs; a process that
is stopped in the middle of a transaction loses it, and its locks, after thirty."""

_MIGRATIONS_TABLE = """
CREATE TABLE IF NOT EXISTS linkpool_migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)
"""

SEEN_FOR_SECONDS = 0.02
"""How long all threads of a process share one answer to whether somebody wrote."""

_QUERIES = {name: query_to_postgres(statement) for name, statement in POSTGRES_QUERIES.items()}

Connection = psycopg.Connection[dict[str, Any]]


class PostgresDatabase:
    """A registry on a server."""

    def __init__(self, url: str, *, connections: int, wait_seconds: float = WAIT_SECONDS) -> None:
        self._url = url
        self._local = threading.local()
        self._seen: tuple[float, str] = (float("-inf"), "")
        self._connections = Connections(
            self._connect,
            is_usable=lambda one: one.info.transaction_status is TransactionStatus.IDLE,
            failures=(psycopg.OperationalError,),
            most=connections,
            wait_seconds=wait_seconds,
        )

    # ── connections ──────────────────────────────────────────────────────────

    def _connect(self) -> Connection:
        connection = psycopg.connect(
            self._url,
            autocommit=True,
            prepare_threshold=None,
            row_factory=dict_row,
            cursor_factory=psycopg.ClientCursor,
            client_encoding="utf8",
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            keepalives_idle=10,
            tcp_user_timeout=10_000,
        )
        connection.adapters.register_loader("numeric", FloatLoader)  # averages
        return connection

    @contextmanager
    def _borrow(self) -> Iterator[Connection]:
        with _typed():
            connection = self._connections.take()
        try:
            yield connection
        finally:
            self._connections.give(connection)

    @contextmanager
    def _statements(self) -> Iterator[Connection]:
        """The transaction's connection, or one for a statement of its own."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            yield connection
        else:
            with self._borrow() as connection:
                yield connection

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
        with _typed():
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
        with self._statements() as connection, _typed():
            cursor = connection.execute(statement, parameters)
            return [] if cursor.description is None else cursor.fetchall()

    # ── transactions ─────────────────────────────────────────────────────────

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One write transaction; an inner one joins the outer one. All or nothing."""
        if getattr(self._local, "connection", None) is not None:
            yield
            return
        with self._begun() as connection:
            self._local.connection = connection
            try:
                yield
                audit_deed.write_before_commit()
                with _typed():
                    connection.execute("COMMIT")
                audit_deed.committed()
            except BaseException:
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
                raise
            finally:
                self._local.connection = None

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(self._borrow())
                with _typed():
                    connection.execute(_BEGIN)
            except RegistryUnavailable:
                self._connections.forget_idle()  # nothing was done yet, so another connection may do it
                connection = stack.enter_context(self._borrow())
                with _typed():
                    connection.execute(_BEGIN)
            yield connection

    def hold(self, name: str) -> None:
        """Until the transaction ends nobody else holds this name. One lock in 2^64: a clash only waits."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            raise RegistryError(f"{name} is held outside of a transaction")
        with _typed():
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
            with _typed():
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
            with self._statements() as connection, _typed(), connection.cursor().copy(statement) as copy:
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


@contextmanager
def _typed() -> Iterator[None]:
    """Errors that say something of the server rather than of the statement, as ours. Nothing of the address
    is shown: it may hold a password."""
    try:
        yield
    except NoConnection as error:
        raise RegistryUnavailable(
            "the registry's server gives no connection; try again in a moment"
        ) from error
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
        raise RegistryError(
            "another process has held a lock of the registry for too long; try again"
        ) from error
    except (
        psycopg.OperationalError,
        psycopg.InterfaceError,
        psycopg.errors.IdleInTransactionSessionTimeout,
    ) as error:
        log.warning("registry_lost", extra={"error": type(error).__name__, "sqlstate": error.sqlstate})
        raise RegistryUnavailable("the registry's server is away; try again in a moment") from error
