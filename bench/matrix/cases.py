"""The faults, one each: what breaks, and what an operator or the world mends afterwards.

Rule: a fault is made from outside, with signals, routes, files and clocks. Nothing of the product takes part
in breaking itself.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests

from bench.matrix import clocks
from bench.matrix.network import Service
from bench.matrix.watch import Watch
from bench.matrix.world import Node, World
from tests.postgres import PostgresServer

POSTGRES_AWAY_SECONDS = 3.0
IN_THE_MIDDLE_SECONDS = 0.02
"""Into a save, which takes some 50 ms."""
WITHIN_TOLERANCE = 120
BEYOND_TOLERANCE = 3600
"""Seconds. Signatures are good for five minutes."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a case may touch."""

    world: World
    watch: Watch
    struck: Node
    """The node that the fault is about."""
    struck_sessions: tuple[str, ...]
    """Those that it had."""
    postgres: PostgresServer
    clocks: Mapping[str, Path]
    """Process → the file that says by how much its clock is off."""
    stop: threading.Event = field(default_factory=threading.Event)

    def drop(self, session_ids: tuple[str, ...]) -> None:
        """Cut the sockets of these accounts, so that their nodes have something to tell."""
        for session_id in session_ids:
            self.world.standin.drop(f"+{self.watch.accounts[session_id].number}")

    def set_clock(self, process: str, seconds: int) -> None:
        clocks.set_off(self.clocks[process], seconds)

    def make_savable(self) -> None:
        """Each profile of the struck node has something new: a file that Chromium does not look at."""
        for path in (self.struck.data_dir / "profiles").glob("*/chromium/Default/Local Storage"):
            (path / "matrix").write_text(secrets.token_hex(64))

    def begin_saves(self) -> None:
        """Snapshots of the struck node are on their way when this returns."""
        self.make_savable()
        bearer = {"Authorization": f"Bearer {self.world.environ['POOL_SECRET']}"}
        base = f"http://{self.struck.host}:{self.struck.port}/sessions"

        def ask(session_id: str) -> None:
            with suppress(requests.RequestException):  # it is stopped under it: that is the point
                requests.post(f"{base}/{session_id}/snapshot", headers=bearer, json={}, timeout=60)

        for session_id in self.struck_sessions:
            threading.Thread(target=ask, args=(session_id,), name="save", daemon=True).start()
        self.stop.wait(IN_THE_MIDDLE_SECONDS)


def _nothing(scene: Scene) -> None:
    """Nothing is to be mended."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the matrix."""

    name: str
    title: str
    strike: Callable[[Scene], None]
    mend: Callable[[Scene], None] = _nothing
    moves: bool
    """The struck node's sessions have to be elsewhere in time; otherwise they stay where they are."""
    saves: bool = True
    """In the end there has to be a newer snapshot of each of the struck node's sessions."""
    cuts: bool = False
    """Needs network namespaces."""
    clock: bool = False
    """Needs a C compiler."""


def _kill(scene: Scene) -> None:
    scene.begin_saves()
    scene.world.lose_machine(scene.struck)


def _start_again(scene: Scene) -> None:
    scene.world.start(scene.struck.id)


def _freeze(scene: Scene) -> None:
    scene.begin_saves()
    scene.drop(scene.struck_sessions[:1])
    scene.world.signal(scene.world.machine_of(scene.struck), signal.SIGSTOP)


def _thaw(scene: Scene) -> None:
    scene.world.signal(scene.world.machine_of(scene.struck), signal.SIGCONT)


def _hang(scene: Scene) -> None:
    scene.begin_saves()
    os.kill(scene.world.pid(scene.struck.id), signal.SIGSTOP)


def _go_on(scene: Scene) -> None:
    os.kill(scene.world.pid(scene.struck.id), signal.SIGCONT)


def _cut(scene: Scene, service: Service) -> None:
    assert scene.world.network is not None
    assert scene.struck.place is not None
    scene.world.network.cut(scene.struck.place, service)
    scene.make_savable()


def _cut_functions(scene: Scene) -> None:
    _cut(scene, Service.FUNCTIONS)
    scene.drop(scene.struck_sessions)  # events that nobody hears before others have the sessions


def _cut_store(scene: Scene) -> None:
    _cut(scene, Service.STORE)


def _cut_whatsapp(scene: Scene) -> None:
    _cut(scene, Service.WHATSAPP)


def _heal(scene: Scene) -> None:
    assert scene.world.network is not None
    scene.world.network.heal()


def _lose_disk(scene: Scene) -> None:
    scene.world.lose_machine(scene.struck)
    shutil.rmtree(scene.struck.data_dir)
    scene.world.start(scene.struck.id)


def _restart_postgres(scene: Scene) -> None:
    scene.postgres.crash()
    scene.drop(tuple(scene.watch.accounts))  # what each node has to tell waits for the database
    scene.stop.wait(POSTGRES_AWAY_SECONDS)
    scene.postgres.start()


def _move_clocks(scene: Scene) -> None:
    """One node's is so wrong that nobody believes it; another's and the functions' differ by four minutes."""
    _, other, *_ = scene.world.nodes
    scene.set_clock("functions", WITHIN_TOLERANCE)
    scene.set_clock(other, -WITHIN_TOLERANCE)
    scene.set_clock(scene.struck.id, BEYOND_TOLERANCE)
    scene.drop(tuple(scene.watch.accounts))


def _right_clocks(scene: Scene) -> None:
    for process in scene.clocks:
        scene.set_clock(process, 0)


CASES = {
    case.name: case
    for case in (
        Case(
            name="kill",
            title="kill -9 to a node and its browsers; started again later",
            strike=_kill,
            mend=_start_again,
            moves=True,
        ),
        Case(
            name="freeze",
            title="SIGSTOP to a whole machine in the middle of saves, SIGCONT when others have its sessions",
            strike=_freeze,
            mend=_thaw,
            moves=True,
        ),
        Case(
            name="hang",
            title="SIGSTOP to the pool alone, its browsers go on; SIGCONT later",
            strike=_hang,
            mend=_go_on,
            moves=True,
        ),
        Case(
            name="cut-functions",
            title="a node cut from the functions, not from S3",
            strike=_cut_functions,
            mend=_heal,
            moves=True,
            cuts=True,
        ),
        Case(
            name="cut-store",
            title="a node cut from S3, not from the functions",
            strike=_cut_store,
            mend=_heal,
            moves=False,
            cuts=True,
        ),
        Case(
            name="cut-whatsapp",
            title="a node cut from WhatsApp only",
            strike=_cut_whatsapp,
            mend=_heal,
            moves=True,
            cuts=True,
        ),
        Case(
            name="disk",
            title="kill -9, the node's disk gone, started anew under its name",
            strike=_lose_disk,
            moves=False,
            saves=False,
        ),
        Case(
            name="postgres",
            title="PostgreSQL stopped at once, started after 3 s",
            strike=_restart_postgres,
            moves=False,
            saves=False,
        ),
        Case(
            name="clock",
            title="clocks moved: a node +1 h, another -2 min, the functions +2 min; put right later",
            strike=_move_clocks,
            mend=_right_clocks,
            moves=True,
            clock=True,
        ),
    )
}
"""By name, in the order in which they are run."""
