"""A linked session sleeps without a browser and is woken."""

from __future__ import annotations

import time

from bench import processes
from bench.bench import Bench
from bench.ours import Ours
from bench.results import Side
from tests.waiting import eventually

NOT_BUILT = (404, 405)
CALM_SECONDS = 1.0
"""Before the next sleep, so that the woken page is not caught in the middle of its start."""


def run(bench: Bench) -> None:
    """Rows wake and hibernated. One linked session, put to sleep and woken again and again.

    wake: from before POST /api/sessions/{id}/wake until GET /api/sessions/{id} shows `connected`.
    hibernated: PSS of the session's browser while it sleeps. The pool process stays for others.
    """
    with bench.step("wake"), bench.ours() as system:
        session_id = system.create()["id"]
        ((_, shown),) = system.reach([session_id], lambda session: session["qr"] is not None).values()
        bench.standin.scan(shown["qr"]["text"], bench.numbers(1)[0])
        system.reach([session_id], lambda session: session["status"] == "connected")
        time.sleep(bench.link_seconds + bench.sync_seconds)
        for _ in range(bench.plan.singles):
            if not _sleep_and_wake(bench, system, session_id):
                for metric in ("wake", "hibernated"):
                    bench.results.note(metric, "not measured: this version does not hibernate")
                return


def _sleep_and_wake(bench: Bench, system: Ours, session_id: str) -> bool:
    answer = system.call("POST", f"/api/sessions/{session_id}/hibernate")
    if answer.status_code in NOT_BUILT:
        return False
    answer.raise_for_status()
    system.reach([session_id], lambda session: session["status"] == "hibernated")
    eventually(lambda: not system.browsers(), "the browser is gone")
    bench.results.add(Side.OURS, "hibernated", 1, processes.pss_bytes(system.browsers()))
    began = time.time()
    system.call("POST", f"/api/sessions/{session_id}/wake").raise_for_status()
    ((at, _),) = system.reach([session_id], lambda session: session["status"] == "connected").values()
    bench.results.add(Side.OURS, "wake", 1, at - began)
    system.usable([session_id])
    time.sleep(CALM_SECONDS)
    return True
