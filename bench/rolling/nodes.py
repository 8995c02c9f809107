"""Three machines, or what one machine has of them: nodes with directories, ports and names of their own.

Rule: a machine that is replaced never comes back: the next one has another name, and nothing on its disk.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import secrets
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import requests

from browser_pool.browser_processes import browsers_of
from storage.clock import SystemClock
from storage.database import open_database
from storage.nodes import Nodes as Registered
from tests.ports import free_port
from tests.system import PROGRAMS, System, listens
from tests.waiting import eventually

LEASE_SECONDS = 60
"""Longer than a pool takes to start on a crowded machine; who leaves something behind is found out."""
WITHIN = 120.0
"""For each step: the machine may be shared."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One node's place."""

    name: str
    port: int
    data_dir: Path


class Nodes(System):
    """A system whose nodes are replaced; functions and deliverer as everywhere, on this PostgreSQL."""

    def __init__(self, directory: Path, database_url: str, count: int, warm_slots: int) -> None:
        super().__init__(
            directory,
            WARM_SLOTS=str(warm_slots),
            DATABASE_URL=database_url,
            SNAPSHOT_KEY=base64.b64encode(secrets.token_bytes(32)).decode(),
            SNAPSHOT_URL=f"file://{directory}/store",
            SNAPSHOT_QUIET_SECONDS="1",
            LEASE_TTL_SECONDS=str(LEASE_SECONDS),
            HEARTBEAT_SECONDS="1",
            HIBERNATE_AFTER_SECONDS="0",
            CANARY_EVERY_SECONDS="0",
        )
        self._count = count
        self._numbers = itertools.count(1)
        self.machines: list[Machine] = []

    def __enter__(self) -> Self:
        try:
            for name in ("functions", "deliverer"):
                self.start(name)
            for _ in range(self._count):
                self.start_node(self.new_machine(), on_stop="keep")
            self.workspace_id, self.api_key, self.receiver.secret = self.workspace("Toko Bunga")
            eventually(self._all_leased, "every node holds a lease", WITHIN)
        except BaseException:
            self.close()
            raise
        return self

    def new_machine(self) -> Machine:
        """With an empty disk and a name that nobody had."""
        name = f"node-{next(self._numbers)}"
        machine = Machine(name=name, port=free_port(), data_dir=self.directory / name)
        self.machines.append(machine)
        return machine

    def start_node(self, machine: Machine, *, on_stop: str) -> None:
        """Start its pool, and wait until it takes part."""
        environ = {
            "NODE_ID": machine.name,
            "DATA_DIR": str(machine.data_dir),
            "POOL_PORT": str(machine.port),
            "POOL_URL": f"http://127.0.0.1:{machine.port}",
            "ON_STOP": on_stop,
        }
        self.spawn(machine.name, [sys.executable, *PROGRAMS["pool"]], {**self.environ, **environ})
        eventually(lambda: listens(machine.port), f"{machine.name} listens", WITHIN)

    def stop_node(self, machine: Machine) -> None:
        """SIGTERM, and wait: the process ends by itself, with status 0."""
        process = self._processes[machine.name]
        process.terminate()
        assert process.wait(WITHIN) == 0, f"{machine.name} ended with {process.returncode}"
        del self._processes[machine.name]

    def forget(self, machine: Machine) -> None:
        """Its machine is gone. Nothing of its browsers may be left."""
        assert not browsers_of(machine.data_dir), f"{machine.name} has left browsers"
        self.machines.remove(machine)

    def reload_functions(self) -> None:
        """HUP: gunicorn starts new workers, and lets the old ones finish what they have begun."""
        before = self._workers()
        os.kill(self.pid("functions"), signal.SIGHUP)
        eventually(lambda: not before & self._workers(), "every worker is a new one", WITHIN)

    def restart_deliverer(self) -> None:
        self.stop("deliverer")
        self.start("deliverer")

    def held_by(self, machine: Machine) -> dict[str, int]:
        """Session → browser, as its control API says."""
        headers = {"Authorization": f"Bearer {self.environ['POOL_SECRET']}"}
        answer = requests.get(f"http://127.0.0.1:{machine.port}/sessions", headers=headers, timeout=30)
        return {one["id"]: one["browser_pid"] for one in answer.json()["sessions"]}

    def browsers(self) -> dict[int, str]:
        """Of every machine."""
        return {pid: name for one in self.machines for pid, name in browsers_of(one.data_dir).items()}

    def close(self) -> None:
        """Everything, and nothing is left on any machine."""
        mine = [one.name for one in self.machines if one.name in self.running()]
        for name in mine:
            self._processes[name].terminate()
        for name in mine:
            with contextlib.suppress(subprocess.TimeoutExpired):  # it is killed below
                self._processes[name].wait(60)
                del self._processes[name]
        super().close()

    def _workers(self) -> set[str]:
        pid = self.pid("functions")
        return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def _all_leased(self) -> bool:
        """Each has heard of another: only then is anything taken from it."""
        with closing(open_database(self.environ["DATABASE_URL"])) as database:
            nodes = Registered(database, SystemClock()).all()
        return sum(one.leased for one in nodes) == len(self.machines)
