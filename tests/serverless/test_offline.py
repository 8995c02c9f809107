"""The acceptance suite through serverless-offline, which reads serverless.yml itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from deploy.lambda_package import source_files
from tests.acceptance.suite import Acceptance
from tests.ports import free_port
from tests.postgres import PostgresServer
from tests.serverless import tools
from tests.system import System
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.peer]


class OfflineSystem(System):
    """`System`, its functions under serverless-offline."""

    def __init__(self, directory: Path, archive: Path, database_url: str) -> None:
        super().__init__(directory, None, DATABASE_URL=database_url)
        self._archive = archive
        self._offline: subprocess.Popen[bytes] | None = None
        self._lambda_port = free_port()

    def start(self, name: str, **environ: str) -> None:
        if name == "functions":
            self._start_offline()
        elif name != "deliverer":
            super().start(name, **environ)

    def _start_offline(self) -> None:
        handed_over = ("DATABASE_URL", "POOL_SECRET", "SECRET_KEY", "PUBLIC_URL", "WEBHOOK_ALLOW_HOSTS")
        environ = tools.environment(
            self.directory,
            **{name: self.environ[name] for name in handed_over},
            VIRTUAL_ENV=str(Path(sys.executable).parents[1]),
            LINKPOOL_ARCHIVE=str(self._archive),
            LINKPOOL_RUNTIME=f"python{sys.version_info.major}.{sys.version_info.minor}",
            AWS_ENDPOINT_URL_LAMBDA=f"http://127.0.0.1:{self._lambda_port}",
            AWS_DEFAULT_REGION="eu-central-1",
        )
        ports = ["--httpPort", self.environ["FUNCTIONS_PORT"], "--lambdaPort", str(self._lambda_port)]
        with (self.directory / "functions.log").open("ab") as output:
            self._offline = subprocess.Popen(
                [tools.FRAMEWORK, "offline", "start", "--stage", "local", "--host", "127.0.0.1", *ports],
                cwd=tools.ROOT,
                env=environ,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        eventually(self._is_up, "serverless-offline answers", within=120)

    def _is_up(self) -> bool:
        """Every function is warm: on a busy machine a cold one takes longer than a client waits."""
        try:
            page = requests.get(f"{self.functions_url}/livez", timeout=60)
            api = requests.get(f"{self.functions_url}/openapi.json", timeout=60)
            nodes = requests.post(f"{self.functions_url}/api/webhook", timeout=60)
        except requests.RequestException:
            return False
        return (page.status_code, api.status_code, nodes.status_code) == (200, 200, 401)

    def close(self) -> None:
        try:
            super().close()
        finally:
            if self._offline is not None:
                os.killpg(self._offline.pid, signal.SIGKILL)  # with its Pythons
                self._offline.wait(10)
                shutil.rmtree(tools.ROOT / ".serverless-offline", ignore_errors=True)  # unpacked archives


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own files of the archive alone: serverless-offline unpacks it for every instance of every function.
    It finds the packages in this process' own environment."""
    path = tmp_path_factory.mktemp("sources") / "functions.zip"
    with zipfile.ZipFile(path, "w") as made:
        for source in source_files():
            made.write(tools.ROOT / source, source)
    return path


@pytest.fixture(scope="module")
def system(
    sources: Path, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OfflineSystem]:
    tools.require_framework()
    url = postgres.make()
    with OfflineSystem(tmp_path_factory.mktemp("offline"), sources, url) as running:
        yield running
    postgres.drop(url)


class TestUnderServerlessOffline(Acceptance):
    """As `serverless offline` runs them."""
