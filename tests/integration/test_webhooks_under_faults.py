"""The proof: 200 sessions are linked while their backend breaks in every way and the deliverer is killed."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storage.clock import to_wire
from tests.fakes import fixtures
from tests.fakes.databases import rows
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.fakes.processes import DelivererProcess
from tests.fakes.receiver import HANG_UP, Received, Receiver
from tests.waiting import eventually

idle_pool = fixtures.idle_pool

SESSIONS = 200
OTHERS = 40
"""Of them, sessions of another workspace, whose backend works."""
LINK = ["qr_code_generated", "session_authenticated", "session_ready"]
RETRY = {"WEBHOOK_RETRY_SECONDS": "0.1,0.2," + ",".join(["0.3"] * 90)}
"""The schedule of days in seconds; as many attempts as the worst luck may need."""
LONG_AGO = "2000-01-01T00:00:00.000Z"


class Unreliable:
    """A backend on one port that is down, slow, or wrong; keeps what came over all its lives."""

    def __init__(self) -> None:
        self.arrived: list[Received] = []
        self.accepted: list[tuple[int, Received]] = []
        """With how many had arrived by then: to tell what came after it."""
        self.healthy = False
        self.forged = 0
        self._chance = random.Random(7)
        self._lock = threading.Lock()
        with Receiver() as probe:
            self.port = probe.port
        self._life: Receiver | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def up(self, secret: str) -> None:
        self._life = Receiver(self.port, secret=secret, answer=self._answer)

    def down(self) -> None:
        if self._life is not None:
            self._life.close()
            self.forged += self._life.forged
            self._life = None

    def _answer(self, received: Received) -> tuple[int, dict[str, str]]:
        with self._lock:
            self.arrived.append(received)
            fate = 1.0 if self.healthy else self._chance.random()
        if fate < 0.15:
            return 500, {}
        if fate < 0.25:
            return HANG_UP, {}
        if fate < 0.30:
            threading.Event().wait(0.4)  # slow, not down
        with self._lock:
            self.accepted.append((len(self.arrived), received))
        return 204, {}


@pytest.fixture
def unreliable() -> Iterator[Unreliable]:
    backend = Unreliable()
    yield backend
    backend.down()


@contextmanager
def linking(functions: LocalFunctions, pool: FakePool, backends: list[Backend]) -> Iterator[threading.Thread]:
    """The sessions of these backends are linked, one after the other, in another thread."""

    def link() -> None:
        for backend in backends:
            session = backend.create()
            pool.scan(session["id"])
            assert pool.relay(functions.send).status_code == 200

    thread = threading.Thread(target=link)
    thread.start()
    try:
        yield thread
    finally:
        thread.join()


def now() -> str:
    return to_wire(datetime.now(UTC))


def count(functions: LocalFunctions, where: str) -> int:
    statement = f"SELECT count(*) AS found FROM deliveries WHERE {where}"  # noqa: S608 - our own text
    found: int = rows(functions.services.database, statement)[0]["found"]
    return found


def let_time_pass(functions: LocalFunctions) -> None:
    """A minute later: the claims of the dead have ended."""
    database = functions.services.database
    with database.transaction():
        rows(
            database,
            "UPDATE deliveries SET claimed_until = :at"
            " WHERE status = 'pending' AND claimed_until IS NOT NULL",
            at=LONG_AGO,
        )
    let_pauses_pass(functions)


def let_pauses_pass(functions: LocalFunctions) -> bool:
    """Minutes later: an endpoint that was given a rest is tried again. Always True, to stand in a wait."""
    database = functions.services.database
    if rows(database, "SELECT 1 FROM endpoints WHERE open_until > :at", at=now()):
        with database.transaction():
            rows(database, "UPDATE endpoints SET open_until = :at", at=LONG_AGO)
    return True


def history(backend: Backend) -> list[dict[str, Any]]:
    """Every event of the workspace, from the API."""
    events: list[dict[str, Any]] = []
    after = "0"
    while page := backend.get(f"/api/events?limit=200&after={after}").get_json()["events"]:
        events += page
        after = page[-1]["id"]
    return events


def test_every_event_of_200_links_arrives_in_order_whatever_breaks(
    tmp_path: Path, unreliable: Unreliable, idle_pool: FakePool
) -> None:
    with Receiver() as other_receiver:
        functions = LocalFunctions(tmp_path, LEASE_TTL_SECONDS="3600")  # the node is heard once
        try:
            _run(tmp_path, functions, idle_pool, unreliable, other_receiver)
        finally:
            functions.close()


def _run(
    tmp_path: Path,
    functions: LocalFunctions,
    pool: FakePool,
    unreliable: Unreliable,
    other_receiver: Receiver,
) -> None:
    assert pool.heartbeat(functions.send).status_code == 200
    allow = f"{unreliable.host},{other_receiver.host}"
    mine = functions.workspace("Mine", f"http://{unreliable.host}/hooks")
    other = functions.workspace("Other", other_receiver.url())
    other_receiver.secret = other.webhook_secret
    kills = 0

    def killed_in_the_middle(deliverer: DelivererProcess) -> DelivererProcess:
        nonlocal kills
        eventually(
            lambda: let_pauses_pass(functions) and count(functions, f"claimed_until > '{now()}'"),
            "something is under way",
        )
        deliverer.kill()
        kills += 1
        let_time_pass(functions)
        return DelivererProcess(tmp_path, allow, **RETRY).__enter__()

    every = SESSIONS // OTHERS
    backends = [other if place % every == 0 else mine for place in range(SESSIONS)]
    deliverer = DelivererProcess(tmp_path, allow, **RETRY).__enter__()
    try:
        with linking(functions, pool, backends):
            eventually(
                lambda: let_pauses_pass(functions) and count(functions, "last_error IS NOT NULL") >= 5,
                "attempts met nobody",
            )
            deliverer = killed_in_the_middle(deliverer)
            unreliable.up(mine.webhook_secret)
            for accepted in (40, 120, 200):
                eventually(
                    lambda many=accepted: (
                        let_pauses_pass(functions)  # type: ignore[misc]
                        and len(unreliable.accepted) >= many
                    ),
                    f"{accepted} were accepted",
                    within=120,
                )
                deliverer = killed_in_the_middle(deliverer)
            unreliable.down()
            deliverer = killed_in_the_middle(deliverer)
            unreliable.up(mine.webhook_secret)
        unreliable.healthy = True
        eventually(
            lambda: let_pauses_pass(functions) and not count(functions, "status = 'pending'"),
            "nothing is owed",
            within=60,
        )
        deliverer.popen.terminate()
        assert deliverer.popen.wait(15) == 0
    finally:
        deliverer.__exit__()
    unreliable.down()

    assert kills == 5
    assert count(functions, "status <> 'delivered'") == 0
    assert unreliable.forged == other_receiver.forged == 0
    mine_accepted = [(place, one) for place, one in unreliable.accepted]
    other_accepted = [(place, one) for place, one in enumerate(other_receiver.received, 1)]
    _check(mine, unreliable.arrived, mine_accepted, SESSIONS - OTHERS)
    _check(other, other_receiver.received, other_accepted, OTHERS)
    repeats = len(unreliable.arrived) - len({one.id for one in unreliable.arrived})
    assert repeats > SESSIONS // 4, "the faults were too few to prove anything"


def _check(
    backend: Backend, arrived: list[Received], accepted: list[tuple[int, Received]], sessions: int
) -> None:
    """What one backend was told is what happened: all of it, in order, nobody else's."""
    happened = history(backend)
    assert len(happened) == sessions * len(LINK)
    assert {one.data["workspace_id"] for one in arrived} == {backend.workspace_id}

    def name(data: dict[str, Any]) -> tuple[str, int]:
        return data["session_id"], data["version"]

    ids = defaultdict(set)
    for one in arrived:
        ids[name(one.data)].add(one.id)
    assert set(ids) == {name(event["data"]) for event in happened}
    assert {len(same) for same in ids.values()} == {1}, "an id changed between attempts"
    assert len(set().union(*ids.values())) == len(happened), "two events share an id"
    assert {name(one.data) for _, one in accepted} == set(ids), "something was never accepted"

    accepted_after: dict[str, int] = {}
    for place, one in accepted:
        accepted_after.setdefault(one.id, place)
    first: dict[str, list[tuple[int, Received]]] = defaultdict(list)
    seen = Counter[str]()
    for place, one in enumerate(arrived):
        if not seen[one.id]:
            first[one.data["session_id"]].append((place, one))
        seen[one.id] += 1
    for told in first.values():
        assert [one.type for _, one in told] == LINK
        for (_, before), (place, _) in itertools.pairwise(told):
            assert place >= accepted_after[before.id], "told before its predecessor was accepted"
