"""Keys under concurrent workers, on both databases: nobody is locked out, and nothing is made twice."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from storage.api_key_table import MOST_KEYS, ApiKeys
from storage.api_keys import KeyStatus, Scope
from storage.clock import SystemClock
from storage.database import Database, open_database
from storage.errors import Conflict
from storage.workspaces import Workspaces

DAY = timedelta(days=1)


@pytest.fixture
def database(registry_url: str) -> Iterator[Database]:
    database = open_database(registry_url)
    database.migrate()
    yield database
    database.close()


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Run them in threads that start together; an error is a result."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        start.wait()
        try:
            return call()
        except Conflict as error:
            return error.code

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def test_two_admin_keys_that_revoke_each_other_leave_one(database: Database) -> None:
    keys = ApiKeys(database, SystemClock())
    for _ in range(10):
        workspace_id = Workspaces(database, SystemClock()).create("Toko").workspace.id
        keys.create(workspace_id)
        one, other = (key.prefix for key in keys.page(workspace_id))
        results = at_once(partial(keys.revoke, one, workspace_id), partial(keys.revoke, other, workspace_id))
        assert results.count("last_admin_key") == 1
        assert keys.has_admin(workspace_id)


def test_a_key_that_is_rotated_twice_at_once_has_one_successor(database: Database) -> None:
    keys = ApiKeys(database, SystemClock())
    workspace_id = Workspaces(database, SystemClock()).create("Toko").workspace.id
    (key,) = keys.page(workspace_id)
    at_once(*[lambda: keys.rotate(key.prefix, DAY)] * 4)
    active = {
        one.prefix for one in keys.page(workspace_id) if one.status(SystemClock().now()) is KeyStatus.ACTIVE
    }
    assert active == {key.prefix, keys.get(key.prefix).replaced_by}


def test_the_most_keys_are_not_exceeded_together(database: Database) -> None:
    keys = ApiKeys(database, SystemClock())
    workspace_id = Workspaces(database, SystemClock()).create("Toko").workspace.id
    for _ in range(MOST_KEYS - 2):
        keys.create(workspace_id, [Scope.READ])
    made = at_once(*[lambda: keys.create(workspace_id, [Scope.READ])] * 4)
    assert made.count("too_many_keys") == 3
