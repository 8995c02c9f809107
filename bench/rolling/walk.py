"""A rolling deploy: every node is replaced, one after the other, twice, while the traffic goes on.

First each pool process is replaced on its machine and adopts the browsers of the one before; then each
machine is drained and another one comes in its place. In each round the functions get new workers, and the
deliverer is another process after it. What has to be true is written down where it is not.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.rolling.nodes import WITHIN, Machine, Nodes
from bench.rolling.traffic import Traffic
from tests.waiting import eventually

FIRST_NUMBER = 6281180000000
BEFORE_LINK = ("qr_code_generated", "pairing_code_generated", "session_logged_out", "session_failed")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much."""

    nodes: int = 3
    linked: int = 12
    """Sessions that are there before and after."""
    backends: int = 2
    """That create and link at the same time."""
    link_every: float = 2.0
    """Seconds between two creates of one of them, where the machine is quick enough."""
    warm_slots: int = 1


@dataclass(frozen=True, kw_only=True)
class Step:
    """One node replaced."""

    how: str
    node: str
    sessions: int
    stopped_seconds: float
    """From SIGTERM until its process was gone."""
    whole_seconds: float
    """From SIGTERM until every session was connected, and the new process took part."""


@dataclass(kw_only=True)
class Outcome:
    """All that was found."""

    steps: list[Step] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    requests: dict[str, list[float]] = field(default_factory=dict)
    """Seconds, by what was asked."""
    qr_seconds: list[float] = field(default_factory=list)
    link_seconds: list[float] = field(default_factory=list)
    away_seconds: list[float] = field(default_factory=list)
    """From disconnected to connected again, as webhooks say it, of each session that moved."""
    done: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def roll(plan: Plan, directory: Path, database_url: str, say: Callable[[str], None]) -> Outcome:
    """Everything, in this directory; nothing runs any more when it returns."""
    outcome, began = Outcome(), time.monotonic()
    with Nodes(directory, database_url, plan.nodes, plan.warm_slots) as system:
        say(f"{plan.nodes} nodes run")
        linked = _linked(system, plan.linked)
        say(f"{plan.linked} sessions are linked and saved")
        with Traffic(system, linked, plan.backends, plan.link_every) as traffic:
            eventually(lambda: traffic.link_seconds, "the traffic links", WITHIN)
            _same_machines(system, linked, outcome, say)
            _other_machines(system, linked, outcome, say)
            links = len(traffic.link_seconds)
            eventually(lambda: len(traffic.link_seconds) > links, "the traffic still links", WITHIN)
        say("the traffic has ended")
        _whole(system, traffic, outcome)
    outcome.seconds = time.monotonic() - began
    return outcome


def _linked(system: Nodes, count: int) -> dict[str, str]:
    """One after the other: those that are made at once may all go to one node."""
    numbers = [f"+{FIRST_NUMBER + place}" for place in range(count)]
    made = [system.link(number, WITHIN)["id"] for number in numbers]
    for session_id in made:
        system.until(session_id, lambda one: one["snapshot"] is not None, WITHIN)
    return dict(zip(made, numbers, strict=True))


def _same_machines(
    system: Nodes, linked: dict[str, str], outcome: Outcome, say: Callable[[str], None]
) -> None:
    loads, first = _loads(system, linked), system.machines[0]
    for machine in list(system.machines):
        before = _browsers(system, machine, linked)
        with _step(system, linked, outcome, "same machine", machine, say) as stopped:
            system.stop_node(machine)
            stopped()
            system.start_node(machine, on_stop="drain")
        try:
            eventually(lambda: _browsers(system, machine, linked) == before, "it has the same", WITHIN)  # noqa: B023
        except AssertionError:
            outcome.problems.append(f"{machine.name} has not kept its browsers")
        if machine is first:
            system.reload_functions()
    if _loads(system, linked) != loads:
        outcome.problems.append("pages of linked sessions were loaded anew although their browsers were kept")
    system.restart_deliverer()


def _other_machines(
    system: Nodes, linked: dict[str, str], outcome: Outcome, say: Callable[[str], None]
) -> None:
    old = list(system.machines)
    for machine in old:
        with _step(system, linked, outcome, "other machine", machine, say) as stopped:
            system.stop_node(machine)
            stopped()
            system.forget(machine)
            system.start_node(system.new_machine(), on_stop="close")
        if machine is old[0]:
            system.reload_functions()
    system.restart_deliverer()
    if taken := system.log("functions").count("session_taken_over"):
        outcome.problems.append(f"{taken} sessions were taken over from nodes that seemed lost")
    names = {one.name for one in old}
    if left := [one for one in linked if system.session(one)["node_id"] in names]:
        outcome.problems.append(f"{len(left)} sessions are on machines that are gone")


