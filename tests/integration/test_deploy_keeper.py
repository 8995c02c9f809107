"""Keeping a process alive, and ending it."""

import asyncio
import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.keeper import GaveUp, Keeper, Program
from storage.clock import SystemClock
from tests.integration.deploy_processes import eventually, processes_of


def keeper(directory: Path, script: str, stop_within: float = 5) -> Keeper:
    program = Program(
        name="program", command=["sh", "-c", script], stop_within=timedelta(seconds=stop_within)
    )
    environ = {"PATH": os.environ["PATH"], "MARK": str(directory)}
    return Keeper(program, environ, SystemClock(), directory)


async def started(directory: Path, times: int) -> list[int]:
    """Pids that the script wrote, once there are so many."""
    async with asyncio.timeout(10):
        while True:
            file = directory / "pids"
            pids = file.read_text().split() if file.exists() else []
            if len(pids) >= times:
                return [int(pid) for pid in pids]
            await asyncio.sleep(0.02)


async def test_process_that_cannot_live_is_given_up_with_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(GaveUp, match=r"status 3") as error:
        await keeper(tmp_path, "echo no such port >&2; exit 3").run()
    assert str(error.value).count("| no such port") == 3


async def test_killed_process_is_started_again_without_its_children(tmp_path: Path) -> None:
    kept = keeper(tmp_path, 'sleep 60 & echo $$ >> "$MARK/pids"; wait')
    running = asyncio.create_task(kept.run())
    os.kill((await started(tmp_path, 1))[0], signal.SIGKILL)
    await started(tmp_path, 2)
    await asyncio.to_thread(
        eventually,
        lambda: (
            [command[:8] for command in sorted(processes_of(tmp_path).values())] == ["sh -c sl", "sleep 60"]
        ),
        "one shell and one sleep run",
    )
    kept.stop()
    await running
    await asyncio.to_thread(eventually, lambda: not processes_of(tmp_path), "nothing is left")


async def test_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    kept = keeper(
        tmp_path, 'trap "" TERM; echo $$ >> "$MARK/pids"; while :; do sleep 1; done', stop_within=0.3
    )
    running = asyncio.create_task(kept.run())
    await started(tmp_path, 1)
    kept.stop()
    kept.stop()
    await running
    # what the shell had started was killed with it, and is its new parent's to bury
    await asyncio.to_thread(eventually, lambda: not processes_of(tmp_path), "nothing is left")


async def test_stop_does_not_wait_for_a_pause(tmp_path: Path) -> None:
    kept = keeper(tmp_path, 'echo $$ >> "$MARK/pids"; exit 1')
    running = asyncio.create_task(kept.run())
    await started(tmp_path, 2)
    kept.stop()
    async with asyncio.timeout(1):
        await running
