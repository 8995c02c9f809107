"""The functions as one gunicorn process on one core, with a node that has no browsers.

For what only they and the registry do: hosted pages that are open in great numbers.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import requests

from bench import processes
from bench.machine import clean_environ
from bench.open_pages import OpenPage
from deploy.settings import ROOT
from deploy.stack import FUNCTIONS
from tests.fakes.pool import FakePool
from tests.waiting import eventually

QR_LIFE = timedelta(hours=1)
"""No QR ends while it is measured: its pages would poll faster for two seconds."""
OPENERS = 6


class FunctionsAlone:
    """Made by `running`."""

    def __init__(self, url: str, pid: int, api_key: str) -> None:
        self._url = url
        self._pid = pid
        self._authorization = {"Authorization": f"Bearer {api_key}"}

    def open_pages(self, count: int) -> list[OpenPage]:
        """So many sessions, each with a QR on its hosted page, open in a browser of its own."""

        def one(_: int) -> OpenPage:
            made = requests.post(
                f"{self._url}/api/sessions", json={}, headers=self._authorization, timeout=30
            )
            return OpenPage.opened(made.json()["link_url"])

        with ThreadPoolExecutor(OPENERS) as threads:
            return list(threads.map(one, range(count)))

    def use_one_core(self) -> None:
        """Every thread of gunicorn on the first core; whoever asks moves to the others, if there are any."""
        cores = sorted(os.sched_getaffinity(0))
        for pid in processes.tree([self._pid]):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cores[:1])
        os.sched_setaffinity(0, cores[1:] or cores)

    def cpu_seconds(self) -> float:
        """What gunicorn has used so far."""
        return processes.cpu_seconds([self._pid])


@contextmanager
def running(directory: Path, port: int) -> Iterator[FunctionsAlone]:
    """One worker on an empty registry; ends with no process left, and this one back on all its cores."""
    directory.mkdir(parents=True)
    url, pool_secret = f"http://127.0.0.1:{port}", secrets.token_hex(32)
    environ = {
        **clean_environ(),
        "DATA_DIR": str(directory),
        "FUNCTIONS_PORT": str(port),
        "PUBLIC_URL": url,
        "POOL_SECRET": pool_secret,
        "SECRET_KEY": secrets.token_hex(32),
        "LEASE_TTL_SECONDS": str(QR_LIFE.total_seconds()),
        "GUNICORN_CMD_ARGS": "--workers=1",
    }
    cores = os.sched_getaffinity(0)
    with (directory / "functions.log").open("wb") as log, FakePool(pool_secret, qr_life=QR_LIFE) as pool:
        gunicorn = subprocess.Popen(
            FUNCTIONS.command, cwd=ROOT, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        try:
            eventually(lambda: _answers(url), "the functions answer", within=40)
            command = [sys.executable, "-m", "storage.cli", "workspaces", "create", "Bench", "--json"]
            said = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=True).stdout
            pool.capacity = 100_000
            pool.heartbeat(
                lambda path, body, headers: requests.post(
                    url + path, data=body, headers={**headers, "Content-Type": "application/json"}, timeout=30
                )
            )
            yield FunctionsAlone(url, gunicorn.pid, json.loads(said)["api_key"])
        finally:
            gunicorn.terminate()
            gunicorn.wait()
            os.sched_setaffinity(0, cores)


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/livez", timeout=5).ok
    except requests.ConnectionError:
        return False
