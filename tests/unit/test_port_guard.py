"""What is made of a try at the debugging ports, and when a pool takes itself to be alone."""

import logging
from pathlib import Path

import pytest

from browser_pool.doctor import port_line
from browser_pool.port_guard import KEPT_OUT, Guard, PortsSeen, Reach, is_alone, judge
from storage.errors import ConfigError


def seen(others: Reach) -> PortsSeen:
    return PortsSeen(others=others, browsers=Reach.CLOSED)


@pytest.mark.parametrize("guard", Guard)
@pytest.mark.parametrize("others", Reach)
def test_a_node_that_has_to_be_guarded_starts_only_when_it_is(
    others: Reach, guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    if guard is Guard.REQUIRED and others in {Reach.OPEN, Reach.UNKNOWN}:
        with pytest.raises(ConfigError, match=r"DEBUG_PORT_GUARD=required: .*nftables"):
            judge(seen(others), guard)
        return
    judge(seen(others), guard)
    (line,) = caplog.records
    said = {Reach.OPEN: "DEBUG_PORT_OPEN", Reach.UNKNOWN: "DEBUG_PORT_UNKNOWN"}
    assert line.message == said.get(others, "debug_port_guarded")
    assert (line.levelname == "WARNING") == (others not in KEPT_OUT)
    if others not in KEPT_OUT:
        assert "nftables" in line.__dict__["fix"]


@pytest.mark.parametrize("others", Reach)
def test_the_doctor_has_a_sentence_for_each(others: Reach) -> None:
    line = port_line(seen(others).to_json())
    assert ("OPEN" in line) == (others is Reach.OPEN)
    assert ("nftables" in line) == (others not in KEPT_OUT)
    assert port_line(None) == "not looked at"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Of a container: a network and processes of its own, all of them ours."""
    for name in ("sys/net/core", "self/ns", "1", "7"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "sys/net/core/somaxconn").touch()
    (tmp_path / "self/ns/pid").symlink_to("pid:[4026532201]")
    for pid, uid in (("1", 10001), ("7", 10001)):
        status(tmp_path, pid, uid)
    return tmp_path


def status(proc: Path, pid: str, uid: int) -> None:
    (proc / pid).mkdir(exist_ok=True)
    (proc / pid / "status").write_text(f"Name:\tx\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t0\n")


def test_in_a_container_of_its_own_a_pool_is_alone(proc: Path) -> None:
    assert is_alone({0, 10001}, proc)
    status(proc, "8", 0)  # whom nothing keeps out
    assert is_alone({0, 10001}, proc)


def test_it_is_not_alone_beside_another_user(proc: Path) -> None:
    status(proc, "8", 33)
    assert not is_alone({0, 10001}, proc)


def test_it_is_not_alone_on_the_network_of_the_machine(proc: Path) -> None:
    (proc / "sys/net/core/netdev_budget").touch()  # docker run --network host
    assert not is_alone({0, 10001}, proc)


def test_it_is_not_alone_among_processes_of_the_machine(proc: Path) -> None:
    (proc / "self/ns/pid").unlink()
    (proc / "self/ns/pid").symlink_to("pid:[4026531836]")
    assert not is_alone({0, 10001}, proc)


def test_what_it_may_not_see_is_not_taken_for_nobody(proc: Path) -> None:
    (proc / "1" / "status").unlink()  # hidepid
    assert not is_alone({0, 10001}, proc)
    (proc / "sys/net/core/somaxconn").unlink()  # no /proc/sys at all
    assert not is_alone({0, 10001}, proc)
