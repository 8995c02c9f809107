"""docs/quickstart.md: every snippet is taken from the page and run, and none believes a forged webhook."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from storage.clock import SystemClock
from storage.database import open_database
from storage.workspaces import NewWorkspace, Workspaces
from tests.fakes.databases import registry_in
from tests.fakes.functions import POOL_SECRET
from tests.fakes.pool import FakePool
from tests.fakes.processes import DelivererProcess, Gunicorn
from tests.ports import free_port
from tests.waiting import eventually

PAGE = (Path(__file__).parents[2] / "docs" / "quickstart.md").read_text(encoding="utf-8")
SNIPPETS = {
    name: code
    for code, name in re.findall(r"```\w+\n((?:#|//) (\w+\.(?:sh|py|mjs))\n.*?)```", PAGE, re.DOTALL)
}
RUNNERS = {".sh": ["bash"], ".py": [sys.executable], ".mjs": ["node"]}
BODY = b'{"type":"session_ready","timestamp":"2026-01-01T00:00:00.000Z","data":{"reference":"forged"}}'
NODE = pytest.param("receiver.mjs", marks=pytest.mark.peer)
CREATE_NODE = pytest.param("create.mjs", marks=pytest.mark.peer)


@dataclass
class Site:
    """Functions, a node and a deliverer as real processes, and a workspace that has a backend."""

    directory: Path
    server: Gunicorn
    pool: FakePool
    workspace: NewWorkspace
    port: int
    """Where the backend's receiver listens."""

    def send(self, path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        return requests.post(self.server.url + path, data=body, headers=headers, timeout=10)

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Run a snippet in an environment that has nothing but what the page says."""
        script = self.directory / name
        script.write_text(SNIPPETS[name], encoding="utf-8")
        environ = {
            "PATH": os.environ["PATH"],
            "LINKPOOL_URL": self.server.url,
            "LINKPOOL_API_KEY": self.workspace.api_key,
            "LINKPOOL_WEBHOOK_SECRET": self.workspace.workspace.webhook_secret,
            "PORT": str(self.port),
        }
        with script.with_suffix(".log").open("ab") as errors:
            return subprocess.Popen(
                [*RUNNERS[script.suffix], str(script), *arguments],
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def output(self, name: str, *arguments: str, given: bytes = b"") -> tuple[int, str]:
        """Exit code and output of a snippet that ends."""
        with self.start(name, *arguments) as process:
            said, _ = process.communicate(given, timeout=30)
        return process.returncode, said.decode()

    @contextmanager
    def receiver(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """The snippet as a server, once it listens."""
        with self.start(name) as process:
            try:
                eventually(self._refuses, "the receiver answers")
                yield process
            finally:
                process.terminate()

    def _refuses(self) -> bool:
        try:
            return self.post(b"{}", {}).status_code == 401
        except requests.ConnectionError:
            return False

    def post(self, body: bytes, headers: dict[str, str]) -> requests.Response:
        return requests.post(f"http://127.0.0.1:{self.port}/", data=body, headers=headers, timeout=10)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    port = free_port()
    with ExitStack() as running:
        server = running.enter_context(Gunicorn(tmp_path))
        pool = running.enter_context(FakePool(POOL_SECRET))
        running.enter_context(
            DelivererProcess(tmp_path, f"127.0.0.1:{port}", WEBHOOK_RETRY_SECONDS="0.1," * 99 + "0.1")
        )
        database = open_database(registry_in(tmp_path))
        made = Workspaces(database, SystemClock()).create("Toko", f"http://127.0.0.1:{port}/")
        database.close()
        site = Site(tmp_path, server, pool, made, port)
        assert pool.heartbeat(site.send).status_code == 200
        yield site


def headers_of(secret: str, body: bytes, at: datetime | None = None) -> dict[str, str]:
    """As our sender makes them."""
    at = at or datetime.now(UTC)
    return {
        "webhook-id": "msg_forged",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_forged", at, body.decode()),
    }


def forgeries(secret: str) -> list[tuple[bytes, dict[str, str]]]:
    """Webhooks that nobody should believe."""
    other = "whsec_" + "b" * 43 + "="
    good = headers_of(secret, BODY)
    return [
        (BODY, headers_of(other, BODY)),
        (BODY.replace(b"forged", b"guided"), good),
        (BODY, headers_of(secret, BODY, datetime.now(UTC) - timedelta(hours=1))),
        (BODY, good | {"webhook-id": "msg_another"}),
        (BODY, good | {"webhook-timestamp": "soon"}),
        (BODY, good | {"webhook-signature": "v1,"}),
        (BODY, good | {"webhook-signature": good["webhook-signature"].replace("v1,", "v2,")}),
        (BODY, {}),
    ]


def test_every_snippet_of_the_page_is_run_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert SNIPPETS
    assert all(f'"{name}"' in source for name in SNIPPETS)
    assert PAGE.count("```") == 2 * (len(SNIPPETS) + 2)  # and the two that prepare the shell


@pytest.mark.parametrize("create", ["create.sh", "create.py", CREATE_NODE])
def test_a_session_is_created_once_and_its_page_can_be_shown(site: Site, create: str) -> None:
    code, said = site.output(create)
    assert code == 0, said
    links = [re.search(r"http://[^\s\"]+/link/[\w-]+", text) for text in (said, site.output(create)[1])]
    assert links[0] is not None, said
    assert links[1] is not None
    assert links[0][0] == links[1][0]
    page = requests.get(links[0][0], timeout=10)
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert len(site.pool.held) == 1


@pytest.mark.parametrize("receiver", ["receiver.py", NODE])
def test_a_link_is_heard_of_and_a_forged_webhook_is_not(site: Site, receiver: str) -> None:
    with site.receiver(receiver) as process:
        for body, headers in forgeries(site.workspace.workspace.webhook_secret):
            assert site.post(body, headers).status_code == 401, headers
        assert site.output("create.sh")[0] == 0
        (session_id,) = site.pool.held
        site.pool.scan(session_id, "+6281234567890")
        assert site.pool.relay(site.send).status_code == 200
        assert process.stdout is not None
        lines = [process.stdout.readline().decode().split() for _ in range(3)]
    types = [line[0] for line in lines]
    assert types == ["qr_code_generated", "session_authenticated", "session_ready"]
    assert lines[2] == ["session_ready", "customer-42", "+6281234567890"]


@pytest.mark.parametrize("receiver", ["receiver.py", NODE])
def test_a_webhook_that_comes_twice_is_acted_on_once(site: Site, receiver: str) -> None:
    headers = headers_of(site.workspace.workspace.webhook_secret, BODY)
    headers["webhook-signature"] = f"v1,AAAA {headers['webhook-signature']}"  # while a secret is replaced
    with site.receiver(receiver) as process:
        assert [site.post(BODY, headers).status_code for _ in range(2)] == [204, 204]
        process.terminate()
        assert process.stdout is not None
        said = process.stdout.read().decode()
    assert said.count("session_ready forged") == 1


def test_a_webhook_can_be_checked_by_hand(site: Site) -> None:
    secret = site.workspace.workspace.webhook_secret

    def checked(body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        return site.output("verify.sh", *(headers.get(name, "0") for name in names), given=body)

    assert checked(BODY, headers_of(secret, BODY)) == (0, "genuine\n")
    for body, headers in forgeries(secret):
        code, said = checked(body, headers)
        assert code != 0
        assert "genuine" not in said


def test_a_backend_can_ask_and_follow(site: Site) -> None:
    assert site.output("create.sh")[0] == 0
    (session_id,) = site.pool.held
    site.pool.scan(session_id)
    site.pool.relay(site.send)
    code, said = site.output("ask.sh")
    assert code == 0, said
    decoder = json.JSONDecoder()
    sessions, end = decoder.raw_decode(said)
    events: dict[str, Any] = decoder.raw_decode(said[end:].lstrip())[0]
    assert [one["status"] for one in sessions["sessions"]] == ["connected"]
    assert [one["data"]["phone_number"] for one in events["events"]] == ["+6281234567890"]
    with site.start("follow.sh") as follow:
        assert follow.stdout is not None
        told = [line.decode() for line in (follow.stdout.readline() for _ in range(12))]
        follow.terminate()
    assert [json.loads(line[6:])["type"] for line in told if line.startswith("data: ")][-1] == "session_ready"
