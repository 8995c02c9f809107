"""The whole system on one machine, as real processes that a test can stop, kill and start again."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from browser_pool.browser_processes import browsers_of
from tests.fakes.receiver import Receiver
from tests.kept_secrets import Kept, logs_below
from tests.ports import free_port
from tests.standin.client import StandIn
from tests.waiting import eventually

ROOT = Path(__file__).parents[1]
GUNICORN = ["-m", "gunicorn", "-c", "functions/gunicorn_conf.py", "functions.app:create_app()"]
PROGRAMS = {
    "functions": GUNICORN,
    "pool": ["-m", "browser_pool"],
    "deliverer": ["-m", "functions.deliver"],
    "second": ["-m", "browser_pool"],
}


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody does."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


class System:
    """`with System(tmp_path, standin_options) as system`: leaves no process behind, and checks it.

    At LOG_LEVEL=debug it checks as well, when its processes have ended, that no log holds what it was told.
    """

    def __init__(
        self,
        directory: Path,
        options: dict[str, Any] | None = None,
        *,
        standin_host: str = "127.0.0.1",
        **environ: str,
    ) -> None:
        self.directory = directory
        self.data_dir = directory / "data"
        self.receiver = Receiver()
        self.standin = StandIn.start(options=options or {}, host=standin_host)
        functions_port, pool_port = free_port(), free_port()
        self.functions_url = f"http://127.0.0.1:{functions_port}"
        self.pool_url = f"http://127.0.0.1:{pool_port}"
        self.environ = {
            **os.environ,
            "DATA_DIR": str(self.data_dir),
            "FUNCTIONS_PORT": str(functions_port),
            "POOL_PORT": str(pool_port),
            "PUBLIC_URL": self.functions_url,
            "FUNCTIONS_URL": self.functions_url,
            "POOL_URL": self.pool_url,
            "POOL_SECRET": secrets.token_hex(32),
            "SECRET_KEY": secrets.token_hex(32),
            "NODE_ID": "test-node",
            "WHATSAPP_WEB_URL": self.standin.url,
            "WEBHOOK_ALLOW_HOSTS": self.receiver.host,
            "HEARTBEAT_SECONDS": "0.3",
            "WARM_SLOTS": "0",
            "GOLDEN_PROFILE": "off",
            **environ,
        }
        self.kept = Kept() if self.environ.get("LOG_LEVEL") == "debug" else None
        if self.kept is not None:
            self.kept.environment(self.environ)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._http = requests.Session()
        self.api_key = ""
        self.workspace_id = ""

    def __enter__(self) -> Self:
        try:
            for name in ("functions", "pool", "deliverer"):
                self.start(name)
            self.workspace_id, self.api_key, self.receiver.secret = self.workspace("Toko Bunga")
            self.wait_for_node()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            for log in sorted(self.directory.glob("*.log")):
                print(f"--- {log.name}", log.read_text(errors="replace")[-6000:], sep="\n")
        self.close()
        if kind is None and self.kept is not None:
            told = self.kept.told(self.logs())
            assert told == [], "\n".join(told[:20])

    # ---- processes

    def start(self, name: str, **environ: str) -> None:
        """Start one of functions, pool, deliverer, and wait until its port is open."""
        self.spawn(name, [sys.executable, *PROGRAMS[name]], {**self.environ, **environ})
        port = {"functions": self.environ["FUNCTIONS_PORT"], "pool": self.environ["POOL_PORT"]}.get(
            name, environ.get("POOL_PORT")
        )
        if port is not None:
            eventually(lambda: listens(int(port)), f"{name} listens", within=60)

    def spawn(self, name: str, command: list[str], environ: dict[str, str]) -> None:
        """A process of this name, whose output goes to its log; `stop` and `kill` end it."""
        with (self.directory / f"{name}.log").open("ab") as output:
            self._processes[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environ,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def stop(self, name: str) -> None:
        """SIGTERM; must end by itself, with status 0."""
        process = self._processes.pop(name)
        process.terminate()
        assert process.wait(60) == 0, f"{name} ended with {process.returncode}"

    def kill(self, name: str) -> None:
        """kill -9 to the process and what it forked (gunicorn's workers, Playwright's driver)."""
        process = self._processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def running(self) -> dict[str, int]:
        """Name → pid of what was started and not stopped."""
        return {name: process.pid for name, process in list(self._processes.items())}

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(errors="replace")

    def logs(self) -> dict[str, str]:
        """Every file that somebody could read as a log."""
        return logs_below(self.directory)

    def wait_for_node(self) -> None:
        """The functions know a live pool."""
        eventually(self._node_is_live, "a node is live", within=40)

    def _node_is_live(self) -> bool:
        try:
            answer = requests.get(f"{self.functions_url}/readyz", timeout=5)
        except (requests.ConnectionError, requests.Timeout):  # it starts, or the machine is crowded
            return False
        return answer.ok and answer.json()["live_nodes"] > 0

    def browsers(self) -> dict[int, str]:
        """pid → session id of this system's browsers, main processes only."""
        return browsers_of(self.data_dir)

    def close(self) -> None:
        """Stop everything and assert that nothing is left."""
        try:
            for name in ("pool", "second", "functions", "deliverer"):
                if name in self._processes:
                    self.stop(name)
        finally:
            # one that did not stop in order must not leave the others running, nor this process
            for name in self.running():
                self.kill(name)
            left = self.browsers()
            for pid in left:
                os.killpg(pid, signal.SIGKILL)
            self._http.close()
            self.receiver.close()
            self.standin.close()
        assert not left, f"browsers left behind: {left}"
        assert self.receiver.forged == 0

    # ---- what a backend does

    def workspace(self, name: str) -> tuple[str, str, str]:
        """(workspace_id, api_key, webhook_secret), made with the command line."""
        command = ["-m", "storage.cli", "workspaces", "create", name]
        done = subprocess.run(
            [sys.executable, *command, "--webhook-url", self.receiver.url(), "--json"],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        said = json.loads(done.stdout)
        if self.kept is not None:
            self.kept.answer(said)
        return said["workspace_id"], said["api_key"], said["webhook_secret"]

    def call(self, method: str, path: str, *, api_key: str | None = None, **more: Any) -> requests.Response:
        """One call of the HTTP API."""
        headers = {"Authorization": f"Bearer {api_key or self.api_key}", **more.pop("headers", {})}
        url = f"{self.functions_url}{path}"
        answer = self._http.request(method, url, headers=headers, timeout=30, **more)
        if self.kept is not None and answer.headers.get("Content-Type") == "application/json":
            self.kept.answer(answer.json())
        return answer

    def create(self, **wanted: Any) -> dict[str, Any]:
        """POST /api/sessions."""
        answer = self.call("POST", "/api/sessions", json=wanted)
        assert answer.status_code in (201, 202), answer.text
        body: dict[str, Any] = answer.json()
        return body

    def session(self, session_id: str) -> dict[str, Any]:
        """GET /api/sessions/{id}."""
        body: dict[str, Any] = self.call("GET", f"/api/sessions/{session_id}").json()
        return body

    def until(
        self, session_id: str, reached: str | Callable[[dict[str, Any]], bool], within: float = 60.0
    ) -> dict[str, Any]:
        """The session once it has this status, or once this is true of it."""
        last: dict[str, Any] = {}

        def look() -> dict[str, Any] | None:
            last.update(self.session(session_id))
            good = last["status"] == reached if isinstance(reached, str) else reached(last)
            return last if good else None

        try:
            eventually(look, f"session is {reached}", within)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {last}\n{self.story(session_id)}") from error
        return last

    def story(self, session_id: str) -> str:
        """What the logs say of a session, for the reader of a failed test."""
        lines = [
            line
            for path in sorted(self.directory.glob("*.log"))
            for line in path.read_text(errors="replace").splitlines()
            if session_id in line and '"request"' not in line
        ]
        return "\n".join(lines[-40:])

    def link(self, phone_number: str, within: float = 60.0, **wanted: Any) -> dict[str, Any]:
        """A session linked to this number, the short way: the QR's text goes to the scripted phone.

        It may be asleep again when this returns, on a machine that is full.
        """
        session = self.create(**wanted)
        self.scan(session["id"], phone_number, within)
        done = ("connected", "hibernated")
        return self.until(session["id"], lambda one: one["status"] in done, within)

    def scan(self, session_id: str, phone_number: str, within: float = 60.0) -> None:
        """Scan the QR that is on display."""
        shown = self.until(session_id, lambda session: session["qr"] is not None, within)
        self.standin.scan(shown["qr"]["text"], phone_number)

    def pool_call(self, method: str, path: str, **more: Any) -> Any:
        """One call of the pool's control API."""
        headers = {"Authorization": f"Bearer {self.environ['POOL_SECRET']}"}
        answer = requests.request(method, f"{self.pool_url}{path}", headers=headers, timeout=30, **more)
        return answer.json()

    def browser_pid(self, session_id: str) -> int:
        """The browser that holds this session."""

        def look() -> int | None:
            held = {one["id"]: one for one in self.pool_call("GET", "/sessions")["sessions"]}
            return held.get(session_id, {}).get("browser_pid")

        try:
            pid = eventually(look, f"a browser holds {session_id}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.story(session_id)}") from error
        assert pid is not None
        return pid
