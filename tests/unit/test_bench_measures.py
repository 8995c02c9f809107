"""Reading /proc, wrk's output and HTTP answers: what figures are made of."""

import os
import subprocess
import sys
import time

import pytest

from bench import processes
from bench.loader import BadAnswers, is_whole, read_wrk
from bench.plan import Plan, plan_from
from bench.processes import Process

METRICS = frozenset({"cold", "warm"})
BURN = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ntime.sleep(30)"


def process(pid: int, parent: int, session: int) -> Process:
    return Process(pid=pid, parent=parent, session=session, started=0, cpu_seconds=0.0, zombie=False)


def test_tree_holds_descendants_and_whoever_left_their_parent_but_not_their_session() -> None:
    all_ = [
        process(10, 1, 10),
        process(11, 10, 10),
        process(12, 11, 12),  # a child that leads a session of its own, as a browser does
        process(13, 1, 12),  # its child, whose parent died
        process(20, 1, 20),
        process(21, 20, 20),
    ]
    assert processes.tree([10], {one.pid: one for one in all_}) == {10, 11, 12, 13}
    assert processes.tree([99], {one.pid: one for one in all_}) == set()


def test_memory_and_cpu_of_a_real_tree_and_its_end() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BURN], stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert processes.cpu_seconds([child.pid]) >= 0.15
        assert processes.pss_bytes([child.pid]) > 1_000_000
        assert child.pid in processes.tree([os.getpid()])
        began = time.monotonic()
        processes.kill(processes.identities([child.pid]))
        assert time.monotonic() - began < 10
    assert processes.pss_bytes([child.pid]) == 0


def test_a_pid_that_is_somebody_elses_by_now_is_not_killed() -> None:
    me = os.getpid()
    processes.kill({(me, processes.running()[me].started + 1)})


def test_wrk_is_understood_and_errors_are_not_speed() -> None:
    assert read_wrk("  Latency 1ms\nRequests/sec:   4321.09\nTransfer/sec: 1MB") == 4321.09
    with pytest.raises(BadAnswers, match="12"):
        read_wrk("  Non-2xx or 3xx responses: 12\nRequests/sec:   4321.09")
    with pytest.raises(BadAnswers):
        read_wrk("")


def test_an_answer_counts_when_it_is_complete_and_200() -> None:
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
    assert is_whole(whole)
    assert not is_whole(whole[:-1])
    assert not is_whole(whole[:20])
    with pytest.raises(BadAnswers, match="429"):
        is_whole(b"HTTP/1.1 429 Too Many Requests\r\n\r\n")


def test_by_default_twenty_sessions_stand_behind_every_figure() -> None:
    plan = Plan.default()
    assert plan.sessions == (1, 5, 10)
    assert all(plan.rounds_of(count) * count >= 20 for count in plan.sessions)
    assert plan.singles >= 20


def test_a_part_of_the_run_can_be_asked_for() -> None:
    plan = plan_from(["--only", "cold", "--sessions", "1,3", "--rounds", "2"], METRICS)
    assert (plan.sessions, plan.rounds_of(3), plan.singles) == ((1, 3), 2, 2)
    assert plan.wants("cold")
    assert not plan.wants("warm")
    assert plan != Plan.default()


@pytest.mark.parametrize("wrong", [["--only", "lukewarm"], ["--sessions", "0"], ["--sessions", "x"]])
def test_wrong_arguments_end_the_program(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        plan_from(wrong, METRICS)
    assert capsys.readouterr().err
