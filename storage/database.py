"""The seam between the registry and its database: what both kinds promise, and how one is opened.

Rule: every write happens inside `transaction()`. A transaction that decides by what it has read first takes
hold of it (`hold`, or a query whose name begins with `hold_`); SQLite has the whole file by then, PostgreSQL
only what was held.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from storage.errors import ConfigError, RegistryUnavailable
from storage.number_keys import NumberKeys

log = logging.getLogger(__name__)

CONNECTIONS = 8
"""Of one process to PostgreSQL: as many as gunicorn has threads. A thread has one only while it asks."""

PLAIN = NumberKeys()
"""No encryption of numbers."""

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")


class Database(Protocol):
    """The registry's database, used by many threads. Errors are RegistryError and its kinds."""

    def one(self, query: str, **parameters: Any) -> dict[str, Any] | None:
        """The first row of a named query, or None."""
        ...

    def all(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        """Every row of a named query."""
        ...

    def run(self, query: str, **parameters: Any) -> int:
        """Execute a named query that writes, inside a transaction; give the number of rows it changed."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """One write transaction; an inner one joins the outer one. All or nothing."""
        ...

    def hold(self, name: str) -> None:
        """Until the transaction ends nobody else holds this name."""
        ...

    def answers(self) -> bool:
        """Whether the tables can be read, for probes."""
        ...

    def data_version(self) -> int | str:
        """Something that changes when somebody else commits; cheap, so it can be polled."""
        ...

    def migrate(self) -> list[str]:
        """Apply what is missing, in order; give the names. Several processes may try at once."""
        ...

    def forget(self) -> None:
        """Take what was deleted out of the files, where that is ours to do. Outside of a transaction."""
        ...

    def missing_migrations(self) -> list[str]:
        """Names of the migrations that this code knows and the tables have not seen."""
        ...

    def close(self) -> None:
        """Close the connections of all threads. Twice is fine."""
        ...


def open_database(url: str, *, connections: int = CONNECTIONS, keys: NumberKeys = PLAIN) -> Database:
    """The database of a DATABASE_URL, which seals and opens numbers if there are keys. Raises ConfigError,
    RegistryError."""
    check_database_url(url)
    database = _open(url, connections)
    if not keys:
        return database
    from storage.sealed_database import SealedDatabase  # and with it what encrypts
    from storage.sealed_number import Numbers

    return SealedDatabase(database, Numbers(keys))


def _open(url: str, connections: int) -> Database:
    if is_postgres(url):
        from storage.postgres_database import PostgresDatabase  # 60 ms that SQLite need not spend

        return PostgresDatabase(url, connections=connections)
    from storage.sqlite_database import SqliteDatabase

    return SqliteDatabase(url)


def bring_up_to_date(database: Database, keys: NumberKeys = PLAIN) -> None:
    """Migrate, for a process that serves, and be let in with its keys; while the server is away it waits.

    A worker that ends at its start would take gunicorn with it. Raises ConfigError, RegistryError.
    """
    from storage.number_key_table import admit

    while True:
        try:
            database.migrate()
            admit(database, keys)
        except RegistryUnavailable:  # after it was tried for a while
            log.warning("registry_awaited")
        else:
            return


def is_postgres(url: str) -> bool:
    """Whether a DATABASE_URL names a PostgreSQL."""
    return url.startswith(_POSTGRES)


def check_database_url(url: str) -> None:
    """Raises ConfigError. Nothing of it is shown but its scheme: it may hold a password."""
    if not is_postgres(url):
        sqlite_path(url)
        return
    try:
        parts = urlsplit(url)
        wrong = len(parts.path) < 2 or parts.port == 0
    except ValueError:
        wrong = True
    if wrong:
        raise ConfigError(["DATABASE_URL must look like postgresql://user:password@host:5432/linkpool"])


def sqlite_url(data_dir: str | None) -> str:
    """The registry in DATA_DIR (./data), where no DATABASE_URL says otherwise."""
    return f"{_SQLITE}{data_dir or './data'}/registry.db"


def sqlite_path(url: str) -> Path:
    """The file of a DATABASE_URL. Raises ConfigError."""
    if not url.startswith(_SQLITE) or url == _SQLITE:
        raise ConfigError(
            [
                "DATABASE_URL must look like sqlite:///path/to/registry.db or postgresql://user:password@host/name,"
                f" got {url.split(':')[0]!r}…"
            ]
        )
    return Path(url.removeprefix(_SQLITE))
