"""Each browser under a user of its own: what one that broke out can do to others, and that logins live on."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system import System
from tests.waiting import eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root gives users away"),
]
FIRST = 61_300


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    environ = {"CHROMIUM_UID": str(FIRST), "CHROMIUM_UIDS": "8", "MAX_SLOTS": "6"}
    with System(tmp_path_factory.mktemp("users"), **environ, GOLDEN_PROFILE="on") as running:
        yield running


def user_of(pid: int) -> int:
    """Of everything in a browser's process group, which has to be one."""
    users = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.getpgid(int(entry.name)) == pid:
                status = (entry / "status").read_text()
                users.add(int(status.partition("\nUid:")[2].split()[0]))
        except (ProcessLookupError, FileNotFoundError):
            continue
    (user,) = users
    return user


def as_user(uid: int, *command: str) -> int:
    drop = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs", "--", *command]
    return subprocess.run(drop, capture_output=True, cwd="/", timeout=20).returncode


def test_a_browser_that_broke_out_reaches_neither_processes_nor_files_of_another(system: System) -> None:
    one, two = system.link("+6281234567801")["id"], system.link("+6281234567802")["id"]
    first, second = system.browser_pid(one), system.browser_pid(two)
    users = [user_of(first), user_of(second)]
    assert len(set(users)) == 2
    assert set(users) <= set(range(FIRST, FIRST + 8))
    assert as_user(users[0], "kill", "-0", str(first)) == 0
    assert as_user(users[0], "kill", "-0", str(second)) != 0
    for process, reached in ((first, True), (second, False)):
        assert (as_user(users[0], "ls", f"/proc/{process}/fd") == 0) is reached
        assert (as_user(users[0], "cat", f"/proc/{process}/environ") == 0) is reached
        assert (as_user(users[0], "ls", f"/proc/{process}/root/mnt/Default") == 0) is reached
    for session_id in (one, two):
        profile = system.data_dir / "profiles" / session_id / "chromium"
        assert profile.stat().st_mode & 0o777 == 0o700
        assert as_user(users[0], "ls", str(profile)) != 0  # nor its own by path


def test_a_pool_that_starts_anew_gives_nobody_the_user_of_a_browser_that_lives(system: System) -> None:
    before = {user_of(pid) for pid in system.browsers()}
    assert len(before) >= 2  # and perhaps that of the golden profile
    system.kill("pool")
    system.start("pool")
    three = system.link("+6281234567803")["id"]
    assert user_of(system.browser_pid(three)) not in before


def test_a_login_goes_with_its_session_from_user_to_user(system: System) -> None:
    session_id = system.link("+6281234567804")["id"]
    before = user_of(pid := system.browser_pid(session_id))
    squatter = subprocess.Popen(
        ["setpriv", f"--reuid={before}", f"--regid={before}", "--clear-groups", "sleep", "120"]
    )
    try:
        os.killpg(pid, signal.SIGKILL)
        eventually(lambda: system.browser_pid(session_id) != pid, "a new browser")
        system.until(session_id, "connected")
        assert user_of(system.browser_pid(session_id)) != before
    finally:
        squatter.kill()
        squatter.wait()
    profile = system.data_dir / "profiles" / session_id / "chromium"
    owners = {path.lstat().st_uid for path in [profile, *profile.rglob("*")]}
    assert owners == {user_of(system.browser_pid(session_id))}
