"""The functions in this process, on a real registry, with what a test needs to talk to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from functions.app import make_app, make_services
from functions.config import FunctionsConfig
from storage.clock import Clock, SystemClock
from tests.contract_client import use_contract_client
from tests.fakes.databases import registry_in

POOL_SECRET = "p00l-secret-for-tests-0123456789abcdef"
SECRET_KEY = "k3y-for-tests-only-0123456789abcdefgh"


def environment(directory: Path, **more: str) -> dict[str, str]:
    """What a process of the functions needs."""
    return {
        "DATABASE_URL": registry_in(directory),
        "POOL_SECRET": POOL_SECRET,
        "SECRET_KEY": SECRET_KEY,
        **more,
    }


class LocalFunctions:
    """One app, called without a network."""

    def __init__(self, directory: Path, clock: Clock | None = None, **more: str) -> None:
        self.services = make_services(
            FunctionsConfig.from_env(environment(directory, **more)), clock or SystemClock()
        )
        self.app = make_app(self.services)
        use_contract_client(self.app)
        self.client: FlaskClient = self.app.test_client()

    def workspace(self, name: str = "Toko Bunga", webhook_url: str | None = None) -> Backend:
        """A new workspace and its backend."""
        new = self.services.workspaces.create(name, webhook_url)
        return Backend(self, new.api_key, new.workspace.id, new.workspace.webhook_secret)

    def send(self, path: str, body: bytes, headers: Mapping[str, str]) -> TestResponse:
        """For `FakePool.relay` and `FakePool.heartbeat`."""
        return self.client.post(path, data=body, headers=dict(headers), content_type="application/json")

    def close(self) -> None:
        self.services.close()


class Backend:
    """A customer's software: calls the API with its key."""

    def __init__(
        self, functions: LocalFunctions, api_key: str, workspace_id: str, webhook_secret: str
    ) -> None:
        self.functions = functions
        self.api_key = api_key
        self.workspace_id = workspace_id
        self.webhook_secret = webhook_secret

    def call(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> TestResponse:
        return self.functions.client.open(
            path,
            method=method,
            headers={"Authorization": f"Bearer {self.api_key}", **(headers or {})},
            **options,
        )

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.call("POST", path, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.call("DELETE", path, **options)

    def create(self, **fields: Any) -> dict[str, Any]:
        """A session, as the API shows it."""
        response = self.post("/api/sessions", json=fields)
        assert response.status_code in {201, 202}, response.get_data(as_text=True)
        body: dict[str, Any] = response.get_json()
        return body

    def session(self, session_id: str) -> dict[str, Any]:
        body: dict[str, Any] = self.get(f"/api/sessions/{session_id}").get_json()
        return body
