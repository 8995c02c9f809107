"""A restored snapshot opened without network: what is proven of it, and that nobody outside notices."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Playwright

from browser_pool.config import PoolConfig
from browser_pool.drill import drill
from browser_pool.drill_book import DrillBook
from browser_pool.driller import Driller
from browser_pool.metrics import PoolMetrics
from browser_pool.pool_db import open_pool_db
from browser_pool.profile import Profile
from browser_pool.snapshot_store import SnapshotStore
from browser_pool.start_queue import StartQueue
from storage.clock import ManualClock, SystemClock
from storage.drill_process import PREFIX, drill_ground
from storage.ids import new_id
from storage.key_wrap import LocalKeyWrap
from storage.object_url import open_store
from tests.fakes.snapshot_shop import SECRET, SnapshotShop
from tests.standin import fixtures
from tests.standin.chromium import Chromium, await_no_process, processes_of
from tests.standin.client import ROOT, StandIn
from tests.waiting import eventually

pytestmark = pytest.mark.browser
playwright = fixtures.playwright

NUMBER = "6281234567890"
IDENTITY = ("IndexedDB", "Local Storage", "Cookies")


@dataclass(frozen=True, kw_only=True)
class Linked:
    """A site, the profile that is linked to it, and a copy of its identity as restore leaves it."""

    standin: StandIn
    profile: Path
    restored: Path


@pytest.fixture(scope="module")
def linked(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linked]:
    directory = tmp_path_factory.mktemp("linked")
    with StandIn.start() as standin:
        browser = Chromium(playwright, directory / "profile").open(standin.url)
        standin.scan(browser.qr_text(), NUMBER)
        browser.until_synced()
        items = browser.page.evaluate("({...localStorage})")
        browser.close()
        restored = directory / "restored"
        for name in IDENTITY:
            source = directory / "profile" / "Default" / name
            if source.is_dir():
                shutil.copytree(source, restored / "chromium" / "Default" / name)
        saved = {"origin": standin.url, "items": items, "clean": True}
        (restored / "local_storage.json").write_text(json.dumps(saved))
        yield Linked(standin=standin, profile=directory / "profile", restored=restored)


@pytest.fixture
def snapshot(linked: Linked, tmp_path: Path) -> Path:
    """A copy to look into."""
    return shutil.copytree(linked.restored, tmp_path / "restored" / "snapshot")


@pytest.fixture
def live(linked: Linked, playwright: Playwright) -> Iterator[Chromium]:
    """The session itself, connected."""
    running = Chromium(playwright, linked.profile).open(linked.standin.url)
    running.until_synced()
    yield running
    running.close()


def run(directory: Path) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "browser_pool.drill", str(directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout, done.stderr
    await_no_process(directory)
    return done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr


def test_a_good_snapshot_is_proven_and_nothing_reaches_the_site(linked: Linked, snapshot: Path) -> None:
    before = linked.standin.stats()
    status, said, output = run(snapshot)
    assert (status, said["ok"], said["problems"], said["missing"]) == (0, True, [], [])
    assert said["databases"]["signal-storage"] == {"signal-meta-store": {"records": 1, "read": 1}}
    assert said["databases"]["wawc"]["user"]["records"] == 2
    assert (said["crypto_keys"], said["crypto_keys_used"]) == (1, 1)
    assert said["local_storage_items"] == 2
    assert linked.standin.stats() == before
    secret = json.loads((linked.restored / "local_storage.json").read_text())["items"]["WAWebEncKeySalt"]
    assert secret not in output
    assert NUMBER not in output


def test_without_a_namespace_the_browser_itself_lets_nothing_out(linked: Linked, snapshot: Path) -> None:
    before = linked.standin.stats()
    config = PoolConfig.from_env({**os.environ, "POOL_SECRET": "0123456789abcdef" * 4})
    looking = drill(snapshot, config, namespace=False)
    with ThreadPoolExecutor(1) as thread:  # this one holds Playwright's loop
        said = thread.submit(asyncio.run, looking).result()
    assert (said["ok"], said["network"]) == (True, "cut off in the browser")
    assert linked.standin.stats() == before


def spoil_records(snapshot: Path) -> None:
    """Wherever LevelDB has them just now."""
    for path in [*snapshot.rglob("*.leveldb/*.log"), *snapshot.rglob("*.leveldb/*.ldb")]:
        path.write_bytes(b"\0" * path.stat().st_size)


def spoil_manifest(snapshot: Path) -> None:
    for path in snapshot.rglob("*.indexeddb.leveldb/CURRENT"):
        path.write_text("MANIFEST-999999\n")


def remove_databases(snapshot: Path) -> None:
    shutil.rmtree(snapshot / "chromium" / "Default" / "IndexedDB")


def spoil_local_storage(snapshot: Path) -> None:
    (snapshot / "local_storage.json").write_text('{"origin": ')


def remove_local_storage(snapshot: Path) -> None:
    (snapshot / "local_storage.json").unlink()
    shutil.rmtree(snapshot / "chromium" / "Default" / "Local Storage")


@pytest.mark.parametrize(
    "spoil",
    [spoil_records, spoil_manifest, remove_databases, spoil_local_storage, remove_local_storage],
)
def test_a_damaged_snapshot_is_found_out(snapshot: Path, spoil: Callable[[Path], None]) -> None:
    spoil(snapshot)
    status, said, output = run(snapshot)
    assert (status, said["ok"]) == (1, False)
    assert said["problems"]
    assert "Traceback" not in output


def test_a_drill_that_is_told_to_stop_takes_its_browser_with_it(snapshot: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "browser_pool.drill", str(snapshot)], cwd=ROOT, stdout=subprocess.PIPE
    )
    # not just any process: a child that the drill has forked still bears the drill's own command line
    eventually(lambda: any(_is_browser(pid) for pid in processes_of(snapshot)), "the browser runs")
    process.terminate()
    output, _ = process.communicate(timeout=20)
    assert (process.returncode, output) == (2, b"")
    await_no_process(snapshot)


def test_a_drill_that_is_killed_leaves_nothing(linked: Linked, tmp_path: Path) -> None:
    elsewhere, parent = tmp_path / "elsewhere", tmp_path / "data" / "tmp"
    elsewhere.mkdir()
    with drill_ground(parent) as ground:
        snapshot = shutil.copytree(linked.restored, ground / "profile")
        with subprocess.Popen(
            [sys.executable, "-m", "browser_pool.drill", str(snapshot)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(elsewhere)},
            stdout=subprocess.DEVNULL,
        ) as process:
            eventually(lambda: [*snapshot.glob("driver/*/playwright-artifacts-*")], "the driver is at work")
            process.kill()
        assert any(_is_browser(pid) for pid in processes_of(snapshot))
    await_no_process(snapshot)
    assert [*elsewhere.iterdir(), *parent.iterdir()] == []


def _is_browser(pid: int) -> bool:
    try:
        return b"--user-data-dir=" in (Path("/proc") / str(pid) / "cmdline").read_bytes()
    except OSError:  # ended while we looked
        return False


def test_what_is_no_directory_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "browser_pool.drill", str(tmp_path / "nothing")],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, b"")


def test_the_operators_drill_leaves_nothing_behind(linked: Linked, live: Chromium, tmp_path: Path) -> None:
    shop = SnapshotShop(tmp_path)
    saved = shop.save_directory("01JQZ3N8K2V5W7X9Y1B4C6D8EF", linked.restored)
    of_a_killed_drill = shop.data_dir / "tmp" / f"{PREFIX}left"
    of_a_killed_drill.mkdir(parents=True)
    before = linked.standin.stats()["socket_connects"]
    said = shop.run("drill", saved.about.session_id)
    assert (said.returncode, said.stderr) == (0, "")
    assert "the login can be read" in said.stdout
    assert "signal-storage: signal-meta-store 1" in said.stdout
    assert shop.json("drill", saved.about.session_id, saved.id)["drill"]["ok"] is True
    after = linked.standin.stats()
    assert (after["socket_connects"], after["double_runs"]) == (before, 0)
    assert live.state() == "CONNECTED", "the session itself ran all the time"
    assert list((shop.data_dir / "tmp").iterdir()) == []


def test_the_operators_drill_tells_of_a_login_that_cannot_be_read(snapshot: Path, tmp_path: Path) -> None:
    remove_databases(snapshot)
    shop = SnapshotShop(tmp_path)
    saved = shop.save_directory("01JQZ3N8K2V5W7X9Y1B4C6D8EF", snapshot)
    said = shop.run("drill", saved.about.session_id)
    assert said.returncode == 1
    assert "THE LOGIN CANNOT BE READ" in said.stdout
    assert "problem: no database holds a record" in said.stderr


def test_a_drill_without_a_browser_says_nothing_about_the_snapshot(tmp_path: Path) -> None:
    shop = SnapshotShop(tmp_path, CHROMIUM_PATH="/nowhere/chromium")
    saved = shop.save()
    said = shop.run("drill", saved.about.session_id)
    assert (said.returncode, said.stdout) == (2, "")
    assert "CHROMIUM_PATH" in said.stderr
    assert list((shop.data_dir / "tmp").iterdir()) == []


@dataclass
class Node:
    """What a driller has of a node: sessions with snapshots, a start queue, a book."""

    shop: SnapshotShop
    clock: ManualClock
    metrics: PoolMetrics
    sessions: list[Any]

    def add(self, login: Path) -> str:
        """One more session, saved."""
        session_id = new_id(SystemClock().now())
        self.shop.save_directory(session_id, login)
        profile = Profile(self.shop.data_dir, session_id)
        profile.root.mkdir(parents=True)
        profile.remember_saved("as it is")
        self.sessions.append(
            SimpleNamespace(spec=SimpleNamespace(id=session_id), profile=profile, may_be_saved=True)
        )
        return session_id

    def work(self, act: Callable[[Driller, StartQueue], Any], every: timedelta = timedelta(days=1)) -> Any:
        """With a driller over this node, in a loop of its own; each time one of a pool that was restarted."""

        async def begin() -> Any:
            store = SnapshotStore(
                open_store(f"file://{self.shop.data_dir}/snapshots"), LocalKeyWrap(SECRET), self.clock
            )
            db = open_pool_db(self.shop.data_dir / "pool.db")
            starts = StartQueue(1, 1, self.clock)
            try:
                await store.open()
                driller = Driller(
                    store,
                    starts,
                    self.metrics,
                    self.clock,
                    DrillBook(db, self.clock),
                    self.shop.data_dir,
                    every,
                )
                driller.sessions = lambda: self.sessions
                return await act(driller, starts)
            finally:
                db.close()
                store.close()

        with ThreadPoolExecutor(1) as thread:  # this one holds Playwright's loop
            return thread.submit(asyncio.run, begin()).result()

    def counted(self, outcome: str) -> float:
        text = self.metrics.exposition()[0].decode()
        (line,) = [
            one
            for one in text.splitlines()
            if one.startswith(f'linkpool_drills_total{{outcome="{outcome}"}}')
        ]
        return float(line.split()[-1])


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(SnapshotShop(tmp_path), ManualClock(), PoolMetrics(), [])


def values(driller: Driller) -> dict[str, Any]:
    return {name: value for (name, _), value in driller.readings().items()}


def test_a_node_drills_its_sessions_in_turn_and_goes_on_after_a_restart(node: Node, linked: Linked) -> None:
    good, damaged = node.add(linked.restored), node.add(spoilt(linked, node.shop.directory))

    async def a_day(driller: Driller, _: StartQueue) -> dict[str, Any]:
        await driller.look()
        assert values(driller)["linkpool_drill_overdue_seconds"] == 0
        node.clock.advance(timedelta(minutes=11))
        await driller.look()
        await driller.look()  # the next one is due tomorrow
        return values(driller) | (driller.state() or {})

    first = node.work(a_day)
    assert (node.counted("passed"), node.counted("failed")) == (1, 0)
    assert first["passed"] is True
    assert first["linkpool_drill_success_timestamp_seconds"] == node.clock.now().timestamp()
    node.clock.advance(timedelta(hours=23))
    node.work(a_day)
    assert (node.counted("passed"), node.counted("failed")) == (1, 0), "a deploy brings no drill forward"
    node.clock.advance(timedelta(hours=1))
    second = node.work(a_day)
    assert (node.counted("passed"), node.counted("failed"), second["passed"]) == (1, 1, False)
    assert second["problems"]
    assert good not in str(second)
    assert damaged not in str(second)
    assert list((node.shop.data_dir / "tmp").iterdir()) == []


def spoilt(linked: Linked, directory: Path) -> Path:
    login = shutil.copytree(linked.restored, directory / "spoilt")
    remove_databases(login)
    return login


def test_a_drill_that_cannot_be_held_condemns_nothing_and_is_overdue(
    node: Node, linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHROMIUM_PATH", "/nowhere/chromium")
    node.add(linked.restored)

    async def two_days(driller: Driller, _: StartQueue) -> float:
        await driller.look()
        for _ in range(2):
            node.clock.advance(timedelta(days=1))
            await driller.look()
        overdue: float = values(driller)["linkpool_drill_overdue_seconds"]
        return overdue

    assert node.work(two_days) > timedelta(hours=47).total_seconds()
    assert (node.counted("not_held"), node.counted("failed")) == (2, 0)


def test_a_lost_snapshot_fails_its_drill(node: Node, linked: Linked) -> None:
    session_id = node.add(linked.restored)
    node.shop.vault.session(session_id).destroy()
    assert node.work(lambda driller, _: driller.hold(session_id)) is False
    node.sessions.clear()
    assert node.work(lambda driller, _: driller.hold(session_id)) is None, "it went with its snapshots"
    assert node.counted("failed") == 1


def test_no_drill_while_sessions_need_the_machine_or_nothing_is_saved(node: Node, linked: Linked) -> None:
    async def busy(driller: Driller, starts: StartQueue) -> None:
        await driller.look()
        node.clock.advance(timedelta(days=3))
        await driller.look()
        assert values(driller)["linkpool_drill_overdue_seconds"] == 0, "there was nothing to drill"
        node.add(linked.restored)
        await driller.look()
        node.clock.advance(timedelta(hours=1))
        permit = starts.occupy()
        await driller.look()
        permit.release()

    node.work(busy)
    assert (node.counted("passed"), node.counted("not_held")) == (0, 0)


def test_what_a_killed_pool_left_of_a_drill_goes_at_the_next_start(node: Node) -> None:
    left = node.shop.data_dir / "tmp" / f"{PREFIX}left"
    left.mkdir(parents=True)

    async def start(driller: Driller, _: StartQueue) -> None:
        running = asyncio.create_task(driller.run())
        async with asyncio.timeout(10):
            while left.exists():  # noqa: ASYNC110 - nobody else tells
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait([running])

    node.work(start, every=timedelta())
