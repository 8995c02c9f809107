"""The customer's acceptance tests, in their order and under their names.

Rule: a test that needs to break or restart the service runs on a system of our own; on a deployment it is
skipped, and the report says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.acceptance_client import Backend, Try
from bench.acceptance_result import PHONE_SECONDS, Check, TestResult
from tests.fakes.receiver import HANG_UP, Received
from tests.system import System
from tests.waiting import eventually

COUNT = 5
"""Theirs: five times, and five at once."""
NEEDS_OWN = "it needs a service that may be broken; run `make acceptance` without --url"
PHONES = [f"+62811900900{place}" for place in range(10)]
WEBHOOKS_WITHIN = 60.0


def on_deployment(backend: Backend, count: int = COUNT) -> Iterator[TestResult]:
    """What can be asked of one that runs for others: creates and QRs, deleted afterwards."""
    yield skipped("Task 3.1.1", "Create new WhatsApp account")
    yield regenerate(backend, count)
    yield skipped("Task 3.1.3", "Test with backend down")
    yield five_times(backend, count)
    yield skipped("Task 3.3 Test 2", "Error case: Network timeout")
    yield at_once(backend, count)
    yield skipped("Task 3.3 Test 4", "Recovery: restart service with active sessions")


def on_own(system: System, count: int = COUNT) -> Iterator[TestResult]:
    """All of them."""
    with Backend(system.functions_url, system.api_key) as backend:
        yield happy_path(system, backend)
        yield regenerate(backend, count)
        yield backend_down(system, backend)
        yield five_times(backend, count)
        yield network_timeout(system, backend)
        yield at_once(backend, count)
        yield recovery(system, backend)


def skipped(task: str, name: str) -> TestResult:
    return TestResult(task=task, name=name, tries=(), checks=(), skipped=NEEDS_OWN)


def happy_path(system: System, backend: Backend) -> TestResult:
    """Task 3.1, cases 1 and 4, and task 3.3, test 1."""
    one = backend.create()
    checks: list[Check] = []
    if one.session_id is not None and one.seconds is not None:
        session = scanned(system, backend, one.session_id, PHONES[0])
        timings = session["timings"]
        phone_ms = timings["phone_extraction_ms"]
        number = session["phone_number"]
        checks = [
            Check(expected="Scan QR: session connects", good=session["status"] == "connected"),
            Check(expected="Phone number displayed", good=number == PHONES[0]),
            Check(
                expected=f"Phone extraction < {PHONE_SECONDS:g} s",
                good=phone_ms is not None and phone_ms < PHONE_SECONDS * 1000,
                seen=f"{phone_ms} ms",
            ),
            Check(expected="No auto chat sync triggered", good=session["chats"] is None),
            Check(
                expected="Instance assignment recorded in DB",
                good=session["assigned_instance_url"] is not None,
                seen=f"index {session['assigned_instance_index']}",
            ),
            Check(
                expected="Performance entry recorded",
                good=timings["qr_generation_ms"] is not None,
                seen=f"qr_generation_ms {timings['qr_generation_ms']}",
            ),
        ]
    backend.delete_all()
    return TestResult(
        task="Task 3.1.1 and 3.1.4, Task 3.3 Test 1",
        name="Happy path: create, scan, connect",
        tries=(one,),
        checks=tuple(checks),
    )


def regenerate(backend: Backend, count: int) -> TestResult:
    """Task 3.1, case 2."""
    first = backend.create()
    tries = [first]
    if first.session_id is not None and first.seconds is not None:
        tries += [backend.regenerate(first.session_id) for _ in range(count - 1)]
    backend.delete_all()
    return TestResult(task="Task 3.1.2", name="Generate QR multiple times", tries=tuple(tries), checks=())


def backend_down(system: System, backend: Backend) -> TestResult:
    """Task 3.1, case 3: connections to the backend break off."""
    with cut_off(system) as ended:
        one = backend.create()
    check = told(system, one, "QR webhook arrives once the backend is up", since=ended[0])
    backend.delete_all()
    return TestResult(task="Task 3.1.3", name="Test with backend down", tries=(one,), checks=(check,))


def five_times(backend: Backend, count: int) -> TestResult:
    """Task 3.2."""
    tries = []
    for _ in range(count):
        tries.append(backend.create())
        backend.delete_all()
    return TestResult(
        task="Task 3.2", name="Performance metrics: create one after the other", tries=tuple(tries), checks=()
    )


def network_timeout(system: System, backend: Backend) -> TestResult:
    """Task 3.3, test 2. A firewall that drops: what is sent is never answered."""
    system.receiver.hold = silence = threading.Event()
    try:
        with cut_off(system) as ended:
            one = backend.create()
    finally:
        system.receiver.hold = None
        silence.set()
    check = told(system, one, "QR webhook arrives once the network is back", since=ended[0])
    backend.delete_all()
    return TestResult(
        task="Task 3.3 Test 2", name="Error case: Network timeout", tries=(one,), checks=(check,)
    )


def at_once(backend: Backend, count: int) -> TestResult:
    """Task 3.3, test 3."""
    tries = backend.at_once(count)
    ids = {one.session_id for one in tries}
    backend.delete_all()
    return TestResult(
        task="Task 3.3 Test 3",
        name=f"Concurrent creation: {count} simultaneously",
        tries=tuple(tries),
        checks=(Check(expected="Each its own session", good=len(ids) == count),),
    )


def recovery(system: System, backend: Backend) -> TestResult:
    """Task 3.3, test 4: stop and start the whole service while two accounts are linked."""
    active: dict[str, str] = {}
    tries: list[Try] = []
    for number in PHONES[1:3]:
        one = backend.create()
        tries.append(one)
        if one.session_id is not None and one.seconds is not None:
            scanned(system, backend, one.session_id, number)
            active[one.session_id] = number
    asked_for = {one: backend.qrs_of(one) for one in active}
    for name in ("pool", "functions", "deliverer"):
        system.stop(name)
    for name in ("functions", "pool", "deliverer"):
        system.start(name)
    system.wait_for_node()
    tries.append(backend.create())
    back = {one: backend.until(one, ("connected", "hibernated")) for one in active}
    numbers = {one: backend.session(one)["phone_number"] for one in active}
    qrs = {one: backend.qrs_of(one) for one in active}
    double = system.standin.stats()["double_runs"]
    backend.delete_all()
    return TestResult(
        task="Task 3.3 Test 4",
        name="Recovery: restart service with active sessions",
        tries=tuple(tries),
        checks=(
            Check(
                expected="Active sessions connect again",
                good=len(back) == 2 and set(back.values()) <= {"connected", "hibernated"},
                seen=", ".join(back.values()),
            ),
            Check(expected="with their numbers", good=numbers == active),
            Check(expected="without a new QR", good=qrs == asked_for),
            Check(expected="no account run twice", good=double == 0),
        ),
    )


def scanned(system: System, backend: Backend, session_id: str, number: str) -> dict[str, Any]:
    """The session some time after its QR was scanned."""
    qr = backend.session(session_id)["qr"]
    system.standin.scan(qr["text"], number)
    backend.until(session_id, ("connected", "failed"))
    return backend.session(session_id)


@contextmanager
def cut_off(system: System) -> Iterator[list[float]]:
    """No webhook that is sent inside is answered; gives the moment of the end, when it is over."""
    ended: list[float] = []
    usual = system.receiver.answer

    def answer(received: Received) -> tuple[int, dict[str, str]]:
        return usual(received) if ended and received.at > ended[0] else (HANG_UP, {})

    system.receiver.answer = answer
    yield ended
    ended.append(time.time())


def told(system: System, one: Try, expected: str, since: float) -> Check:
    """Whether the backend heard of this QR after all."""
    session_id = one.session_id

    def heard() -> bool:
        qrs = system.receiver.of_type("qr_code_generated")
        return any(each.data["session_id"] == session_id and each.at > since for each in qrs)

    try:
        eventually(heard, expected, WEBHOOKS_WITHIN)
    except AssertionError as error:
        return Check(expected=expected, good=False, seen=str(error)[:200])
    return Check(expected=expected, good=True)
