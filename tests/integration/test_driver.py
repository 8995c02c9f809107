"""Playwright's driver, killed at bad moments."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from pathlib import Path

import pytest

from browser_pool.driver import Driver, _driver_processes


async def _killed_as_it_starts() -> None:
    while not (found := _driver_processes()):  # noqa: ASYNC110 - nobody tells when a child has begun
        await asyncio.sleep(0)
    for pid in found:
        os.kill(pid, signal.SIGKILL)


async def test_a_driver_that_dies_while_it_starts_is_followed_by_another(tmp_path: Path) -> None:
    async with Driver(tmp_path / "driver") as driver:
        await asyncio.wait_for(_killed_as_it_starts(), 20)
        await asyncio.wait_for(driver.wait_started(), 20)
        assert len(_driver_processes()) == 1
    assert _driver_processes() == set()


async def test_its_temporary_files_are_below_the_nodes_directory_whatever_is_there(tmp_path: Path) -> None:
    mine = tmp_path / "driver" / str(os.getpid())
    (mine / "playwright-artifacts-of-one-that-was-killed").mkdir(parents=True)
    (tmp_path / "driver" / "999999999").mkdir()
    async with Driver(tmp_path / "driver") as driver:
        await driver.wait_started()
        (pid,) = _driver_processes()
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        assert f"TMPDIR={mine}".encode() in environment
        assert list((tmp_path / "driver").iterdir()) == [mine]


async def test_one_that_is_nobodys_takes_its_temporary_files_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with Driver() as driver:
        await driver.wait_started()
        (mine,) = tmp_path.iterdir()
        (pid,) = _driver_processes()
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        assert f"TMPDIR={mine}".encode() in environment
        (mine / "playwright-artifacts-left").mkdir()
    assert not [*tmp_path.iterdir()]
