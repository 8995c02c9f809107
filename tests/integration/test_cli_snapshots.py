"""The operator's view of snapshots, as a process on a store in a directory."""

import fcntl
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.ages import age_text
from storage.cli_output import size_text
from storage.clock import ManualClock, from_wire
from tests.fakes.processes import ROOT
from tests.fakes.snapshot_shop import LOGIN, SnapshotShop
from tests.fakes.vaults import PHONE, WORKSPACE_ID, contents_of


@pytest.fixture
def shop(tmp_path: Path) -> SnapshotShop:
    return SnapshotShop(tmp_path)


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_list_shows_the_newest_of_each_session_with_masked_numbers(shop: SnapshotShop) -> None:
    first = shop.save()
    second = shop.save(first.about.session_id, {**LOGIN, "login": b"more"})
    other = shop.save(workspace_id="01JQZ3N8K2V5W7X9Y1B4C6D8ZZ")
    said = shop.run("list")
    assert (said.returncode, said.stderr) == (0, "")
    assert first.id not in said.stdout
    assert "1 s ago" in said.stdout or "now" in said.stdout or "s ago" in said.stdout
    assert "2.1 kB" in said.stdout
    assert PHONE not in said.stdout
    assert "+62*********76" in said.stdout
    listed = shop.json("list")["snapshots"]
    assert {one["snapshot_id"] for one in listed} == {second.id, other.id}
    assert [one["snapshot_id"] for one in shop.json("list", "--workspace", WORKSPACE_ID)["snapshots"]] == [
        second.id
    ]
    (only,) = shop.json("list", "--session", other.about.session_id)["snapshots"]
    assert (only["snapshot_id"], only["phone_number"]) == (other.id, "+62*********76")


def test_show_gives_the_history_and_what_a_snapshot_holds(shop: SnapshotShop) -> None:
    first = shop.save()
    session_id = first.about.session_id
    second = shop.save(session_id, {**LOGIN, "login": b"more"})
    assert [one["snapshot_id"] for one in shop.json("show", session_id)] == [second.id, first.id]
    shown = shop.json("show", session_id, first.id)
    assert {file["path"]: file["size_bytes"] for file in shown["contents"]} == {
        path: len(content) for path, content in LOGIN.items()
    }
    assert "local_storage.json" in shop.run("show", session_id, first.id).stdout
    assert first.id in shop.run("show", session_id).stdout


def test_verify_finds_a_damaged_snapshot_among_good_ones(shop: SnapshotShop) -> None:
    good, bad = shop.save(), shop.save()
    assert shop.run("verify", "--all").returncode == 0
    (pack,) = shop.packs(bad.about.session_id)
    damage(pack)
    said = shop.run("verify", "--all", "--json")
    assert said.returncode == 1
    problems = {one["session"]: one["problem"] for one in json.loads(said.stdout)}
    assert problems[good.about.session_id] is None
    assert bad.id in problems[bad.about.session_id]
    assert shop.run("verify", good.about.session_id).returncode == 0
    assert shop.run("verify", bad.about.session_id).returncode == 1


def test_verify_of_one_session_can_read_its_whole_history(shop: SnapshotShop) -> None:
    first = shop.save()
    session_id = first.about.session_id
    shop.save(session_id, {"login": os.urandom(50_000)})
    damage(shop.packs(session_id)[0])
    assert shop.run("verify", session_id).returncode == 0
    said = shop.run("verify", session_id, "--all", "--json")
    assert said.returncode == 1
    assert [one["snapshot"] for one in json.loads(said.stdout) if one["problem"]] == [first.id]


def test_restore_writes_what_was_saved_and_never_over_something(shop: SnapshotShop, tmp_path: Path) -> None:
    saved = shop.save()
    session_id = saved.about.session_id
    target = tmp_path / "restored"
    said = shop.run("restore", session_id, "--to", str(target), "--dry-run")
    assert (said.returncode, target.exists()) == (0, False)
    assert "is whole and would go to" in said.stdout
    assert shop.run("restore", session_id, "--to", str(target)).returncode == 0
    assert contents_of(target) == LOGIN
    again = shop.run("restore", session_id, "--to", str(target))
    assert again.returncode == 2
    assert "must not exist yet" in again.stderr


