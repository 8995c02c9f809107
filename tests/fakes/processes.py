"""The real processes of the functions, for tests that need them to be real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

import requests

from tests.fakes.functions import environment
from tests.ports import free_port
from tests.waiting import eventually

ROOT = Path(__file__).parent.parent.parent


class Process:
    """One process, its output in a file, gone after the `with`."""

    def __init__(self, command: list[str], directory: Path, name: str, **env: str) -> None:
        self.output = directory / f"{name}.log"
        self._command = command
        self._env = {"PATH": os.environ["PATH"], **environment(directory, **env)}

    def __enter__(self) -> Self:
        with self.output.open("ab") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", *self._command], env=self._env, cwd=ROOT, stdout=output, stderr=output
            )
        try:
            self.until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.popen.poll() is None:
            self.popen.terminate()
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def until_ready(self) -> None:
        """At once, for one that says nothing of it."""

    def kill(self) -> None:
        """kill -9."""
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait(10)

    def says(self, event: str) -> bool:
        return event in self.output.read_text()


class Gunicorn(Process):
    """gunicorn with the workers and threads of production."""

    def __init__(self, directory: Path, **env: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(
            ["gunicorn", "functions.app:create_app()"],
            directory,
            "gunicorn",
            FUNCTIONS_PORT=str(self.port),
            **env,
        )

    def until_ready(self) -> None:
        eventually(self._ready, "gunicorn serves", within=60)

    def _ready(self) -> bool:
        assert self.popen.poll() is None, self.output.read_text()
        if not self.says("Listening at"):
            return False  # and whoever answers there is not ours
        try:
            return requests.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except (requests.ConnectionError, requests.Timeout):  # a crowded machine takes longer
            return False


class DelivererProcess(Process):
    """`python -m functions.deliver`."""

    def __init__(self, directory: Path, allow: str, **env: str) -> None:
        super().__init__(["functions.deliver"], directory, "deliver", WEBHOOK_ALLOW_HOSTS=allow, **env)

    def until_ready(self) -> None:
        eventually(lambda: self.says("deliverer_started"))
