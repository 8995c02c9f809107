"""Prometheus and Alertmanager as processes, with our rules and without their patience."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import requests

from tests.fakes.processes import free_port
from tests.system import ROOT
from tests.waiting import eventually

RULES = ROOT / "deploy" / "prometheus"
PROGRAMS = ("prometheus", "promtool", "prometheus-alertmanager")


@pytest.fixture(autouse=True)
def prometheus_installed() -> None:
    """In CI the absence of a program is a failure; elsewhere the tests skip."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        reason = f"not on PATH: {', '.join(absent)}; deploy/setup.sh peers brings them"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


class Monitoring:
    """Scrapes every second, evaluates every second, and hands each alert on at once."""

    def __init__(
        self,
        directory: Path,
        token: str,
        jobs: dict[str, str],
        shorten: Callable[[str], str] = lambda rules: rules,
    ) -> None:
        self._directory = directory
        self._shorten = shorten
        self._token = token
        self._jobs = jobs
        self._processes: list[subprocess.Popen[bytes]] = []
        self.alerts: dict[str, dict[str, Any]] = {}
        """What Alertmanager has sent to whoever is on call, by name."""
        self.called_at: dict[str, float] = {}
        """Name → when it called last, monotonic. Who goes on firing does not call again."""
        self.firing: set[str] = set()
        """Names that have called and not been taken back."""

    def __enter__(self) -> Self:
        self._pager = ThreadingHTTPServer(("127.0.0.1", 0), _pager(self))
        threading.Thread(target=self._pager.serve_forever, args=(0.05,), daemon=True).start()
        try:
            self._start()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def _start(self) -> None:
        alerting = self._start_alertmanager()
        (self._directory / "token").write_text(self._token)
        rules = (RULES / "alerts.yml").read_text()
        rules = re.sub(r"for: \w+", "for: 0s", self._shorten(rules))
        (self._directory / "alerts.yml").write_text(rules)
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["alerts.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alerting]}]}]},
            "scrape_configs": [
                {
                    "job_name": name,
                    "authorization": {"credentials_file": "token"},
                    "static_configs": [{"targets": [target]}],
                }
                for name, target in self._jobs.items()
            ],
        }
        (self._directory / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        self.url = f"127.0.0.1:{free_port()}"
        self._run(
            "prometheus",
            f"--config.file={self._directory}/prometheus.yml",
            f"--storage.tsdb.path={self._directory}/tsdb",
            f"--web.listen-address={self.url}",
        )
        eventually(self._scrapes, "Prometheus scrapes everything")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(20)
        self._pager.shutdown()
        self._pager.server_close()
        if kind is not None:
            for log in self._directory.glob("*.log"):
                print(f"--- {log.name}", log.read_text(errors="replace")[-3000:], sep="\n")

    def until(self, name: str, within: float = 40.0) -> dict[str, Any]:
        """The alert, once somebody was called because of it."""
        return eventually(lambda: self.alerts.get(name), f"{name} calls somebody", within) or {}

    def _start_alertmanager(self) -> str:
        config = {
            "route": {
                "receiver": "on-call",
                "group_by": ["alertname"],
                "group_wait": "0s",
                "group_interval": "1s",
                "repeat_interval": "1h",
            },
            "receivers": [
                {
                    "name": "on-call",
                    "webhook_configs": [{"url": f"http://127.0.0.1:{self._pager.server_address[1]}/"}],
                }
            ],
        }
        (self._directory / "alertmanager.yml").write_text(json.dumps(config))
        address = f"127.0.0.1:{free_port()}"
        self._run(
            "prometheus-alertmanager",
            f"--config.file={self._directory}/alertmanager.yml",
            f"--storage.path={self._directory}/alertmanager",
            f"--web.listen-address={address}",
            "--cluster.listen-address=",
        )
        return address

    def _run(self, program: str, *arguments: str) -> None:
        with (self._directory / f"{program}.log").open("ab") as output:
            self._processes.append(
                subprocess.Popen([program, *arguments], stdout=output, stderr=output, cwd=self._directory)
            )

    def _scrapes(self) -> bool:
        try:
            answer = requests.get(f"http://{self.url}/api/v1/targets", timeout=5)
        except requests.ConnectionError:
            return False
        if not answer.ok:
            return False  # it listens before it serves
        targets = answer.json()
        health = [target["health"] for target in targets["data"]["activeTargets"]]
        return len(health) == len(self._jobs) and set(health) == {"up"}


def _pager(on_call: Monitoring) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = said["groupLabels"]["alertname"]
            for alert in said["alerts"]:
                if alert["status"] == "firing":
                    on_call.alerts[name] = alert
            if said["status"] == "resolved":
                on_call.firing.discard(name)
            elif name not in on_call.firing:
                on_call.called_at[name] = time.monotonic()
                on_call.firing.add(name)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    return Handler
