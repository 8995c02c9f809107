"""Files of KEY=VALUE lines, and the secrets that `make demo` and `make run` make for themselves."""

import base64
import re
from pathlib import Path

import pytest

from deploy import demo, run, up
from deploy.env_files import read_env_file, with_env_file, with_own_secrets, write_private
from deploy.settings import ROOT, Settings
from storage.errors import ConfigError


def test_env_file_is_read_as_people_write_it(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(
        '# a comment\n\nPLAIN=one\nexport EXPORTED=two\nQUOTED="three # no comment"\n'
        "SINGLE='four'\nTRAILED=five # a comment\nEMPTY=\nURL=http://a/?b=c#d\nno line\n"
    )
    assert read_env_file(path) == {
        "PLAIN": "one",
        "EXPORTED": "two",
        "QUOTED": "three # no comment",
        "SINGLE": "four",
        "TRAILED": "five",
        "EMPTY": "",
        "URL": "http://a/?b=c#d",
    }


def test_no_env_file_says_nothing(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / ".env") == {}


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("REGION=file\nNODE_ID=file\n")
    assert with_env_file({"REGION": "shell", "NODE_ID": ""}, path) == {"REGION": "shell", "NODE_ID": "file"}


def test_own_secrets_are_random_private_and_kept(tmp_path: Path) -> None:
    first = with_own_secrets({"A": "b"}, tmp_path / "data")
    file = tmp_path / "data" / "secrets.env"
    assert file.stat().st_mode & 0o777 == 0o600
    assert first["A"] == "b"
    assert re.fullmatch(r"[0-9a-f]{64}", first["POOL_SECRET"])
    assert first["POOL_SECRET"] != first["SECRET_KEY"]
    assert len(base64.b64decode(first["SNAPSHOT_KEY"], validate=True)) == 32
    assert with_own_secrets({"A": "b"}, tmp_path / "data") == first
    assert with_own_secrets({}, tmp_path / "other")["POOL_SECRET"] != first["POOL_SECRET"]


def test_given_secret_is_used_and_not_stored(tmp_path: Path) -> None:
    secrets = with_own_secrets({"POOL_SECRET": "given by the operator"}, tmp_path)
    assert secrets["POOL_SECRET"] == "given by the operator"
    assert "given by the operator" not in (tmp_path / "secrets.env").read_text()


def test_private_file_replaces_a_public_one(tmp_path: Path) -> None:
    path = tmp_path / "workspace.json"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)


def test_up_lists_every_problem_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        up.settings_of({"FUNCTIONS_PORT": "http", "POOL_PORT": "0", "SECRET_KEY": "x"})
    assert [problem.split()[0] for problem in error.value.problems] == [
        "POOL_SECRET",
        "SNAPSHOT_KEY",
        "FUNCTIONS_PORT",
        "POOL_PORT",
    ]


def test_children_are_told_where_to_find_each_other(tmp_path: Path) -> None:
    environ = Settings.from_env({"FUNCTIONS_PORT": "9000", "DATA_DIR": str(tmp_path)}).child_environ()
    assert environ["PUBLIC_URL"] == environ["FUNCTIONS_URL"] == "http://127.0.0.1:9000"
    assert environ["POOL_URL"] == "http://127.0.0.1:8100"
    assert Settings.from_env({}).data_dir == ROOT / "data"


def test_what_was_given_is_passed_on(tmp_path: Path) -> None:
    given = {"PUBLIC_URL": "https://a", "FUNCTIONS_URL": "http://b", "POOL_URL": "http://c", "REGION": "eu"}
    environ = Settings.from_env(given).child_environ()
    assert {name: environ[name] for name in given} == given


def test_run_and_demo_make_their_secrets(tmp_path: Path) -> None:
    running = run.settings_of({"DATA_DIR": str(tmp_path)})
    shown = demo.settings_of({"DATA_DIR": str(tmp_path)})
    assert running.environ["SECRET_KEY"] == shown.environ["SECRET_KEY"]
    assert shown.data_dir == tmp_path / "demo"


@pytest.mark.parametrize(
    ("auto", "terminal", "thumb"),
    [
        ("1", True, demo.Thumb.SCRIPT),
        ("0", True, demo.Thumb.ENTER),
        ("0", False, demo.Thumb.PERSON),
        (None, True, demo.Thumb.ENTER),
        (None, False, demo.Thumb.SCRIPT),
    ],
)
def test_demo_knows_who_scans(auto: str | None, terminal: bool, thumb: demo.Thumb) -> None:
    environ = {} if auto is None else {"DEMO_AUTO": auto}
    assert demo.thumb_of(environ, terminal=terminal) is thumb
