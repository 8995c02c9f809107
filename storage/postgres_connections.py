"""Connections to PostgreSQL: how one is made, lent for a statement, and lent with a transaction begun.

Rule: nothing stays on a connection between transactions, neither settings nor prepared statements, so that
pgbouncer may hand every transaction to another server process. Parameters are bound on our side for the same
reason, and because a parameter that is null has no type on the server's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg.types.numeric import FloatLoader

from storage.connections import Connections
from storage.errors import RegistryUnavailable
from storage.postgres_errors import postgres_errors

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

Connection = psycopg.Connection[dict[str, Any]]


class PostgresConnections:
    """Those of one process to the registry's server."""

    def __init__(self, url: str, *, most: int, wait_seconds: float) -> None:
        self._url = url
        self._connections = Connections(
            self._connect,
            is_usable=lambda one: one.info.transaction_status is TransactionStatus.IDLE,
            failures=(psycopg.OperationalError,),
            most=most,
            wait_seconds=wait_seconds,
        )

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
    def borrow(self) -> Iterator[Connection]:
        """One of them, until the block ends. Raises RegistryUnavailable."""
        with postgres_errors():
            connection = self._connections.take()
        try:
            yield connection
        finally:
            self._connections.give(connection)

    @contextmanager
    def begun(self) -> Iterator[Connection]:
        """One in a transaction, which whoever borrows it ends. Raises RegistryUnavailable."""
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(self.borrow())
                with postgres_errors():
                    connection.execute(_BEGIN)
            except RegistryUnavailable:
                self.forget_idle()  # nothing was done yet, so another connection may do it
                connection = stack.enter_context(self.borrow())
                with postgres_errors():
                    connection.execute(_BEGIN)
            yield connection

    def forget_idle(self) -> None:
        """After one broke: the others have probably lost the same server."""
        self._connections.forget_idle()

    def close(self) -> None:
        """Close them, of all threads. Twice is fine."""
        self._connections.close()
