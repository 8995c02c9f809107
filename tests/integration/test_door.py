"""The door before a browser's debugging port, on real sockets and a real browser."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from browser_pool.browser_socket import BrowserSocket
from browser_pool.chromium import Chromium
from browser_pool.confinement import find_confinement
from browser_pool.door import LOOPBACK, Door, Source, lets_in
from browser_pool.door_trial import door_holds
from browser_pool.driver import Driver
from browser_pool.errors import BrowserGone, LaunchFailed
from browser_pool.executable import find_executable
from browser_pool.profile import Profile

CHROMIUM_UID = 60900
pytestmark = pytest.mark.skipif(
    not door_holds(CHROMIUM_UID if os.geteuid() == 0 else None),
    reason="needs root with CAP_NET_ADMIN and CAP_SYS_PTRACE",
)
LISTEN = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    connection.sendall(connection.recv(9))
"""

RESTLESS = """
import os, socket
held = [socket.socket() for _ in range(20)]
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    held.pop(0).close()
    os.close(os.open("/", os.O_RDONLY))
    held.append(socket.socket())
"""


class Listener:
    """A process that answers one word to whoever connects."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.port = int(process.stdout.readline())
        self.door = Door(process.pid, self.port)

    def hears(self, source: Source | tuple[str, int] = ("", 0)) -> bool:
        with socket.socket() as trying:
            trying.settimeout(0.3)
            try:
                trying.bind(source)
                trying.connect((LOOPBACK, self.port))
                trying.sendall(b"word")
                return trying.recv(9) == b"word"
            except TimeoutError:
                return False


@pytest.fixture
def listener() -> Iterator[Listener]:
    with subprocess.Popen([sys.executable, "-c", LISTEN], stdout=subprocess.PIPE, text=True) as process:
        yield Listener(process)
        process.kill()


def test_it_opens_for_one_source_and_for_as_long_as_asked(listener: Listener) -> None:
    assert listener.hears()
    assert listener.door.shut()
    assert not listener.hears()
    with listener.door.expecting() as source:
        assert source is not None
        assert not listener.hears()
        assert not listener.hears((source.address, source.port % 60000 + 1024))
        assert listener.hears(source)
    assert not listener.hears()
    with listener.door.expecting() as another:
        assert another != source


def test_who_is_in_stays_in(listener: Listener) -> None:
    with listener.door.expecting() as source, socket.socket() as ours:
        assert source is not None
        ours.bind(source)
        ours.connect((LOOPBACK, listener.port))
        listener.door.shut()
        assert listener.door.strangers() == 1
        ours.sendall(b"word")
        assert ours.recv(9) == b"word"


def test_it_stays_shut_without_us(listener: Listener) -> None:
    program = "import sys; from browser_pool.door import Door; assert Door(*map(int, sys.argv[1:])).shut()"
    numbers = [str(listener.process.pid), str(listener.port)]
    subprocess.run([sys.executable, "-c", program, *numbers], check=True)
    assert not lets_in(listener.port)


def test_a_browser_that_is_gone_is_said(listener: Listener) -> None:
    listener.process.kill()
    listener.process.wait()
    with pytest.raises(OSError, match=r"No such process|does not listen"), listener.door.expecting():
        pass


def test_a_listener_of_somebody_else_is_not_touched(listener: Listener) -> None:
    with pytest.raises(ProcessLookupError, match="does not listen"):
        Door(os.getpid(), listener.port).shut()
    assert listener.hears()


def test_what_its_browser_opens_and_closes_meanwhile_does_no_harm() -> None:
    with subprocess.Popen([sys.executable, "-c", RESTLESS], stdout=subprocess.PIPE, text=True) as process:
        restless = Listener(process)
        for _ in range(300):
            assert Door(process.pid, restless.port).shut()
        process.kill()


NARROW = """
import sys
from browser_pool.door import LOOPBACK, Source
from browser_pool.door_trial import door_holds
assert {Source.draw().address for _ in range(5)} == {LOOPBACK}
assert door_holds(None)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_where_only_one_loopback_address_is_routed_the_port_is_by_lot() -> None:
    lo = "ip link set lo up && ip route del local 127.0.0.0/8 dev lo table local"
    command = ["unshare", "--net", "sh", "-c", f'{lo} && exec "$@"', "sh", sys.executable, "-c", NARROW]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


class Shop:
    """What a browser needs to start."""

    def __init__(self, directory: Path, driver: Driver) -> None:
        self.profile = Profile(directory, "one")
        self.driver = driver
        self._directory = directory

    async def spawn(self) -> Chromium:
        executable = find_executable(os.environ.get("CHROMIUM_PATH"))
        confinement = await find_confinement(self._directory, CHROMIUM_UID, sandbox=True)
        return await Chromium.spawn(executable, self.profile, confinement, "Test", None, background=False)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with Driver(tmp_path / "driver") as driver:
        yield Shop(tmp_path, driver)


@pytest.mark.browser
async def test_a_browser_is_talked_to_through_its_door_and_not_otherwise(shop: Shop) -> None:
    chromium = await shop.spawn()
    try:
        address = chromium.address(shop.profile)
        assert not lets_in(chromium.mark.port)
        line = await BrowserSocket.open(address, chromium.door, lambda _: None)
        browser = await shop.driver.connect(address, chromium.door)
        assert not lets_in(chromium.mark.port)
        assert len(browser.contexts[0].pages) == 1
        assert chromium.door.strangers() == 2
        assert "Chrome" in (await line.send("Browser.getVersion"))["product"]
        await line.close()
        # as a pool does that finds it after the one before was killed
        found = Chromium.find(chromium.mark)
        assert found is not None
        again = await BrowserSocket.open(found.address(shop.profile), found.door, lambda _: None)
        assert (await again.send("Target.getTargets"))["targetInfos"]
        await again.close()
        found.forget()
    finally:
        await chromium.kill()
    assert not lets_in(chromium.mark.port)


@pytest.mark.browser
async def test_a_browser_that_somebody_else_reached_first_is_ended(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut, before = Door.shut, []

    def shut_late(door: Door) -> bool:
        before.append(socket.create_connection((LOOPBACK, door._port), 5))
        return shut(door)

    monkeypatch.setattr(Door, "shut", shut_late)
    with pytest.raises(LaunchFailed, match="somebody else on this machine"):
        await shop.spawn()
    with before[0], suppress(ConnectionResetError):
        assert before[0].recv(1) == b""


@pytest.mark.browser
async def test_what_a_browser_has_written_about_itself_is_not_followed(shop: Shop) -> None:
    chromium = await shop.spawn()
    written = shop.profile.user_data_dir / "DevToolsActivePort"
    try:
        for text in ("80\n/devtools/browser/" + "0" * 36, f"{chromium.mark.port}\n@elsewhere/", ""):
            written.write_text(text)
            with pytest.raises(BrowserGone):
                chromium.address(shop.profile)
    finally:
        await chromium.kill()
    assert await asyncio.wait_for(chromium.wait(), 5) is None