@contextmanager
def _step(
    system: Nodes,
    linked: dict[str, str],
    outcome: Outcome,
    how: str,
    machine: Machine,
    say: Callable[[str], None],
) -> Iterator[Callable[[], None]]:
    """Timed, and over when every session that was there before is connected somewhere."""
    sessions = len(_browsers(system, machine, linked))
    began = time.monotonic()
    at: list[float] = []
    yield lambda: at.append(time.monotonic() - began)
    for session_id, number in linked.items():
        system.until(session_id, "connected", WITHIN)
        eventually(lambda number=number: _connected(system, number), "its page is connected", WITHIN)
    step = Step(
        how=how,
        node=machine.name,
        sessions=sessions,
        stopped_seconds=at[0],
        whole_seconds=time.monotonic() - began,
    )
    outcome.steps.append(step)
    say(
        f"{how}: {machine.name}, {sessions} sessions, stopped after {at[0]:.1f} s, {step.whole_seconds:.1f} s"
    )


def _whole(system: Nodes, traffic: Traffic, outcome: Outcome) -> None:
    """What has to be true in the end."""
    for session_id, number in traffic.linked.items():
        try:
            system.until(session_id, "connected", WITHIN)
        except AssertionError as error:
            outcome.problems.append(f"not connected at the end: {str(error)[:1500]}")
        devices = [one for one in system.standin.state(number)["devices"] if one["linked"]]
        if len(devices) != 1:
            outcome.problems.append(f"{session_id}: the phone has {len(devices)} devices")
    outcome.problems += [f"a request failed: {one}" for one in traffic.failed]
    outcome.problems += [f"asked again: {one}" for one in dict.fromkeys(traffic.asked_again)]
    outcome.problems += traffic.broken
    if double := system.standin.stats()["double_runs"]:
        outcome.problems.append(f"the stand-in saw {double} accounts run twice")
    eventually(lambda: _told(system) >= traffic.linked.keys(), "every link was told", WITHIN)
    outcome.problems += _wrong_webhooks(system)
    outcome.away_seconds = _away(system)
    outcome.requests, outcome.done = traffic.seconds, traffic.done
    outcome.qr_seconds, outcome.link_seconds = traffic.qr_seconds, traffic.link_seconds


def _told(system: Nodes) -> set[str]:
    return {one.data["session_id"] for one in system.receiver.received if one.type == "session_ready"}


def _webhooks(system: Nodes) -> dict[str, list[dict[str, Any]]]:
    """Of each session, in order, each once."""
    seen: set[str] = set()
    found: dict[str, list[dict[str, Any]]] = {}
    for one in list(system.receiver.received):
        if one.id not in seen:
            seen.add(one.id)
            found.setdefault(one.data["session_id"], []).append(one.body)
    return found


def _wrong_webhooks(system: Nodes) -> list[str]:
    """No link is told twice, and none is asked for a QR once it is told."""
    wrong = []
    for session_id, bodies in _webhooks(system).items():
        types = [one["type"] for one in bodies]
        if types.count("session_ready") > 1:
            wrong.append(f"{session_id} was told to be ready {types.count('session_ready')} times")
        if "session_ready" in types:
            after = types[types.index("session_ready") :]
            wrong += [
                f"{session_id} was told {one} when it was linked" for one in BEFORE_LINK if one in after
            ]
    return wrong


def _away(system: Nodes) -> list[float]:
    away = []
    for bodies in _webhooks(system).values():
        since: datetime | None = None
        for body in bodies:
            at = datetime.fromisoformat(body["timestamp"])
            if body["type"] == "session_disconnected":
                since = since or at
            elif body["type"] == "session_reconnected" and since is not None:
                away.append((at - since).total_seconds())
                since = None
    return away


def _browsers(system: Nodes, machine: Machine, linked: dict[str, str]) -> dict[str, int]:
    """Session → pid, of those that were there before the traffic."""
    return {one: pid for one, pid in system.held_by(machine).items() if one in linked}


def _device(system: Nodes, number: str) -> dict[str, Any]:
    (device,) = (one for one in system.standin.state(number)["devices"] if one["linked"])
    return dict(device)


def _connected(system: Nodes, number: str) -> bool:
    return bool(_device(system, number)["state"] == "CONNECTED")


def _loads(system: Nodes, linked: dict[str, str]) -> dict[str, int]:
    """How often the page of each device was loaded."""
    counted = system.standin.stats()["index_loads_by_device"]
    return {one: counted.get(_device(system, number)["id"], 0) for one, number in linked.items()}
