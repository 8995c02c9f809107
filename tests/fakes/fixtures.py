"""Fixtures for tests of the functions. A test module takes them by name: `functions = fixtures.functions`."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.clock import ManualClock
from tests.fakes.functions import POOL_SECRET, Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.fakes.receiver import Receiver


@pytest.fixture
def clock() -> ManualClock:
    """Time that moves only when the test says so."""
    return ManualClock()


@pytest.fixture
def functions(tmp_path: Path) -> Iterator[LocalFunctions]:
    """The functions on an empty registry."""
    local = LocalFunctions(tmp_path)
    yield local
    local.close()


@pytest.fixture
def backend(functions: LocalFunctions) -> Backend:
    """A workspace's software, without a webhook."""
    return functions.workspace()


@pytest.fixture
def idle_pool() -> Iterator[FakePool]:
    """A node that has not reported yet."""
    with FakePool(POOL_SECRET) as pool:
        yield pool


@pytest.fixture
def pool(idle_pool: FakePool, functions: LocalFunctions) -> FakePool:
    """A node that has reported."""
    assert idle_pool.heartbeat(functions.send).status_code == 200
    return idle_pool


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A backend's webhook address."""
    with Receiver() as started:
        yield started
