"""One case from beginning to end: link, look, strike, look on, mend, look, count.

Rule: the clock starts before the fault, and stops for a session when it is connected for good. Nobody waits
for a session to be good before the time is over in which it could go bad again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.matrix import clocks
from bench.matrix.cases import Case, Scene
from bench.matrix.network import Network
from bench.matrix.old_owner import OldOwner, open_vault, outdated_lines
from bench.matrix.trail import follow, log_lines, owed
from bench.matrix.verdict import GRACE_SECONDS, Measured
from bench.matrix.watch import Watch
from bench.matrix.world import NODES, READY_WITHIN, World
from storage.events import EventType
from tests.postgres import PostgresServer
from tests.s3_server import S3Server
from tests.waiting import eventually

SETTLED_WITHIN = 120.0
LINGER_SECONDS = 5.0
"""After the last has come back and everything was told: what is to go wrong then, goes wrong soon."""
DEFAULT_LEASE_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What several cases share."""

    postgres: PostgresServer
    store: S3Server
    sessions: int
    lease_seconds: float | None
    """None leaves it as it is by default."""
    grace_seconds: float = GRACE_SECONDS
    patient: bool = True
    """Look on until the time is over in which a session has to be back, even when all are; and longer."""
    say: Callable[[str], None]

    @property
    def lease(self) -> float:
        return self.lease_seconds or DEFAULT_LEASE_SECONDS


def run(case: Case, stage: Stage, directory: Path) -> Measured:
    """In this directory; nothing runs any more when it returns."""
    measured = Measured(
        name=case.name,
        title=case.title,
        sessions=stage.sessions,
        struck=0,
        lease_seconds=stage.lease,
        grace_seconds=stage.grace_seconds,
        moves=case.moves,
    )
    files = {name: directory / f"clock-{name}" for name in ("functions", "node-1", "node-2")}
    environs = {}
    if case.clock:
        library = clocks.build(directory)
        environs = {name: clocks.environ_of(library, file) for name, file in files.items()}
    world: World | None = None
    try:
        with ExitStack() as stack:
            url = stage.postgres.make()
            stack.callback(stage.postgres.drop, url)
            stack.enter_context(_credentials(stage.store))
            network = stack.enter_context(Network(NODES)) if case.cuts else None
            world = stack.enter_context(
                World(
                    directory,
                    database_url=url,
                    store=stage.store,
                    network=network,
                    lease_seconds=stage.lease_seconds,
                    environs=environs,
                )
            )
            _in(world, case, stage, files if case.clock else {}, measured)
    except (AssertionError, OSError, TimeoutError) as error:
        measured.trouble.append(f"{type(error).__name__}: {error}"[:600])
    if world is not None:
        measured.left = world.left
    return measured


@contextmanager
def _credentials(store: S3Server) -> Iterator[None]:
    """boto3 finds them where it looks in production."""
    before = {name: os.environ.get(name) for name in store.environment}
    _set(store.environment)
    try:
        yield
    finally:
        _set(before)


def _set(environment: Mapping[str, str | None]) -> None:
    for name, value in environment.items():
        if value:
            os.environ[name] = value
        else:
            os.environ.pop(name, None)


def _in(world: World, case: Case, stage: Stage, files: dict[str, Path], measured: Measured) -> None:
    numbers = _link(world, stage.sessions)
    stage.say(f"{case.name}: {len(numbers)} sessions linked")
    with Watch(world, numbers) as watch:
        eventually(lambda: watch.all_connected() and not owed(world), "all is well", READY_WITHIN)
        owners = world.owners()
        struck = world.nodes["node-1"]
        theirs = tuple(one for one, (node_id, _) in owners.items() if node_id == struck.id)
        scene = Scene(
            world=world,
            watch=watch,
            struck=struck,
            struck_sessions=theirs,
            postgres=stage.postgres,
            clocks=files,
        )
        measured.struck = len(theirs)
        vault, saved = open_vault(world), _snapshots(world)

        def settled() -> bool:
            now = _snapshots(world)
            return _settled(world, watch) and not (
                case.saves and any(now[one] == saved[one] for one in theirs)
            )

        before = _counts(world)
        began = time.monotonic()
        limit = began + stage.lease + stage.grace_seconds
        stage.say(f"{case.name}: struck {struck.id} with {len(theirs)} sessions")
        case.strike(scene)
        old = OldOwner(world, _former_owners(owners, theirs, case), vault)
        least = limit if stage.patient else began
        _write_as_old_owner(world, watch, old, theirs, case, least, limit + SETTLED_WITHIN)
        stage.say(f"{case.name}: mended")
        case.mend(scene)
        eventually(settled, "everything is told, saved and connected", SETTLED_WITHIN)
        scene.stop.wait(LINGER_SECONDS if stage.patient else 0)
        eventually(settled, "everything is told, saved and connected", SETTLED_WITHIN)
        _measure(world, watch, began, limit, measured)
    now = world.owners()
    if case.moves:
        measured.not_moved = [one for one in theirs if now[one][0] == struck.id]
    measured.moved_needlessly = [
        one for one in owners if (one not in theirs or not case.moves) and now[one][0] != owners[one][0]
    ]
    after = _counts(world)
    measured.qr_asked = after["qr"] - before["qr"]
    measured.double_runs = after["double_runs"]
    measured.stale_refused = old.attempts.refused
    measured.stale_accepted = old.attempts.accepted
    for session_id in owners:
        measured.stale_accepted += outdated_lines(world, vault, session_id)
    trail = follow(world)
    measured.events_told, measured.webhooks = trail.told, trail.received
    measured.events_lost = list(trail.lost)
    measured.stale_refused_of_nodes = trail.refused_stale + _saves_refused(world) - old.events_refused


