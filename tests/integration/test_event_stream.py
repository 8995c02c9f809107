"""Events read from real gunicorn: as a stream and as a list, with nothing missed and nothing told twice."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from functions.stream_places import STREAMS_PER_PROCESS, STREAMS_PER_WORKSPACE
from storage.clock import SystemClock
from storage.database import Database, open_database
from storage.events import EventType
from storage.workspaces import Workspaces
from tests.fakes.dashboard import Dashboard
from tests.fakes.databases import registry_in, rows
from tests.fakes.functions import POOL_SECRET
from tests.fakes.pool import FakePool
from tests.fakes.processes import Gunicorn
from tests.waiting import eventually

LINK = ["qr_code_generated", "session_authenticated", "session_ready"]


@dataclass
class Site:
    """A gunicorn with a node, and what a workspace does with it."""

    server: Gunicorn
    pool: FakePool
    database: Database

    def send(self, path: str, body: bytes, headers: dict[str, str]) -> requests.Response:
        answer = requests.post(self.server.url + path, data=body, headers=headers, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer

    def key(self) -> str:
        """The key of a new workspace, which has no webhook."""
        return Workspaces(self.database, SystemClock()).create("Toko").api_key

    def call(self, key: str, path: str, method: str = "GET", **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {key}", **more.pop("headers", {})}
        return requests.request(method, self.server.url + path, headers=headers, timeout=10, **more)

    def link(self, key: str, **wanted: Any) -> dict[str, Any]:
        """A session that shows a QR and is linked."""
        session: dict[str, Any] = self.call(key, "/api/sessions", "POST", json=wanted).json()
        self.pool.scan(session["id"])
        self.pool.relay(self.send)
        return session

    def flap(self, session_id: str, times: int) -> None:
        """Two events, so many times."""
        for _ in range(times):
            self.pool.emit(session_id, EventType.SESSION_DISCONNECTED)
            self.pool.emit(session_id, EventType.SESSION_RECONNECTED)
            self.pool.relay(self.send)

    def dashboard(self, key: str, last_id: str | None = None, query: str = "") -> Dashboard:
        return Dashboard(self.server.url, key, last_id, query)

    def list(self, key: str, limit: int = 200) -> list[dict[str, Any]]:
        """Every event of the workspace."""
        events: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.call(key, f"/api/events?limit={limit}{cursor}").json()
            events += page["events"]
            if page["next_cursor"] is None:
                return events
            cursor = f"&cursor={page['next_cursor']}"


@contextmanager
def running(directory: Path, **env: str) -> Iterator[Site]:
    env = {"LEASE_TTL_SECONDS": "3600", **env}  # the node is heard once
    with Gunicorn(directory, **env) as server, FakePool(POOL_SECRET) as pool:
        database = open_database(registry_in(directory))
        try:
            site = Site(server, pool, database)
            pool.heartbeat(site.send)
            yield site
        finally:
            database.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("events"), FUNCTIONS_READ_TIMEOUT_SECONDS="0.5") as started:
        yield started


@contextmanager
def meanwhile(work: Callable[[], None]) -> Iterator[threading.Thread]:
    """In another thread, over at the end."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        thread.join()


def test_events_arrive_while_they_happen_and_only_at_their_own_workspace(site: Site) -> None:
    mine, other = site.key(), site.key()
    with site.dashboard(mine) as dashboard, site.dashboard(other) as theirs:
        assert dashboard.response.headers["Content-Type"].startswith("text/event-stream")
        session = site.link(mine, reference="customer-7")
        events = dashboard.wait_for(3)
        foreign = site.link(other)
        assert {event["data"]["session_id"] for event in theirs.wait_for(3)} == {foreign["id"]}
    assert [event["type"] for event in events] == LINK
    assert [event["id"] for event in events] == ["1", "2", "3"]
    for event in events:
        assert set(event) == {"id", "type", "timestamp", "data"}
        assert event["data"]["session_id"] == session["id"]
        assert event["data"]["reference"] == "customer-7"
    assert events[2]["data"]["phone_number"] == "+6281234567890"
    assert len(dashboard.events) == 3
    assert {one["data"]["session_id"] for one in site.list(mine)} == {session["id"]}


