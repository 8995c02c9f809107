"""A session from a warm slot: the QR is in the answer to the call that creates it."""

from __future__ import annotations

import time
from typing import Any

from bench.bench import Bench
from bench.ours import NotReached, Ours
from bench.results import Side
from tests.waiting import eventually

WARM_SLOTS = 2
REFILLED_WITHIN = 60.0
CALM_SECONDS = 0.5
"""After the slot is warm: its browser has come to rest, as it has in a pool that waits for customers."""


def run(bench: Bench) -> None:
    """Row warm: wall time of POST /api/sessions in the backend's client, connection open, QR in the answer.

    One after the other, each from a warm slot; the session is deleted before the next. An answer without a QR
    fails the row. Begins when the pool has built its golden profile, as it does once for a web version: its
    66 MB of writing hold every fsync on the disk for up to 0.1 s.
    """
    with bench.step("warm"), bench.ours(WARM_SLOTS=str(WARM_SLOTS)) as system:
        if "warm" not in _health(system):
            bench.results.note("warm", "not measured: this pool knows no warm slots")
            return
        eventually(
            lambda: _health(system)["golden"] is not None, "the golden profile is built", REFILLED_WITHIN
        )
        for _ in range(bench.plan.singles):
            eventually(lambda: _health(system)["warm"] >= 1, "a slot is warm", REFILLED_WITHIN)
            time.sleep(CALM_SECONDS)
            began = time.perf_counter()
            session = system.create()
            took = time.perf_counter() - began
            if session["qr"] is None:
                raise NotReached(f"a slot was warm and the answer had no QR; status {session['status']}")
            bench.results.add(Side.OURS, "warm", 1, took)
            system.delete(session["id"])


def _health(system: Ours) -> dict[str, Any]:
    health: dict[str, Any] = system.pool_call("GET", "/health").json()
    return health
