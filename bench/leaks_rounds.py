"""Rounds of links and logouts on the whole system, and a look at every process between two of them."""

from __future__ import annotations

import base64
import os
import secrets
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from bench import census, processes
from bench.census import Census
from bench.soak_registry import owed, unerased
from bench.soak_samples import registry_of, roles, rows_of
from tests.system import System
from tests.waiting import eventually

AT_A_TIME = 3
THREADS_OF_ALL = 32
"""More than the workers' together, and as many as the deliverer has."""
QUIET_WITHIN = 120.0
ENDINGS = ("log_out", "phone", "delete")
"""How the sessions end, in turns."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """One process between two rounds."""

    memory: int
    """Bytes that are its own: neither a file's nor a library's."""
    descriptors: int
    threads: int
    census: Census | None
    """None for Playwright's driver, which is no Python."""


@dataclass(kw_only=True)
class Round:
    """What was there after so many sessions."""

    sessions: int
    looks: dict[str, Look] = field(default_factory=dict)


def run(sessions: int, rounds: int, directory: Path) -> list[Round]:
    """In this directory; nothing runs any more when it returns. AssertionError when a session fails."""
    sockets = directory / "census"
    environ: dict[str, str] = {
        "DATABASE_URL": f"sqlite:///{directory}/registry.db",
        "SNAPSHOT_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "SNAPSHOT_QUIET_SECONDS": "1",
        "MAX_SLOTS": "6",
        "WARM_SLOTS": "1",
        "GOLDEN_PROFILE": "on",
        "CANARY_EVERY_SECONDS": "0",
        "HEARTBEAT_SECONDS": "1",
        "METRICS_TOKEN": secrets.token_hex(32),
        "RATE_ADDRESS_PER_MINUTE": "100000",
        **census.environ(sockets),
    }
    with System(directory, **environ) as system:
        _wake_threads(system)
        found = [_look(system, sockets, 0)]
        for number in range(rounds):
            begun = number * sessions // rounds
            _round(system, begun, (number + 1) * sessions // rounds)
            found.append(_look(system, sockets, (number + 1) * sessions // rounds))
            _say(found[-1])
    return found


def _wake_threads(system: System) -> None:
    """Have every thread of the functions and the deliverer begun, with its connections: otherwise they begin
    one by one while we count, each with a megabyte of its own."""
    with ThreadPoolExecutor(THREADS_OF_ALL) as threads:
        created = list(threads.map(lambda _: system.create()["id"], range(THREADS_OF_ALL)))
        list(threads.map(lambda one: system.call("DELETE", f"/api/sessions/{one}"), created))


def _round(system: System, first: int, end: int) -> None:
    places, lock = iter(range(first, end)), threading.Lock()
    failed: list[str] = []

    def work(account: int) -> None:
        with requests.Session() as http:
            while True:
                with lock:
                    place = next(places, None)
                if place is None or failed:
                    return
                try:
                    _one(system, http, f"+62811800{account:04}", ENDINGS[place % len(ENDINGS)])
                except Exception as error:  # of a thread; said by whoever waits for it
                    failed.append(f"session {place}: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=work, args=(account,)) for account in range(AT_A_TIME)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed


def _one(system: System, http: requests.Session, number: str, ending: str) -> None:
    """A session from its creation to its deletion, with its page open."""

    def ask(method: str, path: str, **more: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {system.api_key}"}
        answer = http.request(method, f"{system.functions_url}{path}", headers=headers, timeout=30, **more)
        assert answer.ok, answer.text
        body: dict[str, Any] = answer.json() if answer.content else {}
        return body

    def until(status: str) -> None:
        eventually(lambda: ask("GET", path)["status"] == status, f"{path} is {status}", 60)

    created = ask("POST", "/api/sessions", json={})
    path = f"/api/sessions/{created['id']}"
    http.get(created["link_url"], timeout=30)
    shown = eventually(lambda: ask("GET", path)["qr"], "a QR", 60)
    system.standin.scan(shown["text"], number)
    until("connected")
    http.get(created["link_url"], timeout=30)
    if ending == "log_out":
        ask("POST", f"{path}/logout", json={})
        until("logged_out")
    elif ending == "phone":
        system.standin.revoke(number)
        until("logged_out")
    ask("DELETE", path)


def _look(system: System, sockets: Path, sessions: int) -> Round:
    """When nothing is under way."""
    try:
        eventually(lambda: not _under_way(system), "nothing is under way", QUIET_WITHIN)
    except AssertionError as error:
        raise AssertionError(f"{error}: {_under_way(system)}") from None
    http = {"Authorization": f"Bearer {system.environ['METRICS_TOKEN']}"}
    requests.get(f"{system.functions_url}/metrics", headers=http, timeout=30)
    everybody = processes.running()
    found = Round(sessions=sessions)
    for role, pid in sorted(roles(system.running(), everybody).items()):
        descriptors, threads = (len(os.listdir(f"/proc/{pid}/{what}")) for what in ("fd", "task"))  # noqa: PTH208
        found.looks[role] = Look(
            census=None if role == "driver" else census.take(sockets, pid),
            memory=processes.anonymous_bytes(pid),
            descriptors=descriptors,
            threads=threads,
        )
    return found


def _under_way(system: System) -> dict[str, int]:
    """What is not as it is when nobody wants anything: one warm slot, and nothing owed."""
    journal, registry = rows_of(system.data_dir / "pool.db"), registry_of(system)
    found = {
        "browsers beside the warm one": len(system.browsers()) - 1,
        "journal": journal["journal"] - 1,
        "outbox": journal["outbox"],
        "sessions to be erased": unerased(registry),
        "webhooks to be delivered": owed(registry),
    }
    return {what: count for what, count in found.items() if count}


def _say(found: Round) -> None:
    sizes = ", ".join(f"{role} {look.memory / 1e6:.1f} MB" for role, look in found.looks.items())
    print(f"[{found.sessions} sessions] {sizes}", file=sys.stderr, flush=True)