def test_neither_a_qr_nor_a_code_is_kept_in_the_stream(site: Site) -> None:
    key = site.key()
    with site.dashboard(key) as dashboard:
        session = site.call(key, "/api/sessions", "POST", json={"phone": "+6281234567892"}).json()
        qr, code = dashboard.wait_for(2)
    assert (qr["type"], code["type"]) == ("qr_code_generated", "pairing_code_generated")
    assert qr["data"]["expires_at"] == session["qr"]["expires_at"]
    assert not {"qr_text", "qr_code"} & set(qr["data"])
    assert "pairing_code" not in code["data"]
    kept = "".join(row["data"] for row in rows(site.database, "SELECT data FROM stream"))
    assert session["qr"]["text"] not in kept
    assert "ABCD-EFGH" not in kept


def test_a_reader_that_is_cut_off_again_and_again_misses_none_and_hears_none_twice(site: Site) -> None:
    key = site.key()
    session = site.link(key)
    heard: list[dict[str, Any]] = []
    with site.dashboard(key) as dashboard:
        eventually(lambda: dashboard.last_id, "it knows where it is")
    last_id = dashboard.last_id
    with meanwhile(lambda: site.flap(session["id"], 60)) as writing:
        while writing.is_alive():
            with site.dashboard(key, last_id) as dashboard:
                eventually(lambda: dashboard.events or not writing.is_alive(), "it hears more")
            heard += dashboard.events
            last_id = dashboard.last_id
    with site.dashboard(key, last_id) as dashboard:
        dashboard.wait_for(120 - len(heard))
    heard += dashboard.events
    assert [int(event["id"]) for event in heard] == list(range(4, 124))
    assert [event["type"] for event in heard] == ["session_disconnected", "session_reconnected"] * 60
    assert heard == site.list(key)[3:]


def test_a_list_read_during_writing_holds_everything_once(site: Site) -> None:
    key = site.key()
    first, second = site.link(key)["id"], site.link(key)["id"]

    def write() -> None:
        for _ in range(20):
            site.flap(first, 1)
            site.flap(second, 1)

    read: list[dict[str, Any]] = []

    def read_on() -> int:
        after = read[-1]["id"] if read else "0"
        events = site.call(key, f"/api/events?limit=3&after={after}").json()["events"]
        read.extend(events)
        return len(events)

    with meanwhile(write) as writing:
        while writing.is_alive():
            read_on()
    while read_on():
        pass
    assert [int(event["id"]) for event in read] == list(range(1, 6 + 80 + 1))
    assert read == site.list(key, limit=7)


def test_what_is_read_can_be_chosen(site: Site) -> None:
    key = site.key()
    first, second = site.link(key)["id"], site.link(key)["id"]
    chosen = f"types=session_ready,session_disconnected&session_id={second}"
    with site.dashboard(key, query=f"?after=0&{chosen}") as dashboard:
        assert dashboard.wait_for(1)[0]["id"] == "6"
        site.flap(first, 1)
        site.flap(second, 1)
        assert dashboard.wait_for(2)[1]["id"] == "9"
        events = dashboard.events
    assert site.call(key, f"/api/events?{chosen}").json() == {"events": events, "next_cursor": None}


