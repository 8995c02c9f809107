"""Three nodes, the functions, the deliverer, PostgreSQL and an S3: real processes that a case can break.

Rule: what an operator would leave as it is stays as it is: lease, heartbeat, ON_STOP. Only what costs time
and shows nothing here is off (warm slots, the golden profile), and changes are saved after 2 s instead of 30.
"""

from __future__ import annotations

import base64
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg
import requests
from psycopg.rows import dict_row

from bench import processes
from bench.matrix.network import Network, Place, Service
from browser_pool.browser_processes import browsers_of
from tests.ports import free_port
from tests.s3_server import SHARED_BUCKET, S3Server
from tests.standin.chromium import processes_of
from tests.standin.client import StandIn
from tests.system import System, listens
from tests.waiting import eventually

NODES = 3
ANYWHERE = "0.0.0.0"  # noqa: S104 - namespaces have addresses of their own, made here and gone with them
READY_WITHIN = 90.0
"""Seconds for what is only preparation: this machine may be busy with others."""
STOPPED_WITHIN = 60.0


@dataclass(frozen=True, kw_only=True)
class Node:
    """One of the nodes."""

    id: str
    data_dir: Path
    host: str
    port: int
    place: Place | None
    """Its namespace; None on loopback."""

    def outbox(self) -> list[str]:
        """Ids of events that the functions have not acknowledged."""
        path = self.data_dir / "pool.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
            return [row[0] for row in database.execute("select id from outbox")]


