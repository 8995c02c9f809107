"""A workspace that leaves: nothing of it stays, nothing of others goes, and rows go last."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.api_key_table import ApiKeys
from storage.chats import Chat
from storage.database import is_postgres, sqlite_path
from storage.errors import NotFound
from storage.events import EventType
from storage.models import SessionStatus
from storage.workspace_erasure import WorkspaceErasure
from tests.contract.test_registry_events import World
from tests.integration.test_cli import run

PHONE = "+6281298765432"
OTHERS = "+6281211112222"
NAME = "Ayu Kartika Sari"


@pytest.fixture
def world(registry_url: str) -> Iterator[World]:
    made = World(registry_url)
    yield made
    made.database.close()


def fill(world: World, phone_number: str) -> list[str]:
    """A linked session with everything that is kept of one; and one that it replaced."""
    older = world.linked(phone_number)
    session = world.linked(phone_number)
    chat = Chat(id="62812@c.us", name=NAME, unread_count=1, last_message_at=None, is_group=False)
    world.registry.store_chats(session.id, world.registry.sessions.get(session.id).generation, [chat])
    assert world.registry.sessions.get(older.id).replaced_by == session.id
    return [older.id, session.id]


def test_nothing_stays_and_nothing_of_others_goes(world: World) -> None:
    leaving = world.workspace
    sessions = fill(world, PHONE)
    world.workspace = world.workspaces.create("Staying", "https://example.org/hooks").workspace
    staying = fill(world, OTHERS)[-1]
    erasure = WorkspaceErasure(world.database, world.registry, world.clock)
    before = erasure.remains(world.workspace.id)

    found = erasure.remains(leaving.id)
    assert (found.sessions, found.chats, found.api_keys) == (2, 1, 1)
    erasure.begin(leaving.id)
    assert not erasure.finish(leaving.id), "a node still holds logins"
    for session_id in sessions:
        assert world.registry.sessions.get(session_id).status is SessionStatus.DELETED
        world.registry.mark_erased(session_id)
    assert erasure.finish(leaving.id)

    with pytest.raises(NotFound):
        erasure.remains(leaving.id)
    assert erasure.remains(world.workspace.id) == before
    assert world.registry.sessions.get(staying).phone_number == OTHERS
    if not is_postgres(world.url):
        assert_no_bytes_left(sqlite_path(world.url), leaving.id)


def assert_no_bytes_left(path: Path, workspace_id: str) -> None:
    for file in path.parent.glob(path.name + "*"):
        content = file.read_bytes()
        for secret in (PHONE.encode(), workspace_id.encode(), b"https://example.com/hooks"):
            assert secret not in content, f"{secret!r} in {file.name}"
    with closing(sqlite3.connect(path)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - its own name
                assert workspace_id not in row, f"a row of {table} still names it"


def test_a_workspace_that_leaves_can_do_nothing_more(world: World) -> None:
    made = world.workspaces.create("Brief")
    erasure = WorkspaceErasure(world.database, world.registry, world.clock)
    keys = ApiKeys(world.database, world.clock)
    assert keys.authenticate(made.api_key) is not None
    erasure.begin(made.workspace.id)
    assert keys.authenticate(made.api_key) is None
    assert erasure.finish(made.workspace.id)
    with pytest.raises(NotFound):
        erasure.finish(made.workspace.id)


def test_an_event_that_comes_late_makes_nothing_anew(world: World) -> None:
    session = world.session(node_id="node-1")
    late = world.event(session, EventType.SESSION_READY, phone_number=PHONE)
    erasure = WorkspaceErasure(world.database, world.registry, world.clock)
    erasure.begin(world.workspace.id)
    world.registry.mark_erased(session.id)
    assert erasure.finish(world.workspace.id)
    assert world.registry.apply("node-1", late).value == "unknown_session"


def test_the_command_asks_says_what_there_is_and_erases(tmp_path: Path) -> None:
    workspace_id = json.loads(run(tmp_path, "workspaces", "create", "A", "--json").stdout)["workspace_id"]
    dry = run(tmp_path, "workspaces", "erase", workspace_id, "--dry-run", "--json")
    assert json.loads(dry.stdout)["api_keys"] == 1
    assert run(tmp_path, "workspaces", "erase", workspace_id).returncode != 0, "nobody said yes"
    assert workspace_id in run(tmp_path, "workspaces", "list").stdout
    done = run(tmp_path, "workspaces", "erase", workspace_id, "--yes", "--json")
    assert json.loads(done.stdout) == {"workspace_id": workspace_id, "erased": True}
    assert workspace_id not in run(tmp_path, "workspaces", "list").stdout
    assert run(tmp_path, "workspaces", "erase", workspace_id, "--yes").returncode == 2
