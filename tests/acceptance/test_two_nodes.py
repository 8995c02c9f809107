"""Two nodes, real browsers: one is lost, stopped, cut off or drained, and no account runs twice."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser_pool.browser_processes import browsers_of
from tests.fakes.processes import free_port
from tests.system import ROOT, System
from tests.waiting import eventually

pytestmark = pytest.mark.browser
LEASE_SECONDS = 4
PHONES = ("+6281234567890", "+6281234567891")
WITHIN = LEASE_SECONDS + 40.0
"""The promise is lease + 15 s on a machine of one's own; this one is shared."""


class Fleet(System):
    """A second node is started when the first has linked sessions."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            directory,
            DATABASE_URL=f"sqlite:///{directory}/registry.db",
            SNAPSHOT_KEY=base64.b64encode(secrets.token_bytes(32)).decode(),
            SNAPSHOT_URL=f"file://{directory}/store",
            SNAPSHOT_QUIET_SECONDS="0.3",
            LEASE_TTL_SECONDS=str(LEASE_SECONDS),
        )
        self.second_dir = directory / "data-2"

    def start_second(self) -> None:
        port = str(free_port())
        here = {"POOL_PORT": port, "POOL_URL": f"http://127.0.0.1:{port}", "ON_STOP": "drain"}
        self.start("second", NODE_ID="second-node", DATA_DIR=str(self.second_dir), **here)
        self.both_hold_leases()

    def both_hold_leases(self) -> None:
        """Each has said that it knows of the other: only then is anything taken from it."""
        eventually(lambda: self._leased() == {"test-node", "second-node"}, "both nodes hold leases")

    def _leased(self) -> set[str]:
        rows = self.cli("nodes", "list")
        return {line.split()[0] for line in rows.splitlines() if "-node" in line and "alone" not in line}

    def cli(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "storage.cli", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def on_node(self, session_id: str, node_id: str) -> None:
        """Connected there, without a QR, and never twice at a time."""
        self.until(
            session_id, lambda one: (one["status"], one["node_id"]) == ("connected", node_id), within=WITHIN
        )
        assert self.standin.stats()["double_runs"] == 0

    def close(self) -> None:
        super().close()
        left = browsers_of(self.second_dir)
        for pid in left:
            os.killpg(pid, signal.SIGKILL)
        assert not left


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(tmp_path_factory.mktemp("fleet")) as running:
        yield running


@pytest.fixture(scope="module")
def sessions(fleet: Fleet) -> list[str]:
    """Linked on the first node and saved."""
    made = [fleet.link(phone)["id"] for phone in PHONES]
    for session_id in made:
        fleet.until(session_id, lambda one: one["snapshot"] is not None)
    return made


def test_a_node_that_is_alone_goes_on_while_the_functions_are_away(fleet: Fleet, sessions: list[str]) -> None:
    fleet.stop("functions")
    eventually(lambda: "heartbeat_not_heard" in fleet.log("pool"))
    assert_runs_for(fleet, LEASE_SECONDS * 1.5)
    fleet.start("functions")
    for session_id in sessions:
        fleet.on_node(session_id, "test-node")


def assert_runs_for(fleet: Fleet, seconds: float) -> None:
    """No browser stands still for longer than a snapshot takes: nothing else can be waited for."""
    until = time.monotonic() + seconds
    before: set[int] = set()
    while time.monotonic() < until:
        stopped = {pid for pid in fleet.browsers() if is_stopped(pid)}
        assert not stopped & before
        before = stopped
        time.sleep(0.5)


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"


def test_a_pool_that_stands_still_loses_its_sessions_and_its_browsers_say_nothing(
    fleet: Fleet, sessions: list[str]
) -> None:
    fleet.start_second()
    browsers = fleet.browsers()
    os.kill(fleet.pid("pool"), signal.SIGSTOP)
    eventually(lambda: all(is_stopped(pid) for pid in browsers), "the guard stops them", within=WITHIN)
    for session_id in sessions:
        fleet.on_node(session_id, "second-node")
    os.kill(fleet.pid("pool"), signal.SIGCONT)
    eventually(lambda: not fleet.browsers(), "what was lost is ended", within=WITHIN)
    for session_id in sessions:
        fleet.on_node(session_id, "second-node")
    eventually(lambda: fleet.log("pool").count("session_dropped") == len(sessions))


def test_a_pool_that_is_killed_leaves_browsers_that_stop_when_its_lease_has_run_out(
    fleet: Fleet, sessions: list[str]
) -> None:
    fleet.both_hold_leases()
    browsers = browsers_of(fleet.second_dir)
    fleet.kill("second")
    assert browsers_of(fleet.second_dir) == browsers
    for session_id in sessions:
        fleet.on_node(session_id, "test-node")
    assert all(is_stopped(pid) for pid in browsers)
    fleet.start_second()  # and takes up nothing that is somebody else's
    eventually(lambda: not browsers_of(fleet.second_dir), "the left ones are ended", within=WITHIN)
    for session_id in sessions:
        fleet.on_node(session_id, "test-node")
    assert "outdated_login_put_aside" in fleet.log("pool")  # it had an older login of each on its disk


def test_an_outage_of_the_functions_moves_nothing_and_ends_with_everybody_connected(
    fleet: Fleet, sessions: list[str]
) -> None:
    fleet.both_hold_leases()
    fleet.stop("functions")
    eventually(lambda: all(is_stopped(pid) for pid in fleet.browsers()), within=WITHIN)
    fleet.start("functions")
    eventually(lambda: not any(is_stopped(pid) for pid in fleet.browsers()), within=WITHIN)
    for session_id in sessions:
        fleet.on_node(session_id, "test-node")


def test_a_drained_node_hands_every_session_over(fleet: Fleet, sessions: list[str]) -> None:
    fleet.cli("nodes", "drain", "test-node")
    for session_id in sessions:
        fleet.on_node(session_id, "second-node")
    fleet.cli("nodes", "uncordon", "test-node")
    fleet.cli("sessions", "move", sessions[0], "--to", "test-node")
    fleet.on_node(sessions[0], "test-node")
    fleet.on_node(sessions[1], "second-node")


def test_a_pool_that_is_told_to_stop_and_drain_leaves_nothing_behind(
    fleet: Fleet, sessions: list[str]
) -> None:
    fleet.both_hold_leases()
    fleet.stop("second")
    assert "session_handed_over" in fleet.log("second")
    for session_id in sessions:
        fleet.on_node(session_id, "test-node")
