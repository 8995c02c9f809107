"""What a hostile page can do to its browser, its pool and its neighbours, in slots of real Chromium."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from browser_pool.chromium import Chromium
from browser_pool.confinement import Confinement, find_confinement
from browser_pool.driver import Driver
from browser_pool.errors import LaunchFailed, PageUnreachable, SlotError
from browser_pool.executable import find_executable
from browser_pool.journal import BrowserMark
from browser_pool.lookup_file import LookupFile
from browser_pool.profile import Profile
from browser_pool.sandbox_proof import missing_walls, must_be_sandboxed, prove_sandbox, renderers_of
from browser_pool.slot import Slot
from browser_pool.slot_settings import SlotSettings
from browser_pool.start_queue import StartQueue
from browser_pool.user_agent import UserAgent, read_user_agent
from storage.clock import SystemClock
from storage.errors import ConfigError
from tests.integration import hostile_site
from tests.integration.hostile_site import HostileSite
from tests.integration.test_pool_bad_pages import ends_failed
from tests.standin.client import StandIn
from tests.system import System

pytestmark = pytest.mark.browser
WITHIN = 30.0
QUICKLY = timedelta(seconds=0.5)
MB = 1024 * 1024


class Slots:
    """Opens slots as a node does: one driver, one event loop."""

    def __init__(self, directory: Path, driver: Driver, stack: AsyncExitStack) -> None:
        self.directory = directory
        self.driver = driver
        self._stack = stack
        self._starts = StartQueue(4, 4, SystemClock())

    async def ready(self) -> None:
        self.executable = find_executable(os.environ.get("CHROMIUM_PATH"))
        self.confinement = await find_confinement(self.directory, 60900, sandbox=True)
        self.user_agent = await read_user_agent(self.executable)

    def settings(self, url: str) -> SlotSettings:
        return SlotSettings(
            executable=self.executable,
            confinement=self.confinement,
            user_agent=self.user_agent,
            url=url + "/",
            more_hosts=(),
            lookups=LookupFile(None),
            launch_timeout=timedelta(seconds=30),
        )

    async def attach(self, url: str, name: str, mark: BrowserMark) -> Slot | None:
        """A browser that is there already."""
        permit, profile = self._starts.occupy(), Profile(self.directory, name)
        return await Slot.attach(self.settings(url), self.driver, profile, permit, mark)

    async def open(self, url: str, name: str = "hostile") -> Slot:
        """A browser on this site, closed with the test."""
        permit = self._starts.occupy()
        slot = await Slot.open(self.settings(url), self.driver, Profile(self.directory, name), permit, None)
        self._stack.push_async_callback(slot.kill)
        return slot


@pytest.fixture
async def slots(tmp_path: Path) -> AsyncIterator[Slots]:
    async with AsyncExitStack() as stack:
        driver = await stack.enter_async_context(Driver())
        made = Slots(tmp_path, driver, stack)
        await made.ready()
        yield made


async def until(fact: Any, what: str) -> None:
    deadline = time.monotonic() + WITHIN
    while not fact():
        assert time.monotonic() < deadline, f"waited {WITHIN:g} s until {what}"
        await asyncio.sleep(0.01)


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def memory(driver: int) -> int:
    return resident(os.getpid()) + resident(driver)


def driver_pid() -> int:
    for children in Path("/proc/self/task").glob("*/children"):
        for pid in map(int, children.read_text().split()):
            if b"run-driver" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    raise AssertionError("no driver")


FLOODS = {
    "binding": (hostile_site.FLOOD_BINDING, "events"),
    "huge messages": (hostile_site.HUGE_BINDING, "MB"),
    "one message too big": (hostile_site.ONE_MESSAGE_TOO_BIG, "MB"),
    "storage": (hostile_site.FLOOD_STORAGE, "events"),
    "console": (hostile_site.FLOOD_CONSOLE, "events"),
    "errors": (hostile_site.FLOOD_ERRORS, "events"),
}


@pytest.mark.parametrize("program", sorted(FLOODS))
async def test_a_page_that_floods_is_ended_and_its_neighbour_goes_on(slots: Slots, program: str) -> None:
    source, word = FLOODS[program]
    with StandIn.start() as standin, HostileSite(source) as site:
        neighbour = await slots.open(standin.url, "neighbour")
        await neighbour.navigate()
        driver = driver_pid()
        before, most = memory(driver), 0
        slot = await slots.open(site.url)
        with contextlib.suppress(SlotError):  # it may be ended before its first document is there
            await slot.navigate()
        while slot.hostile is None:
            # the pool's loop turns, its driver answers, and the neighbour's page with it
            assert await neighbour.bridge.page.evaluate("1 + 1") == 2
            most = max(most, memory(driver) - before)
        assert word in slot.hostile
        await until(lambda: slot.lost, "its browser is gone")
        assert await neighbour.bridge.page.evaluate("1 + 1") == 2
        assert not neighbour.lost
        assert most < 400 * MB


async def test_malformed_messages_are_dropped_and_the_page_goes_on(slots: Slots) -> None:
    with HostileSite(hostile_site.MALFORMED) as site:
        slot = await slots.open(site.url)
        await slot.navigate()
        await slot.bridge.page.wait_for_function("document.readyState === 'complete'", polling=20)
        assert slot.hostile is None
        assert not slot.lost
        while not slot.facts.empty():
            fact = slot.facts.get_nowait()
            assert fact is None or type(fact).__module__ == "browser_pool.facts"


@pytest.mark.parametrize("program", ["LEAVE", "LEAVE_TO_NOTHING", "LEAVE_TO_NEIGHBOUR"])
async def test_a_page_that_leaves_the_site_is_ended(slots: Slots, program: str) -> None:
    with HostileSite(getattr(hostile_site, program)) as site:
        slot = await slots.open(site.url)
        await slot.navigate()
        await until(lambda: slot.lost, "its browser is gone")
        assert slot.hostile is not None
        assert "left WhatsApp Web" in slot.hostile
        assert not await slot.reattach()


async def test_a_browser_that_an_earlier_pool_left_without_its_sandbox_is_ended(slots: Slots) -> None:
    bare = replace(slots.confinement, sandboxed=False)
    browser = await spawn(slots, bare)
    with HostileSite() as site:
        attached = await slots.attach(site.url, "looked-at", browser.mark)
    assert attached is None
    await until(lambda: not browser.is_alive, "it is gone")
    await browser.kill()


async def test_a_site_that_is_away_has_not_left(slots: Slots) -> None:
    with HostileSite() as site:
        url = site.url
    slot = await slots.open(url)
    with pytest.raises(PageUnreachable):
        await slot.navigate()
    assert slot.hostile is None
    assert not slot.lost


async def test_a_page_reaches_no_host_but_its_site_and_opens_nothing(slots: Slots, tmp_path: Path) -> None:
    """Addresses, frames, windows, downloads, permissions, dialogs, the debugging port."""
    with HostileSite() as site:
        slot = await slots.open(site.url)
        await slot.navigate()
        page = slot.bridge.page
        ask = "u => fetch(u, {mode: 'no-cors'}).then(() => 'reached', () => 'refused')"
        elsewhere = f"http://127.0.0.1:{site.port}"
        for address in (
            elsewhere,
            f"http://127.1:{site.port}",
            f"http://[::1]:{site.port}",
            "https://example.com",
        ):
            assert await page.evaluate(ask, f"{address}/fetched") == "refused", address
        assert await page.evaluate(ask, f"{site.url}/fetched") == "reached"
        framed = (
            "u => new Promise(done => { const f = document.createElement('iframe'); f.onload = done;"
            " f.src = u; document.body.append(f); })"
        )
        await page.evaluate(framed, f"{elsewhere}/framed")
        debugging = f"ws://127.0.0.1:{slot.mark.port}/devtools/browser/x"
        connect = (
            "u => new Promise(done => { const s = new WebSocket(u);"
            " s.onopen = () => done('open'); s.onerror = () => done('refused'); })"
        )
        assert await page.evaluate(connect, debugging) == "refused"
        assert await page.evaluate(connect, f"ws://127.0.0.1:{site.port}/socket") == "refused"
        call = (
            "async ([host, port]) => { const peer = new RTCPeerConnection({iceServers:"
            " [{urls: `stun:${host}:${port}`}, {urls: `turn:${host}:${port}?transport=tcp`,"
            " username: 'a', credential: 'b'}]}); peer.createDataChannel('x');"
            " const found = []; const end = new Promise(done => { peer.onicecandidate = e =>"
            " e.candidate ? found.push(e.candidate.candidate) : done(); });"
            " await peer.setLocalDescription(await peer.createOffer()); await end; return found; }"
        )
        assert await page.evaluate(call, ["127.0.0.1", site.port]) == []

        assert await page.evaluate("u => window.open(u) === null", f"{site.url}/opened")
        assert await page.evaluate("u => window.open(u, '_blank', 'noopener') === null", f"{site.url}/opened")
        click = (
            "u => { const a = document.createElement('a'); a.href = u; a.target = '_blank';"
            " document.body.append(a); a.click(); }"
        )
        await page.evaluate(click, f"{site.url}/clicked")
        save = (
            "u => { const a = document.createElement('a'); a.href = u; a.download = 'gift.bin';"
            " document.body.append(a); a.click(); }"
        )
        async with page.expect_event("download") as downloading:
            await page.evaluate(save, f"{site.url}/download")
        assert await (await downloading.value).failure() is not None
        answers = await page.evaluate(
            """async () => ({
              place: await new Promise(done =>
                navigator.geolocation.getCurrentPosition(() => done('given'), e => done(e.code))),
              notes: await Notification.requestPermission() === 'granted',
              alert: (alert('x'), 'went on'),
              confirm: confirm('x'),
              prompt: prompt('x'),
              camera: await (navigator.mediaDevices?.getUserMedia({video: true}) ?? Promise.reject())
                .then(() => 'given', () => 'refused'),
              clipboard: await (navigator.clipboard?.readText() ?? Promise.reject())
                .then(() => 'given', () => 'refused'),
              chooser: await (window.showOpenFilePicker?.() ?? Promise.reject())
                .then(() => 'given', () => 'refused'),
            })"""
        )
        assert answers == {
            "place": 1,
            "notes": False,
            "alert": "went on",
            "confirm": False,
            "prompt": None,
            "camera": "refused",
            "clipboard": "refused",
            "chooser": "refused",
        }
        assert len(page.context.pages) == 1
        paths = {path for _, path in site.asked}
        assert paths <= {"/", "/fetched", "/download", "/favicon.ico"}
        assert not [host for host, _ in site.asked if not host.startswith("localhost:")]
        assert not list(tmp_path.rglob("gift*"))
        assert slot.hostile is None


async def test_nobody_but_its_owner_can_look_into_a_profile(slots: Slots, tmp_path: Path) -> None:
    with HostileSite() as site:
        slot = await slots.open(site.url)
        await slot.navigate()
        for directory in (slot.profile.root.parent, slot.profile.root, slot.profile.user_data_dir):
            assert directory.stat().st_mode & 0o777 == 0o700, directory


async def spawn(slots: Slots, confinement: Confinement) -> Chromium:
    profile = Profile(slots.directory, "looked-at")
    user_agent: UserAgent = slots.user_agent
    return await Chromium.spawn(
        slots.executable, profile, confinement, user_agent.text, None, background=False
    )


async def test_a_browser_without_its_sandbox_is_refused_whatever_the_settings_say(slots: Slots) -> None:
    walled = slots.confinement
    bare = replace(walled, sandboxed=False)
    browser = await spawn(slots, bare)
    try:
        await until(lambda: renderers_of(browser.mark.pid), "a renderer")
        (renderer,) = renderers_of(browser.mark.pid)
        assert "its system calls are not filtered" in missing_walls(browser.mark.pid, renderer)
        with pytest.raises(LaunchFailed, match=r"CHROMIUM_SANDBOX=off .*not filtered"):
            await must_be_sandboxed(browser.mark.pid, within=QUICKLY)
    finally:
        await browser.kill()
    with pytest.raises(ConfigError, match=r"seccomp/chromium\.json"):
        await prove_sandbox(slots.executable, bare, slots.user_agent.text, slots.directory, within=QUICKLY)
    await prove_sandbox(slots.executable, walled, slots.user_agent.text, slots.directory)
    assert not (slots.directory / "sandbox-proof").exists()


def test_a_session_with_a_hostile_page_fails_with_a_reason(tmp_path: Path) -> None:
    with (
        HostileSite(hostile_site.FLOOD_BINDING) as site,
        System(tmp_path, WHATSAPP_WEB_URL=site.url) as system,
    ):
        assert ends_failed(system)["reason_code"] == "page_broken"
        assert "page_hostile" in system.log("pool")
