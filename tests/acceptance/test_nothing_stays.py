"""What stays of sessions that came and went: nothing in the pool's memory, its journal or its processes."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from bench import census
from bench.census import OURS, PLAYWRIGHTS, Census
from tests.system import System
from tests.waiting import eventually

pytestmark = pytest.mark.browser
NUMBER = "+6281800000001"
ENDINGS = ("logged out", "removed by the phone", "deleted")
WAITED_FOR = ("asyncio.locks.", "asyncio.queues.", "asyncio.timeouts.")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    directory = tmp_path_factory.mktemp("stays")
    key = {"SNAPSHOT_KEY": base64.b64encode(secrets.token_bytes(32)).decode()}
    with System(directory, **key, **census.environ(directory / "c")) as running:
        yield running


def journal(system: System) -> list[str]:
    with closing(sqlite3.connect(system.data_dir / "pool.db")) as database:
        return [row[0] for row in database.execute("select session_id from journal")]


def come_and_go(system: System, ending: str) -> None:
    """One session, linked, saved and ended."""
    session_id = system.link(NUMBER)["id"]
    eventually(lambda: system.session(session_id)["snapshot"], "its login is saved")
    if ending == "logged out":
        assert system.call("POST", f"/api/sessions/{session_id}/logout", json={}).ok
    elif ending == "removed by the phone":
        system.standin.revoke(NUMBER)
    if ending != "deleted":
        system.until(session_id, "logged_out")
        # the heartbeat wants it closed meanwhile, every 0.3 s
        eventually(lambda: "snapshots_destroyed" in system.story(session_id), "no copy of its login is left")
        eventually(lambda: not system.pool_call("GET", "/sessions")["sessions"], "its runner has ended")
        assert not (system.data_dir / "profiles" / session_id).exists()
        assert not journal(system)
    assert system.call("DELETE", f"/api/sessions/{session_id}").ok
    eventually(lambda: not system.browsers(), "its browser is gone")
    eventually(lambda: not journal(system), "the journal has forgotten it")


def counted(system: System) -> Census:
    return census.take(system.directory / "c", system.pid("pool"))


def test_no_object_of_a_session_that_came_and_went_stays_in_the_pool(system: System) -> None:
    come_and_go(system, "deleted")  # what is made once is made by the first
    before = counted(system)
    assert before.of("browser_pool.pool.Pool")
    for ending in ENDINGS:
        come_and_go(system, ending)
    stays: dict[str, int] = {}

    def nothing_stays() -> bool:
        more = census.more(before, counted(system), *OURS, PLAYWRIGHTS, *WAITED_FOR)
        stays.clear()  # one more is a heartbeat that is on its way; what stays, stays of each session
        stays.update({name: count for name, count in more.items() if count >= len(ENDINGS)})
        return not stays

    try:
        eventually(nothing_stays, "no type has more objects for each session", 30)
    except AssertionError:
        pytest.fail(f"of each session one of these stays: {stays}")


def linked_devices(system: System) -> list[bool]:
    return [device["linked"] for device in system.standin.state(NUMBER)["devices"] if device["linked"]]


def test_the_device_of_a_deleted_session_is_removed_although_its_browser_has_just_died(
    system: System,
) -> None:
    session_id = system.link(NUMBER)["id"]
    os.killpg(system.browser_pid(session_id), signal.SIGKILL)
    assert system.call("DELETE", f"/api/sessions/{session_id}").ok
    eventually(lambda: not linked_devices(system), "the device has left the account", 60)


def test_the_device_of_a_deleted_session_is_removed_although_its_pool_has_just_been_started(
    system: System,
) -> None:
    session_id = system.link(NUMBER)["id"]
    system.kill("pool")
    system.start("pool")
    assert system.call("DELETE", f"/api/sessions/{session_id}").ok
    eventually(lambda: not linked_devices(system), "the device has left the account", 60)


def test_a_pool_that_was_killed_after_a_sessions_last_word_finishes_it(system: System) -> None:
    session_id = system.link(NUMBER)["id"]
    with closing(sqlite3.connect(system.data_dir / "pool.db")) as database:
        (row,) = database.execute("select * from journal").fetchall()
        columns = [one[0] for one in database.execute("select * from journal").description]
    assert system.call("POST", f"/api/sessions/{session_id}/logout", json={}).ok
    system.until(session_id, "logged_out")
    eventually(lambda: not journal(system), "the journal has forgotten it")
    system.kill("pool")
    last = {**dict(zip(columns, row, strict=True)), "status": "logged_out"}
    with closing(sqlite3.connect(system.data_dir / "pool.db")) as database, database:
        marks = ", ".join("?" * len(last))
        database.execute(f"insert into journal ({', '.join(last)}) values ({marks})", [*last.values()])  # noqa: S608
    system.start("pool")
    system.wait_for_node()
    eventually(lambda: not journal(system), "it is finished")
    assert not system.browsers()
    assert "slot_failed" not in system.story(session_id)
