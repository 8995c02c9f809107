"""Our whole system as real processes on a given stand-in: gunicorn, deliverer, pool; and a backend.

Like the acceptance tests' system, but the stand-in is shared with the peer, and everything is timed with the
wall clock, so that moments of different processes can be compared.
"""

from __future__ import annotations

import json
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from bench import processes
from bench.machine import clean_environ
from browser_pool.browser_processes import browsers_of
from deploy.settings import ROOT
from deploy.stack import DELIVERER, FUNCTIONS, POOL
from tests.fakes.receiver import Receiver
from tests.waiting import eventually

Answer = dict[str, Any]
PROGRAMS = {program.name: program.command for program in (FUNCTIONS, POOL, DELIVERER)}
"""The very command lines of `make up`."""
POLL_ONE = 0.005  # seconds between two looks at one session: what a figure may be too large by
POLL_MANY = 0.025  # at several, where looking costs the CPU that is measured
REACHED_WITHIN = 60.0
STOPPED_WITHIN = 60.0


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in listeners]


class NotReached(Exception):
    """Our own sessions are not where they should be in time. Fails the row."""


class Ours:
    """`with Ours(...) as ours`: ends with no process left."""

    def __init__(self, directory: Path, standin_url: str, **environ: str) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self.data_dir = directory / "data"
        self._receiver = Receiver()
        functions_port, pool_port = free_ports(2)
        self.url = f"http://127.0.0.1:{functions_port}"
        self.pool_url = f"http://127.0.0.1:{pool_port}"
        self._ports = {"functions": functions_port, "pool": pool_port}
        self._environ = {
            **clean_environ(),
            "DATA_DIR": str(self.data_dir),
            "FUNCTIONS_PORT": str(functions_port),
            "POOL_PORT": str(pool_port),
            "PUBLIC_URL": self.url,
            "FUNCTIONS_URL": self.url,
            "POOL_URL": self.pool_url,
            "POOL_SECRET": secrets.token_hex(32),
            "SECRET_KEY": secrets.token_hex(32),
            "NODE_ID": "bench-node",
            "WHATSAPP_WEB_URL": standin_url,
            "WEBHOOK_ALLOW_HOSTS": self._receiver.host,
            "WARM_SLOTS": "0",
            "ON_STOP": "keep",
            "RATE_KEY_PER_MINUTE": "10000000",  # counted, and never refused
            "RATE_LINK_PER_MINUTE": "10000000",
            **environ,
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._http = requests.Session()
        self._http.trust_env = False
        self.authorization = ""

    def __enter__(self) -> Self:
        try:
            for name in PROGRAMS:
                self.start(name)
            command = ["-m", "storage.cli", "workspaces", "create", "Bench"]
            said = subprocess.run(
                [sys.executable, *command, "--webhook-url", self._receiver.url(), "--json"],
                cwd=ROOT,
                env=self._environ,
                capture_output=True,
                check=True,
            ).stdout
            workspace = json.loads(said)
            self._receiver.secret = workspace["webhook_secret"]
            self.authorization = f"Bearer {workspace['api_key']}"
            self._http.headers["Authorization"] = self.authorization
            eventually(self._node_is_live, "a node is live", within=40)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for log in sorted(self._directory.glob("*.log")):
                error.add_note(f"{log.name}: {log.read_text(errors='replace')[-600:]}")
        self.close()

    # ---- processes

    def start(self, name: str) -> float:
        """Start functions, pool or deliverer; gives the moment before the spawn. Waits until it listens."""
        with (self._directory / f"{name}.log").open("ab") as output:
            spawned_at = time.time()
            self._processes[name] = subprocess.Popen(
                PROGRAMS[name],
                cwd=ROOT,
                env=self._environ,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        if name in self._ports:
            eventually(lambda: self._answers(name), f"{name} answers", within=40)
        return spawned_at

    def _answers(self, name: str) -> bool:
        path = {"functions": "/livez", "pool": "/health"}[name]
        base = {"functions": self.url, "pool": self.pool_url}[name]
        if self._processes[name].poll() is not None:
            raise NotReached(f"{name} ended at start")
        try:
            return requests.get(base + path, timeout=5).ok
        except requests.ConnectionError:
            return False

    def _node_is_live(self) -> bool:
        answer = requests.get(f"{self.url}/readyz", timeout=5)
        return answer.ok and answer.json()["live_nodes"] > 0

    def stop(self, name: str) -> None:
        """SIGTERM; the pool leaves its browsers running (ON_STOP=keep)."""
        process = self._processes.pop(name)
        process.terminate()
        if process.wait(STOPPED_WITHIN) != 0:
            raise NotReached(f"{name} ended with {process.returncode}")

    def kill_pool_and_browsers(self) -> None:
        """kill -9 to all of them at once: what a machine that lost its power leaves."""
        marks = processes.identities(self.roots())
        self._processes.pop("pool")
        processes.kill(marks)

    def roots(self) -> list[int]:
        """The pool process, with its Playwright driver, and every browser."""
        return [self._processes["pool"].pid, *self.browsers()] if "pool" in self._processes else []

    def beside(self) -> list[int]:
        """What is ours and stands in no row of memory or CPU: functions and deliverer."""
        return [process.pid for name, process in self._processes.items() if name != "pool"]

    def browsers(self) -> dict[int, str]:
        """pid → session id."""
        return browsers_of(self.data_dir)

    def close(self) -> None:
        """Stop everything. Browsers are killed: nothing of them is needed any more."""
        marks = processes.identities([*(one.pid for one in self._processes.values()), *self.browsers()])
        for process in self._processes.values():
            process.send_signal(signal.SIGKILL)
            process.wait()
        processes.kill(marks | processes.identities(self.browsers()))
        self._processes.clear()
        self._http.close()
        self._receiver.close()

    # ---- what a backend does

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """One call of the HTTP API."""
        return self._http.request(method, self.url + path, timeout=30, **more)

    def create(self, **wanted: Any) -> Answer:
        """POST /api/sessions."""
        answer = self.call("POST", "/api/sessions", json=wanted)
        if answer.status_code not in (201, 202):
            raise NotReached(f"POST /api/sessions: {answer.status_code} {answer.text[:300]}")
        body: Answer = answer.json()
        return body

    def delete(self, session_id: str) -> None:
        """DELETE, and wait until its browser is gone."""
        self.call("DELETE", f"/api/sessions/{session_id}")
        eventually(lambda: session_id not in self.browsers().values(), "the browser is gone")

    def reach(
        self, ids: Iterable[str], is_there: Callable[[Answer], bool], within: float = REACHED_WITHIN
    ) -> dict[str, tuple[float, Answer]]:
        """Session → the moment at which the API first showed it so, and what it showed. Raises NotReached."""
        missing, found = set(ids), {}
        one = len(missing) == 1
        deadline = time.monotonic() + within
        while missing:
            if one:
                seen = [self.call("GET", f"/api/sessions/{next(iter(missing))}").json()]
            else:
                seen = self.call("GET", "/api/sessions?limit=50").json()["sessions"]
            now = time.time()
            for session in seen:
                if session["id"] in missing and is_there(session):
                    missing.discard(session["id"])
                    found[session["id"]] = (now, session)
                last = (session["id"], session["status"], session["reason_code"])
            if time.monotonic() > deadline:
                raise NotReached(f"{len(missing)} sessions are not there after {within:g} s; one is {last}")
            if missing:
                time.sleep(POLL_ONE if one else POLL_MANY)
        return found

    def told(self, session_id: str, says: Callable[[Answer], bool]) -> float:
        """The moment at which the backend had the first webhook of this session whose data says so."""

        def first() -> float | None:
            moments = [
                one.at
                for one in self._receiver.received
                if one.data["session_id"] == session_id and says(one.data)
            ]
            return min(moments, default=None)

        at = eventually(first, f"a webhook about {session_id} came", within=REACHED_WITHIN)
        if at is None or self._receiver.forged:
            raise NotReached(f"{self._receiver.forged} webhooks had a wrong signature")
        return at

    # ---- what the operator sees

    def pool_call(self, method: str, path: str, **more: Any) -> requests.Response:
        """One call of the pool's control API."""
        headers = {"Authorization": f"Bearer {self._environ['POOL_SECRET']}"}
        return requests.request(method, self.pool_url + path, headers=headers, timeout=30, **more)

    def usable(
        self, ids: Sequence[str], not_in: Iterable[int] = (), within: float = REACHED_WITHIN
    ) -> dict[str, float]:
        """Session → the moment at which it could be used: the pool lists it as connected, in a browser
        outside `not_in`, and that browser's page has answered a question (its list of chats)."""
        old = set(not_in)
        with ThreadPoolExecutor(len(ids)) as threads, requests.Session() as http:
            asked: dict[str, Future[float]] = {}
            deadline = time.monotonic() + within
            while len(asked) < len(ids):
                for held in self._held(http):
                    good = held["status"] == "connected" and held["browser_pid"] not in {None, *old}
                    if good and held["id"] not in asked:
                        asked[held["id"]] = threads.submit(self._ask_page, held["id"])
                if time.monotonic() > deadline:
                    raise NotReached(f"{len(ids) - len(asked)} of {len(ids)} sessions did not come back")
                time.sleep(POLL_ONE)
            return {session_id: answer.result() for session_id, answer in asked.items()}

    def _held(self, http: requests.Session) -> list[Answer]:
        headers = {"Authorization": f"Bearer {self._environ['POOL_SECRET']}"}
        held: list[Answer] = http.get(f"{self.pool_url}/sessions", headers=headers, timeout=30).json()[
            "sessions"
        ]
        return held

    def _ask_page(self, session_id: str) -> float:
        answer = self.pool_call("POST", f"/sessions/{session_id}/chats", json={})
        if answer.status_code != 200 or not answer.json()["chats"]:
            raise NotReached(
                f"the page of {session_id} did not answer: {answer.status_code} {answer.text[:200]}"
            )
        return time.time()
