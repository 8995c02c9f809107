"""What the running system holds, every few seconds: memory, descriptors, processes, directories, rows.

Rule: a figure belongs to one life. A process that was started again is another life, so that its restart
can hide no growth.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from bench import processes
from tests.system import System

EVERY_SECONDS = 3.0
WHOLE = 0
"""The life of what does not belong to one process."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One figure at one moment."""

    series: str
    life: int
    """The pid, or WHOLE."""
    at: float
    """Seconds since the soak began."""
    value: float


class Sampler:
    """`with Sampler(system, store_objects)`: looks until it is left."""

    def __init__(self, system: System, directory: Path, began: float, every: float = EVERY_SECONDS) -> None:
        self.points: list[Point] = []
        self.errors: list[str] = []
        self._system = system
        self._directory = directory
        self._began = began
        self._every = every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler")

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self.look()
            except Exception as error:  # a soak must not end blind without saying so
                self.errors.append(f"{type(error).__name__}: {error}")

    def look(self) -> None:
        """One sample of everything."""
        at = time.monotonic() - self._began
        everybody = processes.running()
        roots = self._system.running()
        browsers = self._system.browsers()
        members = processes.tree([*roots.values(), *browsers], everybody)
        for role, pid in roles(roots, everybody).items():
            self._process(role, pid, at)
        for pid in browsers:
            self._add("browser memory", pid, at, processes.pss_bytes([pid]))
        self._add("browsers", WHOLE, at, len(browsers))
        self._add("processes", WHOLE, at, len(members))
        self._add("zombies", WHOLE, at, sum(everybody[pid].zombie for pid in members))
        for name, count in entries(self._system.data_dir).items():
            self._add(f"entries of {name}", WHOLE, at, count)
        self._add("files outside profiles", WHOLE, at, files_outside_profiles(self._system.data_dir))
        self._add("entries of the temporary directory", WHOLE, at, len(os.listdir(self._directory / "tmp")))  # noqa: PTH208
        self._tables("registry", registry_of(self._system), at)
        self._tables("pool.db", self._system.data_dir / "pool.db", at)
        for log in self._directory.glob("*.log"):
            self._add(f"bytes of {log.name}", WHOLE, at, log.stat().st_size)

    def _process(self, role: str, pid: int, at: float) -> None:
        with suppress(FileNotFoundError, ProcessLookupError):
            descriptors, threads = (len(os.listdir(f"/proc/{pid}/{what}")) for what in ("fd", "task"))  # noqa: PTH208
            self._add(f"{role} memory", pid, at, processes.anonymous_bytes(pid))
            self._add(f"{role} descriptors", pid, at, descriptors)
            self._add(f"{role} threads", pid, at, threads)

    def _tables(self, name: str, path: Path, at: float) -> None:
        for table, rows in rows_of(path).items():
            self._add(f"rows of {name} {table}", WHOLE, at, rows)
        size = sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*") if one.exists())
        self._add(f"bytes of {name}", WHOLE, at, size)

    def _add(self, series: str, life: int, at: float, value: float) -> None:
        self.points.append(Point(series=series, life=life, at=at, value=value))


def registry_of(system: System) -> Path:
    """The registry's file."""
    return Path(system.environ["DATABASE_URL"].removeprefix("sqlite:///"))


def roles(roots: dict[str, int], everybody: dict[int, processes.Process]) -> dict[str, int]:
    """Our own processes, without browsers: the three programs, gunicorn's workers, Playwright's driver."""
    found = dict(roots)
    for program, child in (("functions", "functions worker"), ("pool", "driver")):
        parent = roots.get(program)
        children = sorted(one.pid for one in everybody.values() if one.parent == parent and not one.zombie)
        if child == "driver":
            children = [pid for pid in children if "run-driver" in command_of(pid)]
        found |= {f"{child} {place}" if place else child: pid for place, pid in enumerate(children)}
    return found


def command_of(pid: int) -> str:
    """Its command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def entries(directory: Path) -> dict[str, int]:
    """How much lies in each directory of the data directory."""
    found = {"data directory": len(os.listdir(directory))}  # noqa: PTH208
    for entry in directory.iterdir():
        with suppress(FileNotFoundError, NotADirectoryError):
            if entry.is_dir():
                found[entry.name] = len(os.listdir(entry))  # noqa: PTH208
    scratch = directory / "driver"
    if scratch.is_dir():
        found["driver"] = sum(len(files) + len(folders) for _, folders, files in os.walk(scratch))
    return found


def files_outside_profiles(directory: Path) -> int:
    """Of the data directory. What lies in a profile is Chromium's, and goes with it."""
    found = 0
    for folder, folders, files in os.walk(directory):
        found += len(files)
        if Path(folder) == directory:
            folders[:] = [name for name in folders if name != "profiles"]
    return found


def rows_of(path: Path) -> dict[str, int]:
    """Rows of each table of an SQLite database; nothing when it is not there yet."""
    if not path.exists():
        return {}
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
        tables = database.execute("select name from sqlite_master where type = 'table'").fetchall()
        return {
            table: database.execute(f'select count(*) from "{table}"').fetchone()[0]  # noqa: S608
            for (table,) in tables
            if not table.startswith("sqlite_")
        }
