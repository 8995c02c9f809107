"""The simulator of bench/scale on a small fleet: what it says of large ones rests on this."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bench.scale.fleet import Fleet, SimNode
from bench.scale.report import markdown, svg
from bench.scale.walk import LEASE_TTL, METRICS_TOKEN, Size, Walk
from bench.scale.watch import Cost, Watch
from tests.fakes.functions import POOL_SECRET
from tests.fakes.processes import Gunicorn
from tests.postgres import PostgresServer

SIZE = Size(sessions=50, nodes=5, linking=10, replaced=1)


class Crowded(Fleet):
    """No node answers a direct call, until heartbeats follow, and the breakers' pause has passed."""

    def __init__(self, gunicorn: Gunicorn, url: str) -> None:
        super().__init__(gunicorn.port, POOL_SECRET)
        self._url = url
        self.refused = 0

    def answer(self, path: str, headers: Any, body: bytes) -> dict[str, Any]:
        self.refused += 1
        raise ConnectionAbortedError

    def everybody_beats(self, nodes: Iterable[SimNode] | None = None) -> int:
        if self.refused:
            with psycopg.connect(self._url) as connection:
                connection.execute("UPDATE nodes SET call_failures = 0, avoid_until = NULL")
        return super().everybody_beats(nodes)


@pytest.fixture
def gunicorn(postgres_url: str, tmp_path: Path) -> Iterator[Gunicorn]:
    environ = {
        "DATABASE_URL": postgres_url,
        "LEASE_TTL_SECONDS": str(LEASE_TTL.total_seconds()),
        "LIMITS_STATE": "off",
        "METRICS_TOKEN": METRICS_TOKEN,
    }
    with Gunicorn(tmp_path, **environ) as running:
        yield running


def walk(fleet: Fleet, postgres: PostgresServer, url: str, gunicorn: Gunicorn) -> dict[str, Cost]:
    watch = Watch(url, gunicorn.popen.pid, postgres.pid, fleet)
    try:
        return {cost.what: cost for cost in Walk(url, fleet, watch, SIZE).walk()}
    finally:
        fleet.close()
        watch.close()


def test_every_session_is_placed_and_those_of_lost_and_leaving_nodes_are_begun_elsewhere_once(
    postgres: PostgresServer, postgres_url: str, gunicorn: Gunicorn
) -> None:
    costs = walk(Fleet(gunicorn.port, POOL_SECRET), postgres, postgres_url, gunicorn)
    assert costs["create to QR"].units == 10
    assert costs["a node lost"].units >= 10
    assert costs["a region lost"].units >= 10
    assert costs["a part of the fleet replaced"].units >= 10
    size = {"sessions": 50, "nodes": 5, "load_before": 0.1, "load_after": 3.0, "seconds": 90}
    size["costs"] = [cost.to_json() for cost in costs.values()]
    whole = {"about": {"commit": "0000000", "date": "2026-01-01", "cores": 2}, "sizes": [size]}
    assert "50 sessions: load average 0.1 at its begin, 3.0 at its end, 1.5 minutes" in markdown(whole)
    assert svg(whole).startswith("<svg")


def test_creates_that_no_node_answers_in_time_are_served_by_heartbeats(
    postgres: PostgresServer, postgres_url: str, gunicorn: Gunicorn, capfd: pytest.CaptureFixture[str]
) -> None:
    costs = walk(Crowded(gunicorn, postgres_url), postgres, postgres_url, gunicorn)
    assert costs["create to QR"].late == 10
    assert costs["scanned and ready"].units == 10
    capfd.readouterr()  # http.server tells of each call


def test_a_request_that_is_turned_away_or_cut_off_is_asked_again() -> None:
    headers: list[str] = []

    class Moody(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers.append(self.headers["X-Try"])
            if len(headers) == 2:
                return  # without an answer
            self.send_response(503 if len(headers) == 1 else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Silence."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Moody) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        fleet = Fleet(server.server_address[1], POOL_SECRET)
        tries = iter("abc")
        assert fleet.request("GET", "/", b"", lambda: {"X-Try": next(tries)}) == b""
        fleet.close()
        server.shutdown()
    assert (headers, fleet.traffic.repeated, fleet.traffic.requests) == (["a", "b", "c"], 2, 2)
