"""A real pgbouncer in front of the tests' PostgreSQL, in transaction pooling.

Rule: a client's next transaction may be served by another server process than its last, and a server process
is handed from client to client as it is, so whatever one leaves on it another finds.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.postgres import NOBODY, PostgresServer
from tests.waiting import eventually

PORT = 6432  # part of the socket's name; nothing listens on TCP
NO_PGBOUNCER = "pgbouncer is not on PATH; deploy/setup.sh peers brings it where Debian has it"


class PgBouncer:
    """Makes databases as `PostgresServer` does, and gives the way to them that leads through itself."""

    def __init__(self, directory: Path, server: PostgresServer, server_connections: int) -> None:
        self.directory = directory
        self._server = server
        self._server_connections = server_connections
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        return f"postgresql://postgres@:{PORT}/{database}?host={self.directory}"

    def make(self, *, empty: bool = False) -> str:
        """The address of a new database, migrated or empty, through here."""
        return self.url(psycopg.conninfo.conninfo_to_dict(self._server.make(empty=empty))["dbname"])

    def drop(self, url: str) -> None:
        self._server.drop(url)

    def start(self) -> None:
        config = self.directory / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = host={self._server.directory} user=postgres\n"
            f"[pgbouncer]\nlisten_addr =\nlisten_port = {PORT}\nunix_socket_dir = {self.directory}\n"
            "auth_type = any\npool_mode = transaction\nmax_client_conn = 500\n"
            f"default_pool_size = {self._server_connections}\n{_not_root()}"
        )
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["pgbouncer", config], stdout=log, stderr=log, cwd=self.directory
            )
        eventually(self._answers, "pgbouncer answers")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.directory / "log").read_text()
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def _not_root() -> str:
    """It refuses to be root, and becomes somebody else by itself: it may lie where only root can walk."""
    return "" if os.getuid() != 0 else f"user = {pwd.getpwuid(NOBODY).pw_name}\n"


def installed() -> bool:
    return shutil.which("pgbouncer") is not None


@contextmanager
def running(server: PostgresServer, *, server_connections: int = 20) -> Iterator[PgBouncer]:
    """With so many server processes for each database, however many clients there are."""
    directory = Path(tempfile.mkdtemp(prefix="lp-pb-"))
    if os.getuid() == 0:
        directory.chmod(0o777)
    bouncer = PgBouncer(directory, server, server_connections)
    try:
        bouncer.start()
        yield bouncer
    finally:
        bouncer.stop()
        shutil.rmtree(directory)
