"""Copies of a profile that a page goes on writing to: each must open, whole, with its keys usable."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import TimeoutError as PlaywrightTimeout

from browser_pool.capture import STOPPED_WITHIN_SECONDS, capture, go_on, signature
from browser_pool.chromium import Chromium
from browser_pool.confinement import Confinement, find_confinement
from browser_pool.driver import Driver
from browser_pool.errors import CaptureFailed
from browser_pool.executable import find_executable
from browser_pool.profile import Profile
from browser_pool.user_agent import read_user_agent
from tests.waiting import eventually

COPIES = int(os.environ.get("CAPTURES", "10"))
"""A hundred were taken when this was built, all of them whole: CAPTURES=100."""

PAGE = """<!doctype html><script>
const opened = new Promise((done, fail) => {
  const asked = indexedDB.open('signal-storage', 1);
  asked.onupgradeneeded = () => { asked.result.createObjectStore('a'); asked.result.createObjectStore('b'); };
  asked.onsuccess = () => done(asked.result); asked.onerror = () => fail(asked.error);
});
const get = (store, key) => new Promise((done, fail) => {
  const asked = store.get(key);
  asked.onsuccess = () => done(asked.result); asked.onerror = () => fail(asked.error);
});
window.written = 0;
window.aborted = [];
window.start = async () => {
  const db = await opened;
  const key = await crypto.subtle.generateKey({name: 'HMAC', hash: 'SHA-256'}, false, ['sign']);
  const noise = () => crypto.getRandomValues(new Uint8Array(20000));
  await new Promise(done => {
    const t = db.transaction(['a'], 'readwrite');
    t.objectStore('a').put(key, 'key'); t.oncomplete = done;
  });
  for (let n = 1; ; n++) {
    await new Promise(done => {
      const t = db.transaction(['a', 'b'], 'readwrite');
      t.objectStore('a').put(n, 'n'); t.objectStore('b').put(n, 'n');
      t.objectStore('b').put(noise(), 'noise' + n % 50);
      t.oncomplete = () => { window.written = n; done(); };
      t.onabort = () => { window.aborted.push(String(t.error)); done(); };
    });
  }
};
window.read = async () => {
  const db = await opened; const t = db.transaction(['a', 'b']);
  const [key, a, b] = await Promise.all([
    get(t.objectStore('a'), 'key'), get(t.objectStore('a'), 'n'), get(t.objectStore('b'), 'n')]);
  const signed = await crypto.subtle.sign('HMAC', key, new Uint8Array([1]));
  return {a, b, signed: signed.byteLength, extractable: key.extractable};
};
</script>"""


@pytest.fixture
async def origin() -> AsyncIterator[str]:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


class Browsers:
    """Starts browsers on profiles, as the pool does."""

    def __init__(self, driver: Driver, executable: str, confinement: Confinement, user_agent: str) -> None:
        self.driver = driver
        self.executable = executable
        self.confinement = confinement
        self.user_agent = user_agent

    async def open(self, profile: Profile, url: str) -> tuple[Chromium, Any]:
        chromium = await Chromium.spawn(
            self.executable, profile, self.confinement, self.user_agent, None, background=False
        )
        browser = await self.driver.connect(chromium.address(profile), chromium.door)
        page = browser.contexts[0].pages[0]
        await page.goto(url)
        return chromium, page


@pytest.fixture
async def browsers(tmp_path: Path) -> AsyncIterator[Browsers]:
    executable = find_executable(os.environ.get("CHROMIUM_PATH"))
    confinement = await find_confinement(tmp_path, 60900, sandbox=True)
    async with Driver() as driver:
        yield Browsers(driver, executable, confinement, (await read_user_agent(executable)).text)


async def _has_written(page: Any, *, more_than: int) -> None:
    """Asked by a timer: Playwright's own way waits for a frame, and a page without a screen may draw none."""
    try:
        await page.wait_for_function(f"window.written > {more_than}", polling=20)
    except PlaywrightTimeout as error:
        state = await page.evaluate("[window.written, window.aborted, document.visibilityState]")
        raise AssertionError(f"nothing more was written than {more_than}: {state}") from error


