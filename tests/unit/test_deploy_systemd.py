"""The units start what exists, and tell it what it understands. test_deploy_hardening.py has their walls."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

from deploy.env_files import read_env_file
from deploy.settings import ROOT

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
CLONE = Path("/opt/linkpool")


def told(unit: Path, name: str) -> list[str]:
    return re.findall(rf"(?m)^{name}=(.*)$", unit.read_text())


@pytest.fixture(params=UNITS, ids=lambda path: path.name)
def unit(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_what_it_starts_exists(unit: Path) -> None:
    (command,) = told(unit, "ExecStart")
    program, *arguments = shlex.split(command)
    assert told(unit, "WorkingDirectory") == [str(CLONE)]
    assert Path(program).parent == CLONE / ".venv" / "bin"
    if Path(program).name == "python":
        assert arguments[0] == "-m"
        assert find_spec(arguments[1]) is not None
    else:
        assert (Path(program).name, arguments) == ("gunicorn", ["functions.app:create_app()"])
        assert (ROOT / "gunicorn.conf.py").is_file()  # gunicorn finds it by itself


def test_every_name_is_a_setting_and_no_secret_stands_in_it(unit: Path) -> None:
    assert told(unit, "EnvironmentFile") == ["/etc/linkpool/env"]
    settings = read_env_file(ROOT / ".env.example")
    for pair in told(unit, "Environment"):
        name, _, value = pair.partition("=")
        assert name in settings
        if name == "DEBUG_PORT_GUARD":
            assert (value, len(told(unit, "ExecStartPre"))) == ("outside", 2)  # which have seen to it
            continue
        assert name == "DATA_DIR"
        assert value == f"/var/lib/{told(unit, 'StateDirectory')[0]}"


def test_what_it_does_before_as_root_exists(unit: Path) -> None:
    for command in told(unit, "ExecStartPre"):
        program, *arguments = shlex.split(command.removeprefix("+"))
        if program == "/usr/sbin/nft":
            rules = Path(arguments[-1])
            assert (ROOT / rules.relative_to(CLONE)).is_file()
            assert f'"{told(unit, "User")[0]}"' in (ROOT / rules.relative_to(CLONE)).read_text()
        else:
            assert arguments == ["-m", "browser_pool", "ports", "--user", told(unit, "User")[0]]


def test_it_starts_again_and_stops_in_time(unit: Path) -> None:
    assert told(unit, "Restart") == ["always"]
    assert int(told(unit, "TimeoutStopSec")[0]) >= 30
