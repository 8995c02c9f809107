"""A user for each browser: given while nobody runs as him."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from browser_pool.browser_users import BrowserUsers, users_of_processes
from browser_pool.errors import LaunchFailed

FIRST = 61_200
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the first of them, that nobody here has started."""
    script = "import os, sys; os.setresuid(*[int(sys.argv[1])] * 3); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", script, str(FIRST)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        assert process.stdin is not None
        process.stdin.close()


def test_one_user_is_shared() -> None:
    users = BrowserUsers(FIRST)
    with users.one() as first, users.one() as second:
        assert first == second == FIRST


def test_two_that_start_at_once_get_two() -> None:
    users = BrowserUsers(FIRST, 2)
    with users.one() as first:
        with users.one() as second:
            assert {first, second} == {FIRST, FIRST + 1}
        with users.one() as third:  # the second has come to nothing
            assert third == second


def test_there_are_no_more_than_there_are() -> None:
    users = BrowserUsers(FIRST, 2)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(users.one())
        with pytest.raises(LaunchFailed, match="CHROMIUM_UIDS"):
            stack.enter_context(users.one())


@as_root
def test_whoever_has_a_process_is_taken_whoever_started_it(other: subprocess.Popen[bytes]) -> None:
    assert FIRST in users_of_processes()
    with BrowserUsers(FIRST, 2).one() as uid:
        assert uid == FIRST + 1
