"""The node's lease and the process that enforces it, on real processes."""

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import termios
from array import array
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from browser_pool.browser_processes import MARK
from browser_pool.lease import MARGIN, Lease, mark_of
from browser_pool.lease_guard import Browsers, boot_seconds
from browser_pool.room import KEPT_BYTES, SLOT_BYTES, room
from tests.waiting import eventually


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Looks like one: its own group, and the mark of a profile here. It begins no process: a shell that is
    stopped between vfork and exec of its child never counts as stopped, since it waits uninterruptibly."""
    mark = f"{MARK}{tmp_path}/profiles/s1"
    with subprocess.Popen(
        ["sh", "-c", "read x", mark], stdin=subprocess.PIPE, start_new_session=True
    ) as process:
        cmdline = Path(f"/proc/{process.pid}/cmdline")
        eventually(lambda: mark in cmdline.read_text())
        yield process
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def is_stopped(process: subprocess.Popen[bytes]) -> bool:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def guard_pid(directory: Path) -> int | None:
    try:
        return int((directory / "lease-guard.pid").read_text())
    except (FileNotFoundError, ValueError):
        return None


def unread(lease: Lease) -> int:
    """Bytes that the guard has not read yet."""
    assert lease._guard is not None
    assert lease._guard.stdin is not None
    waiting = array("i", [0])
    fcntl.ioctl(lease._guard.stdin, termios.FIONREAD, waiting)
    return waiting[0]


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


async def test_a_lease_ends_before_the_functions_think_so_and_counts_from_before_it_was_asked_for() -> None:
    lease = Lease()
    assert (lease.valid, lease.leased) == (True, False)
    asked_at = boot_seconds() - 10 * (1 - MARGIN)
    lease.renew(asked_at, 10)  # the answer took that long
    assert (lease.valid, lease.leased) == (False, True)
    waiting = asyncio.create_task(lease.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    lease.renew(boot_seconds(), 10)
    await asyncio.wait_for(waiting, 5)
    lease.set_free()
    assert (lease.valid, lease.leased) == (True, False)


def test_a_browser_that_holds_no_account_is_left_alone(
    tmp_path: Path, browser: subprocess.Popen[bytes]
) -> None:
    mark = f"{MARK}{tmp_path}/sandbox-proof/s1"
    with subprocess.Popen(["sh", "-c", "read x; exec sleep 60", mark], stdin=subprocess.PIPE) as proof:
        eventually(lambda: mark in Path(f"/proc/{proof.pid}/cmdline").read_text())
        lease = Lease.open(tmp_path)
        lease.renew(boot_seconds() - 10, 10)
        eventually(lambda: is_stopped(browser))
        assert not is_stopped(proof)
        lease.close(keep_browsers=False)
        proof.kill()


def test_browsers_stand_still_while_the_lease_has_run_out_and_go_on_after(
    tmp_path: Path, browser: subprocess.Popen[bytes]
) -> None:
    lease = Lease.open(tmp_path)
    lease.renew(boot_seconds() - 10, 10)
    eventually(lambda: is_stopped(browser))
    lease.renew(boot_seconds(), 60)
    eventually(lambda: not is_stopped(browser))
    lease.close(keep_browsers=False)
    assert not is_stopped(browser)


def test_a_browser_that_somebody_lets_go_on_is_stopped_again(
    tmp_path: Path, browser: subprocess.Popen[bytes]
) -> None:
    lease = Lease.open(tmp_path)
    lease.renew(boot_seconds(), 1.5)
    guard = eventually(lambda: guard_pid(tmp_path))
    assert guard is not None
    machine = (guard, browser.pid)
    for pid in machine:
        os.kill(pid, signal.SIGSTOP)
    eventually(lambda: not lease.valid)
    for pid in machine:  # the guard looks first, at a browser that stands still in any case
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: is_stopped(browser))
    os.kill(browser.pid, signal.SIGCONT)
    eventually(lambda: is_stopped(browser))
    lease.close(keep_browsers=False)


def test_a_browser_that_was_copied_while_the_lease_ran_out_goes_on_when_it_is_renewed(
    tmp_path: Path, browser: subprocess.Popen[bytes]
) -> None:
    lease = Lease.open(tmp_path)
    lease.renew(boot_seconds() - 60, 60)
    eventually(lambda: is_stopped(browser))
    lease.renew(boot_seconds(), 60)
    eventually(lambda: not is_stopped(browser))  # the guard has begun, and has nobody left to let go on
    os.killpg(browser.pid, signal.SIGSTOP)
    eventually(lambda: is_stopped(browser))
    lease.let_go_on(browser.pid)
    eventually(lambda: not is_stopped(browser))
    os.killpg(browser.pid, signal.SIGSTOP)
    eventually(lambda: is_stopped(browser))
    lease.renew(boot_seconds() - 60, 60)
    lease.let_go_on(browser.pid)
    eventually(lambda: not unread(lease))
    assert is_stopped(browser)
    lease.renew(boot_seconds(), 60)
    eventually(lambda: not is_stopped(browser))
    lease.close(keep_browsers=False)


def test_browsers_are_known_before_they_are_looked_for(
    tmp_path: Path, browser: subprocess.Popen[bytes]
) -> None:
    known = Browsers(mark_of(tmp_path))
    known.refresh()
    assert known.groups == {browser.pid}
    with subprocess.Popen(["sh", "-c", "read x; exec sleep 60"], stdin=subprocess.PIPE) as other:
        known.refresh()
        known.refresh()
        assert known.groups == {browser.pid}
        other.kill()
    os.killpg(browser.pid, signal.SIGKILL)
    browser.wait()

    def are_none() -> bool:
        known.refresh()
        return known.groups == set()

    eventually(are_none, "what it had begun is gone as well")


def test_the_guard_outlives_its_pool_and_ends_with_the_last_browser(
    tmp_path: Path, browser: subprocess.Popen[bytes]
) -> None:
    lease = Lease.open(tmp_path)
    pid = eventually(lambda: guard_pid(tmp_path))
    assert pid is not None
    lease.renew(boot_seconds(), 0.5)
    lease.close(keep_browsers=True)  # as after kill -9: nobody says anything more
    eventually(lambda: is_stopped(browser))
    assert not is_gone(pid)
    os.killpg(browser.pid, signal.SIGKILL)
    browser.wait()
    eventually(lambda: is_gone(pid))
    assert not Lease(tmp_path / "nowhere").leased


def test_the_next_pool_goes_on_with_the_lease_it_finds_and_replaces_the_guard(
    tmp_path: Path, browser: subprocess.Popen[bytes]
) -> None:
    first = Lease.open(tmp_path)
    old = eventually(lambda: guard_pid(tmp_path))
    first.renew(boot_seconds(), 60)
    first.close(keep_browsers=True)
    second = Lease.open(tmp_path)
    assert (second.valid, second.leased) == (True, True)
    eventually(lambda: guard_pid(tmp_path) not in (None, old))
    assert not is_stopped(browser)
    second.close(keep_browsers=False)


@pytest.mark.parametrize("written", ["", "{", '{"until": 99999999999, "boot_id": "of another boot"}'])
def test_a_lease_of_another_boot_or_that_cannot_be_read_has_run_out(tmp_path: Path, written: str) -> None:
    (tmp_path / "lease.json").write_text(written)
    lease = Lease.open(tmp_path)
    assert (lease.valid, lease.leased) == (False, True)
    lease.set_free()
    lease.close(keep_browsers=False)
    assert json.loads((tmp_path / "lease.json").read_text())["until"] is None


def test_room_is_what_the_smaller_of_machine_and_container_holds(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal: 1 kB\nMemAvailable:  {(KEPT_BYTES + 10 * SLOT_BYTES) // 1024} kB\n")
    assert room(meminfo, tmp_path) == 10
    (tmp_path / "memory.max").write_text(f"{KEPT_BYTES + 5 * SLOT_BYTES}\n")
    (tmp_path / "memory.current").write_text(f"{2 * SLOT_BYTES}\n")
    assert room(meminfo, tmp_path) == 3
    (tmp_path / "memory.max").write_text("max\n")
    assert room(meminfo, tmp_path) == 10
    assert room(tmp_path / "none", tmp_path / "none") is None