@pytest.mark.parametrize(
    ("query", "headers", "field"),
    [
        ("?after=-1", {}, "after"),
        ("?after=1", {}, "after"),
        ("?after=" + "9" * 30, {}, "after"),
        ("?cursor=eA", {}, "cursor"),
        ("?types=session_started", {}, "types"),
        ("?type=session_ready", {}, "type"),
        ("", {"Last-Event-ID": "x", "Accept": "text/event-stream"}, "Last-Event-ID"),
        ("?limit=5", {"Accept": "text/event-stream"}, "limit"),
    ],
)
def test_what_cannot_be_meant_is_refused(site: Site, query: str, headers: dict[str, str], field: str) -> None:
    answer = site.call(site.key(), f"/api/events{query}", headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_a_deleted_session_leaves_no_content_in_the_stream(site: Site) -> None:
    key = site.key()
    session = site.link(key, reference="customer-8")
    site.call(key, f"/api/sessions/{session['id']}", "DELETE")
    events = site.list(key)
    assert [event["type"] for event in events[:3]] == LINK
    assert {tuple(event["data"]) for event in events} == {("session_id", "workspace_id")}


def test_a_workspace_has_so_many_streams_and_gets_one_back_when_its_client_leaves(site: Site) -> None:
    key = site.key()
    with ExitStack() as open_:
        dashboards = [open_.enter_context(site.dashboard(key)) for _ in range(STREAMS_PER_WORKSPACE)]
        assert {one.response.status_code for one in dashboards} == {200}
        refused = site.call(key, "/api/events", headers={"Accept": "text/event-stream"})
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        assert int(refused.headers["Retry-After"]) > 0
        assert site.call(key, "/api/events").status_code == 200
        head = site.call(key, "/api/events", "HEAD", headers={"Accept": "text/event-stream"})
        assert head.status_code == 200
        dashboards[0].close()

        def again() -> bool:
            with site.dashboard(key) as dashboard:
                return dashboard.response.status_code == 200

        eventually(again, "its place is free")


def test_streams_leave_room_for_requests(site: Site) -> None:
    with ExitStack() as open_:
        keys = [site.key() for _ in range(5)]
        codes = [open_.enter_context(site.dashboard(key)).response.status_code for key in keys * 4]
        assert set(codes) == {200, 503}
        assert codes.count(200) <= 2 * STREAMS_PER_PROCESS
        for _ in range(20):
            assert site.call(keys[0], "/api/sessions").status_code == 200


def test_a_client_that_does_not_read_is_let_go(site: Site) -> None:
    key = site.key()
    session = site.link(key)
    with site.database.transaction():  # more than the buffers between us hold
        for _ in range(100):
            rows(
                site.database,
                "UPDATE workspaces SET stream_position = stream_position + 1 WHERE id = :id",
                id=session["workspace_id"],
            )
            rows(
                site.database,
                "INSERT INTO stream SELECT workspace_id, (SELECT stream_position FROM workspaces WHERE id = "
                "workspace_id), session_id, event_id, type, occurred_at, :data FROM stream "
                "WHERE workspace_id = :id AND position = 1",
                data=json.dumps({"padding": "x" * 100_000}),
                id=session["workspace_id"],
            )
    before = site.server.output.read_text().count("stream_ended")
    headers = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream", "Last-Event-ID": "0"}
    with requests.get(f"{site.server.url}/api/events", headers=headers, stream=True, timeout=10) as idle:
        assert idle.status_code == 200
        eventually(lambda: site.server.output.read_text().count("stream_ended") > before, "it was let go")


def test_a_stop_does_not_wait_for_streams_and_ends_them_whole(tmp_path: Path) -> None:
    with running(tmp_path) as site, ExitStack() as open_:
        key = site.key()
        dashboards = [open_.enter_context(site.dashboard(key)) for _ in range(STREAMS_PER_WORKSPACE)]
        session = site.link(key)
        for one in dashboards:
            one.wait_for(3)
        site.server.popen.terminate()
        assert site.server.popen.wait(5) == 0  # graceful_timeout is 15
        for one in dashboards:
            one.join()
            assert one.ended_well
            assert one.events[-1]["data"]["session_id"] == session["id"]


def test_a_killed_worker_gives_its_places_back(tmp_path: Path) -> None:
    with running(tmp_path) as site, ExitStack() as open_:
        key = site.key()
        for _ in range(STREAMS_PER_WORKSPACE):
            open_.enter_context(site.dashboard(key))
        pid = site.server.popen.pid
        for worker in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(worker), signal.SIGKILL)

        def again() -> bool:
            try:
                return open_.enter_context(site.dashboard(key)).response.status_code == 200
            except requests.ConnectionError:
                return False  # nobody is there to answer yet

        eventually(again, "a stream can be opened")
