"""`make up`: functions, deliverer and pool as one command."""

import os
import signal
from pathlib import Path

import pytest
import requests

from tests.integration.deploy_processes import SECRETS, Tool, environ_in, eventually, processes_of


def pid_of(data_dir: Path, part: str) -> int | None:
    """The first process whose command line has this part: parents have smaller pids."""
    return min((pid for pid, command in processes_of(data_dir).items() if part in command), default=None)


def test_up_demands_all_secrets_at_once(tmp_path: Path) -> None:
    with Tool("deploy.up", environ_in(tmp_path)) as up:
        assert up.ends() == 2
        for name in SECRETS:
            assert f"{name} is missing" in up.output
        assert "Traceback" not in up.output
    assert processes_of(tmp_path) == {}


def test_up_serves_until_sigterm_and_leaves_nothing(tmp_path: Path) -> None:
    environ = environ_in(tmp_path, **SECRETS)
    with Tool("deploy.up", environ) as up:
        url = f"http://127.0.0.1:{environ['FUNCTIONS_PORT']}"
        up.prints(f"linkpool is up: {url}")
        assert requests.get(f"{url}/readyz", timeout=5).json()["live_nodes"] == 1
        assert up.stop() == 0
    assert processes_of(tmp_path) == {}


def test_killed_functions_are_started_again(tmp_path: Path) -> None:
    environ = environ_in(tmp_path, **SECRETS)
    with Tool("deploy.up", environ) as up:
        up.prints("linkpool is up")
        killed = pid_of(tmp_path, "gunicorn")
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: pid_of(tmp_path, "gunicorn") not in {None, killed}, "gunicorn is started again")

        def answers() -> bool:
            try:
                return requests.get(f"http://127.0.0.1:{environ['FUNCTIONS_PORT']}/readyz", timeout=5).ok
            except requests.ConnectionError:
                return False

        eventually(answers, "the functions answer again")
        eventually(lambda: '"process_died"' in up.output, "it was said")
        assert up.stop() == 0
    assert processes_of(tmp_path) == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_up_can_be_stopped_while_it_starts(tmp_path: Path, number: signal.Signals) -> None:
    with Tool("deploy.up", environ_in(tmp_path, **SECRETS)) as up:
        eventually(lambda: pid_of(tmp_path, "browser_pool"), "a process is started")
        up.process.send_signal(number)
        assert up.ends() == 0
    assert processes_of(tmp_path) == {}


def test_processes_end_when_up_is_killed(tmp_path: Path) -> None:
    with Tool("deploy.up", environ_in(tmp_path, **SECRETS)) as up:
        up.prints("linkpool is up")
        up.process.kill()
        up.ends()
    eventually(lambda: not processes_of(tmp_path), "nothing is left")


def test_up_gives_up_on_a_setting_that_cannot_work(tmp_path: Path) -> None:
    with Tool("deploy.up", environ_in(tmp_path, **SECRETS, LINK_TTL_SECONDS="soon")) as up:
        assert up.ends() == 1
        assert "LINK_TTL_SECONDS" in up.output
        assert "does not stay up: it ended with status" in up.output
    assert processes_of(tmp_path) == {}
