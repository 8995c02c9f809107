"""What a node begins of an answer: never what has ended here while the answer was on its way."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from browser_pool.reconciler import Reconciler
from storage.node_protocol import Heartbeat, HeartbeatAnswer, HeldSession, SessionSpec


class Node:
    """A pool that writes down what it is asked for."""

    def __init__(self, *here: str) -> None:
        self.here = set(here)
        self.asked: list[str] = []
        holdings = SimpleNamespace(
            forget_erased=lambda _: None,
            has=lambda one: one in self.here,
            held_before=lambda one, _: one in self.here,
        )
        pool: Any = SimpleNamespace(ensure=self._ensure, holdings=holdings)
        departures: Any = SimpleNamespace(log_out=self._log_out)
        self.reconciler = Reconciler(pool, departures)

    async def _ensure(self, spec: SessionSpec) -> None:
        self.asked.append(f"run {spec.id}")

    async def _log_out(self, session_id: str) -> None:
        self.asked.append(f"log out {session_id}")

    async def hears(self, *, run: str, held: tuple[str, ...] = (), untold: tuple[str, ...] = ()) -> list[str]:
        spec = SessionSpec(id=run, workspace_id="w", generation=1, linked=True, fresh=False, start_seq=1)
        answer = HeartbeatAnswer(
            lease_ttl_seconds=15, run=[spec], close=[], log_out=[run], erase=[], alone=True
        )
        sessions = [HeldSession(id=one, generation=1, start_seq=1, status="connected") for one in held]
        heartbeat = Heartbeat(
            node_id="n",
            url="http://n",
            region=None,
            capacity=1,
            live=1,
            warm=0,
            queued=0,
            draining=False,
            sessions=sessions,
            profiles=[],
        )
        self.reconciler.reconcile(answer, 0.0, heartbeat, untold)
        await asyncio.sleep(0)
        await self.reconciler.close()
        return self.asked


async def test_what_is_not_here_is_run_and_what_is_here_logged_out() -> None:
    assert await Node().hears(run="a") == ["run a"]
    assert await Node("a").hears(run="a", held=("a",)) == ["run a", "log out a"]


async def test_what_ended_since_the_heartbeat_was_sent_is_not_run_again() -> None:
    assert await Node().hears(run="a", held=("a",)) == []


async def test_what_ended_before_the_functions_could_hear_of_it_is_not_run_again() -> None:
    assert await Node().hears(run="a", untold=("a",)) == []


async def test_what_has_news_and_is_here_hears_every_wish() -> None:
    assert await Node("a").hears(run="a", held=("a",), untold=("a",)) == ["run a", "log out a"]
