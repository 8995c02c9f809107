"""deploy/docker/probe.py tells a process that lives from one that does not, as an engine asks it."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy.settings import ROOT

PROBE = ROOT / "deploy" / "docker" / "probe.py"


class Alive(BaseHTTPRequestHandler):
    """/livez is well, everything else is not."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/livez" else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Alive) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def probe(part: str, path: str, **environ: str) -> int:
    return subprocess.run(
        [sys.executable, PROBE, part, path], env=environ, timeout=30, check=False
    ).returncode


def test_a_process_that_answers_lives(port: int) -> None:
    assert probe("POOL", "/livez", POOL_PORT=str(port), POOL_HOST="0.0.0.0") == 0
    assert probe("FUNCTIONS", "/livez", FUNCTIONS_PORT=str(port)) == 0


def test_one_that_answers_something_else_does_not(port: int) -> None:
    assert probe("POOL", "/readyz", POOL_PORT=str(port), POOL_HOST="127.0.0.1") == 1


def test_one_that_speaks_mutual_tls_is_asked_by_its_port_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        assert probe("POOL", "/livez", POOL_PORT=port, TLS_CERT="/tls/node.crt") == 0
    assert probe("POOL", "/livez", POOL_PORT=port, TLS_CERT="/tls/node.crt") == 1
    assert probe("POOL", "/livez", POOL_PORT=port) == 1