def _link(world: World, count: int) -> dict[str, str]:
    """Session id → number; the logins are in the store."""
    # numbers of the range that Indonesia keeps for nobody
    made = {world.create(keep_alive=True)["id"]: f"+6281190000{place:02}" for place in range(count)}
    for session_id, number in made.items():
        world.scan(session_id, number, READY_WITHIN)
    for session_id in made:
        world.until(session_id, "connected", READY_WITHIN)
        world.until(session_id, lambda one: one["snapshot"] is not None, READY_WITHIN)
    return made


def _former_owners(
    owners: dict[str, tuple[str, int]], theirs: tuple[str, ...], case: Case
) -> dict[str, tuple[str, int]]:
    """Who writes what is stale: the struck node, or where nothing moves the owner before the present one."""
    return {
        session_id: (node_id, generation if case.moves else generation - 1)
        for session_id, (node_id, generation) in owners.items()
        if session_id in theirs
    }


def _write_as_old_owner(
    world: World,
    watch: Watch,
    old: OldOwner,
    theirs: tuple[str, ...],
    case: Case,
    least: float,
    most: float,
) -> None:
    """As soon as each is connected elsewhere; looks on until `least` in any case."""
    waiting = set(theirs)
    while time.monotonic() < least or (waiting and time.monotonic() < most):
        for session_id in sorted(waiting):
            account = watch.accounts[session_id]
            moved = account.node_id not in (None, "node-1") or not case.moves
            if moved and not account.away and world.is_reachable():
                old.write(session_id)
                waiting.discard(session_id)
        time.sleep(0.1)


def _settled(world: World, watch: Watch) -> bool:
    """Everybody is connected, nobody has anything to tell, each browser is its owner's, and what failed to be
    saved was saved."""
    owners = world.owners()
    strangers = [
        name
        for node in world.nodes.values()
        for name in world.browsers_on(node).values()
        if name in owners and owners[name][0] != node.id
    ]
    running = [node for node in world.nodes.values() if node.id in world.running()]
    saved = all(world.saves_everything(node) for node in running)
    return watch.all_connected() and not strangers and not owed(world) and saved


def _snapshots(world: World) -> dict[str, str]:
    """Session id → its newest, as the registry knows it."""
    return {row["id"]: row["snapshot_id"] for row in world.rows("SELECT id, snapshot_id FROM sessions")}


def _counts(world: World) -> dict[str, int]:
    stats = world.standin.stats()
    shown = sum(one.type == EventType.QR_CODE_GENERATED for one in list(world.receiver.received))
    return {"qr": shown + stats["refs_issued"], "double_runs": stats["double_runs"]}


def _saves_refused(world: World) -> int:
    """Snapshots that nodes began for sessions that they had lost."""
    return sum(
        "must close its browser" in said.get("why", "")
        for name in world.nodes
        for said in log_lines(world.directory / f"{name}.log", "snapshot_failed")
    )


def _measure(world: World, watch: Watch, began: float, limit: float, measured: Measured) -> None:
    for session_id, account in watch.accounts.items():
        back = account.back_at(began)
        measured.back_seconds[session_id] = None if back is None else back - began
        if account.away_after(limit):
            seen = ", ".join(f"{one.began - began:.1f} s: {one.why}" for one in account.absences)
            measured.away_late.append(f"{session_id} ({seen})")
    measured.looks, measured.slowest_look_seconds = watch.looks, watch.slowest_look
    measured.trouble += [f"watch: {one}" for one in watch.errors]
