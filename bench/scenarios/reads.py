"""Reads of a session's status: what backends and hosted pages ask all day."""

from __future__ import annotations

from bench import loader
from bench.bench import Bench
from bench.results import Side

ROUNDS = 3


def run(bench: Bench) -> None:
    """Rows reads_api and reads_page: answers 200 a second, no ETag sent, gunicorn as it comes, SQLite.

    A session with a QR on display is read over 16 open connections; load and server share the machine.
    """
    with bench.step("reads"), bench.ours() as system:
        session_id = system.create()["id"]
        ((_, session),) = system.reach([session_id], lambda session: session["qr"] is not None).values()
        targets = {
            "reads_api": (f"{system.url}/api/sessions/{session_id}", {"Authorization": system.authorization}),
            "reads_page": (f"{session['link_url']}/status", {"Accept": "application/json"}),
        }
        for metric, (url, headers) in targets.items():
            for _ in range(ROUNDS):
                speed = loader.reads_per_second(url, headers, bench.plan.read_seconds)
                bench.results.add(Side.OURS, metric, 1, speed)
            bench.results.note(metric, f"with {loader.name()}")