class World(System):
    """`with World(…) as world`: nothing runs when it ends, and what did is in `left`."""

    def __init__(
        self,
        directory: Path,
        *,
        database_url: str,
        store: S3Server,
        network: Network | None = None,
        lease_seconds: float | None = None,
        environs: dict[str, dict[str, str]] | None = None,
    ) -> None:
        self.snapshot_key = base64.b64encode(secrets.token_bytes(32)).decode()
        self.snapshot_url = f"s3://{SHARED_BUCKET}/matrix-{secrets.token_hex(4)}"
        self.store = store
        self.network = network
        self.left: list[str] = []
        self._environs = environs or {}
        """What single processes are told beside."""
        self._ever: list[int] = []
        apart = network is not None
        given = {name: value for name, value in store.environment.items() if value}
        if lease_seconds is not None:
            given["LEASE_TTL_SECONDS"] = str(lease_seconds)
        super().__init__(
            directory,
            standin_host=Service.WHATSAPP.value if apart else "127.0.0.1",
            DATABASE_URL=database_url,
            SNAPSHOT_KEY=self.snapshot_key,
            SNAPSHOT_URL=self.snapshot_url,
            S3_ENDPOINT_URL=store.url,
            SNAPSHOT_QUIET_SECONDS="2",
            HEARTBEAT_SECONDS="2",
            CANARY_EVERY_SECONDS="0",
            RATE_ADDRESS_PER_MINUTE="100000",
            FUNCTIONS_HOST=ANYWHERE if apart else "127.0.0.1",
            **given,
        )
        places: list[Place | None] = list(network.places) if network is not None else [None] * NODES
        self.nodes = {
            f"node-{number}": Node(
                id=f"node-{number}",
                data_dir=directory / f"node-{number}",
                host="127.0.0.1" if place is None else place.host,
                port=free_port(),
                place=place,
            )
            for number, place in enumerate(places, 1)
        }

    def __enter__(self) -> Self:
        try:
            for name in ("functions", "deliverer", *self.nodes):
                self.start(name)
            self.workspace_id, self.api_key, self.receiver.secret = self.workspace("Toko Bunga")
            eventually(self._all_leased, "every node holds a lease", READY_WITHIN)
        except BaseException:
            self.close()
            raise
        return self

    # ---- processes

    def start(self, name: str, **environ: str) -> None:
        given = {**self._environs.get(name, {}), **environ}
        node = self.nodes.get(name)
        if node is None:
            super().start(name, **given)
        else:
            prefix = [] if node.place is None else node.place.prefix
            self.spawn(name, [*prefix, sys.executable, "-m", "browser_pool"], self._environ_of(node, given))
            eventually(lambda: self._is_up(node), f"{name} listens", READY_WITHIN)
        self._ever.append(self.pid(name))

    def _is_up(self, node: Node) -> bool:
        assert self._processes[node.id].poll() is None, self.log(node.id)[-1000:]
        return listens(node.port, node.host)

    def _environ_of(self, node: Node, given: dict[str, str]) -> dict[str, str]:
        apart = {}
        if node.place is not None:
            functions, store = self.environ["FUNCTIONS_PORT"], self.store.url.rpartition(":")[2]
            apart = {
                "FUNCTIONS_URL": f"http://{Service.FUNCTIONS}:{functions}",
                "S3_ENDPOINT_URL": f"http://{Service.STORE}:{store}",
                "POOL_HOST": node.host,
            }
        return {
            **self.environ,
            **apart,
            "NODE_ID": node.id,
            "DATA_DIR": str(node.data_dir),
            "POOL_PORT": str(node.port),
            "POOL_URL": f"http://{node.host}:{node.port}",
            **given,
        }

    def machine_of(self, node: Node) -> list[int]:
        """Every process of a node: pool, driver, lease guard, browsers."""
        pids = set(processes_of(node.data_dir))
        if node.id in self.running():
            pids |= processes.tree([self.pid(node.id)])
        return sorted(pids | {pid for browser in self.browsers_on(node) for pid in processes.tree([browser])})

    def signal(self, pids: list[int], number: signal.Signals) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def lose_machine(self, node: Node) -> None:
        """kill -9 to everything that runs on it."""
        self.signal(self.machine_of(node), signal.SIGKILL)
        self.kill(node.id)
        eventually(lambda: not processes_of(node.data_dir), f"nothing of {node.id} runs")

    def browsers_on(self, node: Node) -> dict[int, str]:
        return browsers_of(node.data_dir)

    def browsers(self) -> dict[int, str]:
        return {pid: name for node in self.nodes.values() for pid, name in browsers_of(node.data_dir).items()}

    def close(self) -> None:
        """Every node is told to stop at the same time, as they would take over from each other."""
        try:
            running = [self._processes[name] for name in self.nodes if name in self.running()]
            for process in running:
                process.terminate()
            for process in running:
                process.wait(STOPPED_WITHIN)
            ended = {
                name: self._processes.pop(name).returncode for name in self.nodes if name in self.running()
            }
            assert not any(ended.values()), f"nodes ended with {ended}"
        finally:
            super().close()
            self.left = self._what_is_left()

    def _what_is_left(self) -> list[str]:
        """Processes that were begun here: by their session, or because our directory is in their command."""
        ours = {one.pid for one in processes.running().values() if one.session in self._ever}
        ours |= set(processes_of(self.directory))
        found = []
        for pid in sorted(ours):
            with suppress(FileNotFoundError, ProcessLookupError):  # it was ending
                found.append(f"{pid} {Path(f'/proc/{pid}/comm').read_text().strip()}")
        return found

    # ---- what the registry knows

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.environ["DATABASE_URL"], row_factory=dict_row) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def owners(self) -> dict[str, tuple[str, int]]:
        """Session id → node and generation."""
        rows = self.rows("SELECT id, node_id, generation FROM sessions")
        return {row["id"]: (row["node_id"], row["generation"]) for row in rows}

    def _all_leased(self) -> bool:
        leased = {row["id"] for row in self.rows("SELECT id FROM nodes WHERE leased = 1")}
        return leased == set(self.nodes)

    def is_reachable(self) -> bool:
        """The functions answer, and their database answers them."""
        try:
            return requests.get(f"{self.functions_url}/readyz", timeout=2).ok
        except requests.RequestException:
            return False

    def saves_everything(self, node: Node) -> bool:
        """No session of a node waits for another try at its snapshot."""
        try:
            answer = requests.get(f"http://{node.host}:{node.port}/health", timeout=5)
            return bool(answer.json()["snapshots"]["failing_sessions"] == 0)
        except (requests.RequestException, ValueError, KeyError):
            return False

    def another_phone(self) -> StandIn:
        """The stand-in, for another thread."""
        return StandIn(self.standin.process, self.standin.url, None)

    def cli(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "storage.cli", *arguments]
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout
