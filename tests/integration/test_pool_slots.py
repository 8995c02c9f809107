"""The walls and the leavings of a slot, looked at from outside: uid, sandbox, lock, orphans, odd deaths."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from browser_pool.errors import ProfileBusy
from browser_pool.profile import Profile
from storage.node_signing import Direction, sign
from tests.system import ROOT, System
from tests.waiting import eventually

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture(scope="module")
def session_id(system: System) -> str:
    identifier: str = system.link("+6281234567890")["id"]
    return identifier


def tree(pid: int) -> dict[int, str]:
    """pid → command line of a browser and its children: they share its process group."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and os.getpgid(int(entry.name)) == pid:
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except (ProcessLookupError, FileNotFoundError):
            continue
    return found


def status_line(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{name}:")).partition(":")[2].strip()


def test_the_renderer_is_sandboxed_and_nothing_runs_as_root(system: System, session_id: str) -> None:
    processes = tree(system.browser_pid(session_id))
    renderers = [pid for pid, command in processes.items() if "--type=renderer" in command]
    assert renderers
    for pid in renderers:
        assert status_line(pid, "Seccomp") == "2", "the renderer's system calls are filtered"
        assert Path(f"/proc/{pid}/ns/user").readlink() != Path("/proc/self/ns/user").readlink()
    for pid in processes:
        assert status_line(pid, "Uid").split()[0] != "0"
    for command in processes.values():
        assert "--no-sandbox " not in command
        assert "--disable-web-security" not in command
    health = requests.get(f"{system.pool_url}/health", timeout=5).json()
    assert health["sandbox"] is True


def test_a_warm_slot_leaves_the_cpu_to_others_until_it_is_somebodys(tmp_path: Path) -> None:
    with System(tmp_path, WARM_SLOTS="1") as system:
        eventually(lambda: system.pool_call("GET", "/health")["warm"] == 1, "a warm slot")
        (warm,) = system.browsers()
        assert os.getpriority(os.PRIO_PROCESS, warm) == (10 if os.geteuid() == 0 else 0)
        session = system.create()
        assert system.browser_pid(session["id"]) == warm
        threads = [int(one.name) for pid in tree(warm) for one in Path(f"/proc/{pid}/task").iterdir()]
        eventually(
            lambda: all(os.getpriority(os.PRIO_PROCESS, one) == 0 for one in threads),
            "all threads are raised",
        )


def test_the_browser_is_in_a_session_of_its_own(system: System, session_id: str) -> None:
    pid = system.browser_pid(session_id)
    assert os.getsid(pid) == pid


def test_nobody_else_opens_a_profile_that_a_browser_holds(system: System, session_id: str) -> None:
    profile = Profile(system.data_dir, session_id)
    with pytest.raises(ProfileBusy, match=session_id), profile.locked():
        pass


def test_the_lock_outlives_the_pool_and_ends_with_the_browser(system: System, session_id: str) -> None:
    pid = system.browser_pid(session_id)
    profile = Profile(system.data_dir, session_id)
    system.kill("pool")
    with pytest.raises(ProfileBusy), profile.locked():
        pass
    os.killpg(pid, signal.SIGKILL)

    def free() -> bool:
        try:
            with profile.locked():
                return True
        except ProfileBusy:
            return False

    eventually(free, "the kernel let go of the lock")
    system.start("pool")
    system.until(session_id, lambda _: system.browser_pid(session_id) != pid)
    system.until(session_id, "connected")


def test_a_crashed_renderer_is_noticed_and_healed(system: System, session_id: str) -> None:
    pid = system.browser_pid(session_id)
    (renderer,) = [one for one, command in tree(pid).items() if "--type=renderer" in command]
    os.kill(renderer, signal.SIGKILL)
    eventually(lambda: system.browser_pid(session_id) != pid, "a new browser holds the session")
    system.until(session_id, "connected")


def test_a_killed_driver_costs_no_browser(system: System, session_id: str) -> None:
    pid, loads = system.browser_pid(session_id), system.standin.stats()["index_loads"]
    pool = system.pid("pool")
    (driver,) = [one for one, command in tree(pool).items() if "run-driver" in command]
    os.kill(driver, signal.SIGKILL)
    eventually(lambda: system.log("pool").count("driver_died") >= 1, "the pool noticed")
    number = system.session(session_id)["phone_number"]
    heard = system.receiver.types(session_id).count("session_disconnected")
    system.standin.offline(number, 4)
    eventually(
        lambda: system.receiver.types(session_id).count("session_disconnected") > heard,
        "the pool sees through its new driver",
    )
    system.until(session_id, "connected")
    assert system.browser_pid(session_id) == pid
    assert system.standin.stats()["index_loads"] == loads


def test_a_browser_that_no_journal_knows_is_ended_by_the_next_pool(system: System, session_id: str) -> None:
    system.kill("pool")
    mark = f"--linkpool-profile={system.data_dir}/profiles/01STRAY"
    program = "import time, sys; time.sleep(600)"
    stray = subprocess.Popen([sys.executable, "-c", program, mark], start_new_session=True)
    system.start("pool")
    assert stray.wait(20) == -signal.SIGKILL
    eventually(lambda: system.browser_pid(session_id), "the session is held")


def test_a_second_pool_on_the_same_data_is_refused(system: System) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "browser_pool"],
        cwd=ROOT,
        env=system.environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 2
    assert "in use by another pool process" in second.stderr
    assert "Traceback" not in second.stderr


def test_the_control_api_says_nothing_without_the_token(system: System, session_id: str) -> None:
    for method, path in [("GET", "/sessions"), ("PUT", f"/sessions/{session_id}"), ("POST", "/drain")]:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = requests.request(method, system.pool_url + path, headers=headers, json={}, timeout=5)
            assert answer.status_code == 401
            assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/sessions/x", "{", 400),
        ("PUT", "/sessions/x", "[]", 400),
        ("PUT", "/sessions/x", '{"id": "y"}', 400),
        ("PUT", "/sessions/x", '{"id": "x", "workspace_id": 7}', 400),
        ("POST", "/sessions/x/qr", "{}", 404),
        ("POST", "/sessions/x/dance", "{}", 404),
        ("GET", "/nothing", "", 404),
        ("PUT", "/sessions/x", "[" * 60_000, 400),
        ("PUT", "/sessions/x", '"' + "x" * 70_000 + '"', 413),
    ],
)
def test_the_control_api_answers_bad_input_with_a_problem(
    system: System, method: str, path: str, body: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {system.environ['POOL_SECRET']}"}
    answer = requests.request(method, system.pool_url + path, headers=headers, data=body, timeout=5)
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == status


def test_a_signed_call_is_taken_once(system: System) -> None:
    path = "/sessions/nobody/qr"
    headers = sign(
        system.environ["POOL_SECRET"], system.pool_url, "POST", path, b"{}", datetime.now(UTC), Direction.CALL
    )
    answers = [
        requests.post(system.pool_url + path, headers=headers, data=b"{}", timeout=5) for _ in range(2)
    ]
    assert [(one.status_code, one.json()["code"]) for one in answers] == [
        (404, "not_running"),
        (401, "replayed"),
    ]


def test_profiles_and_secrets_are_for_their_owner_only(system: System, session_id: str) -> None:
    root = system.data_dir / "profiles" / session_id
    assert root.stat().st_mode & 0o077 == 0
    assert (root / "chromium").stat().st_mode & 0o077 == 0
    assert (root / "local_storage.json").stat().st_mode & 0o077 == 0
    assert (system.data_dir / "pool.db").stat().st_mode & 0o077 == 0


def test_no_qr_text_or_code_or_number_is_logged(system: System) -> None:
    session = system.create()
    text = system.until(session["id"], lambda one: one["qr"] is not None)["qr"]["text"]
    system.standin.scan(text, "+628999000111")
    system.until(session["id"], "connected")
    for name in ("pool", "functions", "deliverer"):
        log = system.log(name)
        for secret in (
            text,
            text.split(",")[0],
            "628999000111",
            system.api_key,
            system.environ["POOL_SECRET"],
        ):
            assert secret not in log
        assert "Traceback" not in log
