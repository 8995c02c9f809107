"""A web version that never shows a QR, a pinned one, and a service worker in between."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.ports import free_port
from tests.standin.client import StandIn
from tests.system import ROOT, System
from tests.waiting import eventually

pytestmark = pytest.mark.browser
GOOD, BAD = "2.3000.1043987654", "2.3000.1050000000"
HURRY = {"LOAD_TIMEOUT_SECONDS": "2", "FIRST_QR_TIMEOUT_SECONDS": "2"}


def web_version(system: System) -> dict[str, Any]:
    body: dict[str, Any] = requests.get(f"{system.pool_url}/health", timeout=5).json()["web_version"]
    return body


def a_version_was_good(system: System) -> dict[str, Any]:
    session = system.link("+6281234567890")
    eventually(lambda: web_version(system)["last_good"] == GOOD, "its index document is kept")
    return session


def reconnected(system: System) -> set[str]:
    return {event.data["session_id"] for event in system.receiver.of_type("session_reconnected")}


def break_the_site(system: System) -> None:
    system.standin.options(broken_index=True, version=BAD)


@pytest.mark.parametrize(
    "site",
    [{"after_link": "reload"}, {"sw_keeps_index": True}, {"after_link": "reload", "sw_keeps_index": True}],
    ids=str,
)
def test_a_version_that_never_shows_a_qr_is_replaced_by_the_last_good_one(
    tmp_path: Path, site: dict[str, Any]
) -> None:
    """Also when the page reloads itself, when a service worker answers with the broken document, and both."""
    with System(tmp_path, site, **HURRY) as system:
        linked = a_version_was_good(system)
        assert web_version(system) == {"serving": "live", "pinned": None, "last_good": GOOD}
        break_the_site(system)
        session = system.link("+6281234567891")
        assert session["phone_number"] == "+6281234567891"
        assert web_version(system)["serving"] == "last_good"
        assert '"web_version_fallback"' in system.log("pool")
        assert "session_failed" not in system.receiver.types(session["id"])
        # from now on nobody waits for two failures first
        failures = system.log("pool").count('"slot_failed"')
        assert failures
        system.link("+6281234567892")
        assert system.log("pool").count('"slot_failed"') == failures
        system.stop("pool")
        system.start("pool")
        wanted = {linked["id"], session["id"]}
        eventually(lambda: reconnected(system) >= wanted, "the linked ones are back")


class Mirror:
    """Serves index documents by version, as archives of WhatsApp Web do."""

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = mirror.documents.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Security-Policy", "default-src 'none'; sandbox")
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.template = f"http://127.0.0.1:{self._server.server_port}/{{version}}.html"

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    running = Mirror()
    yield running
    running.close()


def index_of(standin: StandIn) -> bytes:
    return requests.get(standin.url, timeout=5).content


def test_a_pinned_version_comes_from_mirror_and_then_disk(tmp_path: Path, mirror: Mirror) -> None:
    with System(tmp_path, **HURRY) as system:
        mirror.documents[f"/{GOOD}.html"] = index_of(system.standin)
        break_the_site(system)
        pinned = {"WEB_VERSION": GOOD, "WEB_VERSION_URL": mirror.template}
        system.stop("pool")
        system.start("pool", **pinned)
        system.wait_for_node()
        system.link("+6281234567890")
        assert web_version(system)["serving"] == "pinned"
        mirror.close()
        system.stop("pool")
        system.start("pool", **pinned)
        system.link("+6281234567891")
        system.stop("pool")


@pytest.mark.parametrize(
    ("version", "why"), [(GOOD, "answered 404"), (BAD, "no HTML page"), ("../x", "must be a version")]
)
def test_a_pinned_version_that_cannot_be_had_stops_the_start(
    tmp_path: Path, mirror: Mirror, version: str, why: str
) -> None:
    mirror.documents[f"/{BAD}.html"] = b"no page at all"
    environ = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": str(tmp_path / "data"),
        "POOL_PORT": str(free_port()),
        "POOL_SECRET": secrets.token_hex(32),
        "WEB_VERSION": version,
        "WEB_VERSION_URL": mirror.template,
    }
    command = [sys.executable, "-m", "browser_pool"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, timeout=30, check=False)
    assert done.returncode == 2
    assert why in done.stderr.decode()
