"""The life of n sessions at once, on both sides in turn: created, scanned, linked, measured, restarted."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench import processes
from bench.bench import Bench
from bench.results import Side

RESTARTED = ("kept", "lost")
COSTS = (*RESTARTED, "memory", "cpu")
LINKED = (*COSTS, "link")
OURS = (*LINKED, "cold")
PEER_RESTARTED = (*RESTARTED, "wake")
PEER_COSTS = (*COSTS, "wake")
PEER_LINKED = (*PEER_COSTS, "link", "number")
"""Metrics for which a life has to be lived so far."""

QR_WITHIN = 90.0  # seconds, for the peer
READY_WITHIN = 60.0
REST_SECONDS = 2.0
"""From the end of every sync until memory and CPU are read, on both sides."""


def run(bench: Bench) -> None:
    """Rows cold, link, number (the peer's), memory, cpu, kept, lost, restart (the peer's).

    Both sides do the same number of rounds; who begins changes from round to round. Only one of them runs at
    a time. What each figure is stands in `ours` and `peer`.
    """
    for sessions in bench.plan.sessions:
        rounds = bench.plan.rounds_of(sessions)
        for round_ in range(rounds):
            sides: list[tuple[Side, Callable[[Bench, int], None]]] = [(Side.OURS, ours), (Side.PEER, peer)]
            for side, live in sides[:: -1 if round_ % 2 else 1]:
                if side is Side.OURS and not bench.plan.wants(*OURS):
                    continue
                with bench.step(f"life of {sessions}, round {round_ + 1} of {rounds}, {side}"):
                    live(bench, sessions)


def ours(bench: Bench, count: int) -> None:
    """Our side. WARM_SLOTS=0, START_CONCURRENCY as it comes.

    cold: from before the first POST /api/sessions until GET /api/sessions shows the session's QR.
    link: from before the scan until GET /api/sessions shows `connected` and the phone number.
    memory: PSS of pool process, Playwright driver and all browsers, by the number of sessions.
    cpu: what the same processes used from before the first POST until then, by the number of sessions.
    kept: pool stopped with SIGTERM and ON_STOP=keep; from the spawn of the next until a session is usable.
    lost: pool and browsers killed with -9; the same. Usable: `Ours.usable`.
    """
    results, plan = bench.results, bench.plan
    with bench.ours() as system:
        cpu_before, beside_before = _cpu(system.roots()), _cpu(system.beside())
        began = time.time()
        ids = [system.create()["id"] for _ in range(count)]
        shown = system.reach(ids, lambda session: session["qr"] is not None)
        results.add(Side.OURS, "cold", count, *(at - began for at, _ in shown.values()))
        told = [session["timings"]["qr_generation_ms"] for _, session in shown.values()]
        results.add_beside(f"qr_generation_ms as the API tells it, {count}", *told)
        if not plan.wants(*LINKED):
            return
        scanned = {}
        for session_id, number in zip(ids, bench.numbers(count), strict=True):
            scanned[session_id] = time.time()
            bench.standin.scan(shown[session_id][1]["qr"]["text"], number)
        linked = system.reach(
            ids, lambda session: session["status"] == "connected" and session["phone_number"] is not None
        )
        results.add(Side.OURS, "link", count, *(at - scanned[one] for one, (at, _) in linked.items()))
        if not plan.wants(*COSTS):
            return
        _rest(bench, max(scanned.values()))
        results.add(Side.OURS, "memory", count, processes.pss_bytes(system.roots()) / count)
        results.add(Side.OURS, "cpu", count, (_cpu(system.roots()) - cpu_before) / count)
        results.add_beside(f"functions and deliverer, PSS, {count}", processes.pss_bytes(system.beside()))
        results.add_beside(
            f"functions and deliverer, CPU per link with our polls, {count}",
            (_cpu(system.beside()) - beside_before) / count,
        )
        if not plan.wants(*RESTARTED):
            return
        before = system.browsers()
        system.stop("pool")
        spawned = system.start("pool")
        results.add_beside(f"kept: from spawn until the pool's API answers, {count}", time.time() - spawned)
        usable = system.usable(ids)
        if set(system.browsers()) != set(before):
            raise AssertionError("a restart that keeps browsers has replaced some")
        results.add(Side.OURS, "kept", count, *(at - spawned for at in usable.values()))
        system.kill_pool_and_browsers()
        spawned = system.start("pool")
        usable = system.usable(ids, not_in=before)
        system.reach(ids, lambda session: session["status"] == "connected")
        results.add(Side.OURS, "lost", count, *(at - spawned for at in usable.values()))


def peer(bench: Bench, count: int) -> None:
    """whatsapp-web.js. Its moments are those at which its events fire, by the clock of its own process.

    cold: from client.initialize(), Node running and the library loaded, until the event `qr`.
    link: from before the scan until `ready`, the first event that tells the number.
    number: the same less the time that the stand-in takes to accept.
    memory, cpu: Node and all of Chromium, by the number of sessions; cpu from before initialize().
    restart: closed in order by client.destroy(), which is not counted; from the spawn of Node until `ready`.
    """
    results, plan = bench.results, bench.plan
    ids = [f"client{place}" for place in range(count)]
    directory = bench.place()
    with bench.peer(directory).loaded() as node:
        results.add_beside("Node's start and the loading of whatsapp-web.js", node.loading_seconds)
        cpu_before = _cpu([node.pid])
        began = node.initialize(ids)
        shown = node.first("qr", count, QR_WITHIN)
        bench.missed(f"QR at {count}", count, len(shown), node.errors)
        results.add(Side.PEER, "cold", count, *(event["at"] - began for event in shown.values()))
        if not plan.wants(*PEER_LINKED) or not shown:
            return
        scanned = {}
        for one, number in zip(shown, bench.numbers(len(shown)), strict=True):
            scanned[one] = time.time()
            bench.standin.scan(shown[one]["text"], number)
        ready = node.first("ready", len(shown), READY_WITHIN)
        bench.missed(f"ready at {count}", len(shown), len(ready), node.errors)
        took = [event["at"] - scanned[one] for one, event in ready.items()]
        results.add(Side.PEER, "link", count, *took)
        results.add(Side.PEER, "number", count, *(seconds - bench.link_seconds for seconds in took))
        if not plan.wants(*PEER_COSTS):
            return
        _rest(bench, max(scanned.values()))
        if len(ready) == count:
            results.add(Side.PEER, "memory", count, processes.pss_bytes([node.pid]) / count)
            results.add(Side.PEER, "cpu", count, (_cpu([node.pid]) - cpu_before) / count)
    if not plan.wants(*PEER_RESTARTED):
        return
    assets = bench.standin.stats()["asset_loads"]
    with bench.peer(directory) as node:
        node.initialize(list(ready))
        back = node.first("ready", len(ready), READY_WITHIN)
        bench.missed(f"ready after a restart at {count}", len(ready), len(back), node.errors)
        results.add(Side.PEER, "restart", count, *(event["at"] - node.spawned_at for event in back.values()))
    loaded = bench.standin.stats()["asset_loads"] - assets
    results.add_beside(f"scripts the peer loaded again at a restart, {count}", loaded / count)


def _cpu(roots: list[int]) -> float:
    return processes.cpu_seconds(roots)


def _rest(bench: Bench, scanned_at: float) -> None:
    """Until the page has synced and come to rest; equally late on both sides, however early one is ready."""
    until = scanned_at + bench.link_seconds + bench.sync_seconds + REST_SECONDS
    time.sleep(max(1.0, until - time.time()))