@contextmanager
def browser_on(profile: Path) -> Iterator[None]:
    """The lock that a browser holds."""
    with (profile / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_restore_in_place_moves_the_old_profile_aside(shop: SnapshotShop) -> None:
    first = shop.save()
    session_id = first.about.session_id
    shop.save(session_id, {"login": b"newer"})
    profile = shop.data_dir / "profiles" / session_id
    assert shop.run("restore", session_id, "--in-place").returncode == 0
    assert contents_of(profile) == {"login": b"newer"}
    (profile / "login").write_bytes(b"what somebody did meanwhile")
    said = shop.json("restore", session_id, first.id, "--in-place")
    assert contents_of(profile) == LOGIN
    aside = Path(said["moved_aside"])
    assert aside.parent == shop.data_dir / "profiles-aside"
    assert (aside / "login").read_bytes() == b"what somebody did meanwhile"
    assert list((shop.data_dir / "tmp").iterdir()) == []


def test_restore_in_place_leaves_a_running_browser_alone(shop: SnapshotShop) -> None:
    session_id = shop.save().about.session_id
    profile = shop.data_dir / "profiles" / session_id
    profile.mkdir(parents=True)
    (profile / "login").write_bytes(b"live")
    with browser_on(profile):
        said = shop.run("restore", session_id, "--in-place")
        assert said.returncode == 2
        assert "a browser runs on the profile" in said.stderr
    assert (profile / "login").read_bytes() == b"live"
    profile.rename(profile.with_name("warm-01ABC"))
    with browser_on(profile.with_name("warm-01ABC")):
        said = shop.run("restore", session_id, "--in-place")
        assert said.returncode == 2
        assert "warm-01ABC" in said.stderr
    assert not profile.exists()


def test_prune_keeps_so_many_and_a_dry_run_removes_nothing(shop: SnapshotShop) -> None:
    session_id = shop.save().about.session_id
    for number in range(3):
        shop.save(session_id, {"login": os.urandom(20_000) + bytes([number])})
    said = shop.run("prune", session_id, "--keep", "2", "--dry-run")
    assert said.returncode == 0
    assert "dry run" in said.stderr
    assert len(shop.json("show", session_id)) == 4
    (pruned,) = shop.json("prune", "--all", "--keep", "2")
    assert (pruned["session"], pruned["removed"], pruned["kept"]) == (session_id, 2, 2)
    assert pruned["freed"] > 20_000
    assert len(shop.json("show", session_id)) == 2


@pytest.mark.parametrize(
    ("arguments", "environ", "why"),
    [
        (["list"], {"SNAPSHOT_KEY": ""}, "SNAPSHOT_KEY is missing"),
        (["list"], {"SNAPSHOT_KEY": "c2hvcnQ="}, "SNAPSHOT_KEY has 5 bytes"),
        (["list"], {"SNAPSHOT_URL": "file:///nowhere/at/all"}, "mount it, or correct SNAPSHOT_URL"),
        (["list"], {"SNAPSHOT_URL": "ftp://host/x"}, "SNAPSHOT_URL"),
        (["list", "--session", "01JQZ3N8K2V5W7X9Y1B4C6D8NN"], {}, "there is no snapshot of session"),
        (["show", "../../etc"], {}, "a session id looks like"),
        (["show", "01JQZ3N8K2V5W7X9Y1B4C6D8NN"], {}, "`snapshots list` shows what there is"),
        (["verify"], {}, "name a session, or say --all"),
        (["prune"], {}, "name a session, or say --all"),
        (["prune", "--all", "--keep", "0"], {}, "--keep"),
        (["restore", "01JQZ3N8K2V5W7X9Y1B4C6D8NN"], {}, "say where"),
        (["restore", "01JQZ3N8K2V5W7X9Y1B4C6D8NN", "--to", "/nowhere/at/all"], {}, "parent directory"),
        (["drill", "01JQZ3N8K2V5W7X9Y1B4C6D8NN"], {}, "there is no snapshot of session"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    shop: SnapshotShop, arguments: list[str], environ: dict[str, str], why: str
) -> None:
    done = shop.run(*arguments, **environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert why in done.stderr


def test_another_key_is_told_and_an_empty_place_is_not_made_a_store(
    shop: SnapshotShop, tmp_path: Path
) -> None:
    shop.save()
    other = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHiE="
    assert "SNAPSHOT_KEY is key local:" in shop.run("list", SNAPSHOT_KEY=other).stderr
    (tmp_path / "empty").mkdir()
    done = shop.run("list", SNAPSHOT_URL=f"file://{tmp_path}/empty")
    assert done.returncode == 2
    assert "holds no snapshots" in done.stderr


def test_a_bar_is_drawn_on_a_terminal_and_nowhere_else(shop: SnapshotShop) -> None:
    shop.save()
    assert shop.run("verify", "--all").stderr == ""
    for more, drawn in (([], True), (["--json"], False)):
        ours, theirs = pty.openpty()
        try:
            subprocess.run(
                [sys.executable, "-m", "storage.cli", "snapshots", "verify", "--all", *more],
                cwd=ROOT,
                env={**shop.environ, "TERM": "xterm", "COLUMNS": "80"},
                stdout=subprocess.DEVNULL,
                stderr=theirs,
                timeout=30,
                check=True,
            )
            os.set_blocking(ours, False)
            try:
                said = os.read(ours, 4096)
            except BlockingIOError:
                said = b""
        finally:
            os.close(ours)
            os.close(theirs)
        assert (b"verifying" in said and b"100%" in said) is drawn


def test_sizes_and_ages_read_like_speech() -> None:
    sizes = (0, 999, 1000, 1_800_000, 99_960_000, 999_600, 5_000_000_000)
    assert [size_text(one) for one in sizes] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.8 MB",
        "100 MB",
        "1.0 MB",
        "5.0 GB",
    ]
    now = ManualClock().now()
    ages = {
        "2025-12-31T23:59:59.500Z": "now",
        "2025-12-31T21:00:00Z": "3 h ago",
        "2025-12-01T00:00:00Z": "31 d ago",
    }
    assert {moment: age_text(from_wire(moment), now) for moment in ages} == ages
    assert age_text(from_wire("2026-01-01T02:00:00Z"), now) == "2 h ahead: check the clocks"
