"""The whole system with its functions as Lambdas: the packaged archive under awslambdaric, behind a gateway.

Rule: nothing of this machine's packages or sources is on their path, only what the archive holds.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import awslambdaric

from tests.serverless.gateway import LocalGateway, routes_of
from tests.serverless.runtime_api import LambdaRuntime
from tests.system import System

NAMES = {
    "PageLambdaFunction": "lambda_page",
    "ApiLambdaFunction": "lambda_api",
    "NodesLambdaFunction": "lambda_nodes",
    "DeliverLambdaFunction": "lambda_deliver",
    "OperatorLambdaFunction": "lambda_operator",
}
DELIVER = "linkpool-test-deliver"
_SITE = Path(awslambdaric.__file__).parents[1]


def runtime_alone(directory: Path) -> Path:
    """A directory with Lambda's own runtime and nothing beside it."""
    directory.mkdir()
    for pattern in ("awslambdaric", "runtime_client*.so", "simplejson", "snapshot_restore_py.py"):
        for path in _SITE.glob(pattern):
            (directory / path.name).symlink_to(path)
    return directory


class Lambdas:
    """Every function of the template, one warm instance each, and the gateway before them."""

    def __init__(
        self,
        archive: Path,
        template: Mapping[str, Any],
        directory: Path,
        port: int,
        environ: Mapping[str, str],
    ) -> None:
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="asynchronous")
        runtime = directory / "runtime"
        search = [archive, runtime if runtime.exists() else runtime_alone(runtime)]
        self.runtimes: dict[str, LambdaRuntime] = {}
        self._locks: dict[str, threading.Lock] = {}
        for function, module in NAMES.items():
            self._locks[function] = threading.Lock()
            self.runtimes[function] = LambdaRuntime(
                f"functions.{module}.handler", archive, directory / f"{module}.log", search=search, **environ
            )
        invoke: dict[str, Callable[[dict[str, Any]], Any]] = {
            function: lambda event, function=function: self.invoke(function, event) for function in NAMES
        }
        self.gateway = LocalGateway(
            port, routes_of(template), invoke, asynchronous={DELIVER: self._invoke_later}
        )

    def invoke(self, function: str, event: object) -> Any:
        """One at a time, as an instance is asked."""
        with self._locks[function]:
            return self.runtimes[function].invoke(event)

    def _invoke_later(self, event: object) -> None:
        self._threads.submit(self.invoke, "DeliverLambdaFunction", event)

    def close(self) -> None:
        self.gateway.__exit__(None, None, None)
        self._threads.shutdown()
        for runtime in self.runtimes.values():
            runtime.close()


class LambdaSystem(System):
    """`System`, its functions packaged."""

    def __init__(
        self, directory: Path, archive: Path, template: Mapping[str, Any], database_url: str, **environ: str
    ) -> None:
        super().__init__(directory, None, DATABASE_URL=database_url, **environ)
        self._archive, self._template = archive, template
        self.lambdas: Lambdas | None = None

    def start(self, name: str, **environ: str) -> None:
        if name == "functions":
            self.lambdas = self._start_lambdas()
        elif name != "deliverer":  # woken by whoever owes, as on AWS
            super().start(name, **environ)

    def _start_lambdas(self) -> Lambdas:
        handed_over = ("DATABASE_URL", "POOL_SECRET", "SECRET_KEY", "PUBLIC_URL", "WEBHOOK_ALLOW_HOSTS")
        lambdas = Lambdas(
            self._archive,
            self._template,
            self.directory,
            int(self.environ["FUNCTIONS_PORT"]),
            {
                **{name: self.environ[name] for name in handed_over},
                "LIMITS_STATE": "registry",
                "DELIVER_FUNCTION": DELIVER,
                "AWS_ENDPOINT_URL_LAMBDA": self.functions_url,
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_SECRET_ACCESS_KEY": "local",
            },
        )
        done = lambdas.invoke("OperatorLambdaFunction", {"argv": ["registry", "migrate", "--json"]})
        assert done["exit_code"] == 0, done
        return lambdas

    def log(self, name: str) -> str:
        """Each Lambda has one of its own, as on AWS; `functions` is all of them."""
        if name != "functions":
            return super().log(name)
        return "".join(super(LambdaSystem, self).log(module) for module in NAMES.values())

    def workspace(self, name: str) -> tuple[str, str, str]:
        """Made by the operator's Lambda."""
        assert self.lambdas is not None
        argv = ["workspaces", "create", name, "--webhook-url", self.receiver.url(), "--json"]
        done = self.lambdas.invoke("OperatorLambdaFunction", {"argv": argv})
        assert done["exit_code"] == 0, done
        said = json.loads(done["stdout"])
        return said["workspace_id"], said["api_key"], said["webhook_secret"]

    def close(self) -> None:
        try:
            super().close()
        finally:
            if self.lambdas is not None:
                self.lambdas.close()
                self.lambdas = None