@pytest.mark.browser
async def test_every_copy_taken_under_heavy_writing_is_whole(
    tmp_path: Path, origin: str, browsers: Browsers
) -> None:
    profile = Profile(tmp_path, "writer")
    chromium, page = await browsers.open(profile, origin)
    await page.evaluate("() => { window.start(); }")
    stopped = []
    try:
        for number in range(COPIES):
            before = await page.evaluate("window.written")
            await _has_written(page, more_than=before)
            copy = Profile(tmp_path, f"copy{number}")
            staged = tmp_path / f"staged{number}"
            taken = await asyncio.to_thread(capture, profile, chromium.mark.pid, staged)
            stopped.append(taken.stopped_ms)
            # a browser that opened the links would write to the files of the first, see IMMUTABLE
            shutil.copytree(staged, copy.root)
            shutil.rmtree(staged)
            reader, shown = await browsers.open(copy, origin)
            try:
                found = await shown.evaluate("window.read()")
            finally:
                await reader.kill()
            assert found["a"] == found["b"] >= before
            assert (found["signed"], found["extractable"]) == (32, False)
            copy.erase()
        assert await page.evaluate("window.written") > 0, "the writer goes on"
    finally:
        await chromium.kill()
    median = sorted(stopped)[len(stopped) // 2]
    print(f"{COPIES} copies whole; stopped for {median:.1f} ms, {max(stopped):.1f} at most")


@pytest.mark.browser
async def test_a_browser_left_standing_by_a_killed_pool_goes_on(
    tmp_path: Path, origin: str, browsers: Browsers
) -> None:
    chromium, page = await browsers.open(Profile(tmp_path, "stopped"), origin)
    try:
        os.killpg(chromium.mark.pid, signal.SIGSTOP)
        found = Chromium.find(chromium.mark)
        assert found is not None
        found.go_on()
        assert await asyncio.wait_for(page.evaluate("1 + 1"), 10) == 2
        found.forget()
    finally:
        await chromium.kill()


def _profile_with(directory: Path, size: int) -> Profile:
    profile = Profile(directory, "s1")
    profile.prepare(walked=False)
    store = profile.user_data_dir / "Default" / "IndexedDB" / "https_web.whatsapp.com_0.indexeddb.leveldb"
    store.mkdir(parents=True)
    (store / "000003.log").write_bytes(b"x" * size)
    (store / "000005.ldb").write_bytes(b"table")
    (store / "LOCK").touch()
    cache = profile.user_data_dir / "Default" / "Cache"
    cache.mkdir()
    (cache / "data_0").write_bytes(b"cache")
    return profile


def test_only_the_identity_is_taken_and_tables_are_linked(tmp_path: Path) -> None:
    profile = _profile_with(tmp_path, 10)
    profile.save_local_storage("https://web.whatsapp.com", {"a": "1"}, clean=False)
    staged = tmp_path / "staged"
    taken = capture(profile, None, staged)
    names = {path.name for path in staged.rglob("*") if path.is_file()}
    assert names == {"000003.log", "000005.ldb", "local_storage.json"}
    assert taken.files == 3
    (table,) = staged.rglob("000005.ldb")
    (log,) = staged.rglob("000003.log")
    assert (table.stat().st_nlink, log.stat().st_nlink) == (2, 1)


def test_the_signature_changes_with_the_identity_and_with_nothing_else(tmp_path: Path) -> None:
    profile = _profile_with(tmp_path, 10)
    before = signature(profile)
    (profile.user_data_dir / "Default" / "Cache" / "data_0").write_bytes(b"more of the cache")
    assert signature(profile) == before
    next(profile.user_data_dir.rglob("000003.log")).write_bytes(b"y" * 11)
    assert signature(profile) != before


def test_a_full_disk_is_told_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    profile = _profile_with(tmp_path, 200_000)
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from browser_pool.capture import capture\n"
        "from browser_pool.errors import CaptureFailed\n"
        "from browser_pool.profile import Profile\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    capture(Profile(Path(sys.argv[1]), 's1'), None, Path(sys.argv[2]))\n"
        "except CaptureFailed as error:\n"
        "    print(error)\n"
    )
    staged = tmp_path / "staged"
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(staged)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "nothing was saved" in done.stdout
    assert not staged.exists()
    assert next(profile.user_data_dir.rglob("000003.log")).stat().st_size == 200_000


def test_a_profile_without_a_login_is_not_saved(tmp_path: Path) -> None:
    profile = Profile(tmp_path, "s1")
    profile.prepare(walked=False)
    with pytest.raises(CaptureFailed, match="no login"):
        capture(profile, None, tmp_path / "staged")
    assert not (tmp_path / "staged").exists()


def test_a_process_that_ends_while_it_is_stopped_does_not_hold_the_capture(tmp_path: Path) -> None:
    profile = _profile_with(tmp_path, 10)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        try:
            taken = capture(profile, process.pid, tmp_path / "staged")
            assert taken.files == 2
            assert taken.stopped_ms < STOPPED_WITHIN_SECONDS * 1000
            stat = Path(f"/proc/{process.pid}/stat")
            eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] != "T", "it goes on")
            go_on(process.pid)
        finally:
            process.kill()
