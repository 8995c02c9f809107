"""The phone of the demo: a stand-in for WhatsApp Web as a process of its own, and what a thumb would do."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from deploy.http import call
from deploy.keeper import Keeper, Program, python
from deploy.waiting import eventually
from storage.clock import Clock
from storage.errors import LinkpoolError

START_WITHIN = timedelta(seconds=20)

OPTIONS = '{"weight": "light", "boot_ms": 600, "ref_ms": 200, "link_ms": 600, "sync_ms": 1500}'
"""Tempo of the real site, without its weight: a demo should not wait for a download."""


class PhoneFailed(LinkpoolError):
    """The stand-in does not run, or the phone refused."""


class ScriptedPhone(AbstractAsyncContextManager["ScriptedPhone"]):
    """A stand-in that runs inside `async with`."""

    def __init__(self, directory: Path, environ: dict[str, str], clock: Clock) -> None:
        self._port_file = directory / "standin.port"
        command = python("-m", "tests.standin", "--port", "0", "--port-file", str(self._port_file))
        command += ["--options", OPTIONS, "--state-dir", str(directory / "standin")]
        program = Program(name="standin", command=command, stop_within=timedelta(seconds=10))
        self._keeper = Keeper(program, environ, clock, directory / "logs")
        self._clock = clock
        self._port = 0

    @property
    def url(self) -> str:
        """WHATSAPP_WEB_URL of the demo."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keeper.run(), name="standin")
        try:
            port = await eventually(self._read_port, self._clock, START_WITHIN, "the stand-in serves")
        except BaseException:
            await self._end()
            raise
        self._port = int(port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def scan(self, ref: str, phone_number: str) -> None:
        """Returns when WhatsApp accepted the scan. Raises PhoneFailed."""
        wanted = {"ref_text": ref, "phone_number": phone_number, "pushname": "Ayu"}
        answer = await call("POST", f"{self.url}/phone/scan", json=wanted)
        if not answer.ok:
            raise PhoneFailed(f"the scan was refused: {answer}")

    async def linked_devices(self, phone_number: str) -> list[str]:
        """Ids of the devices that the phone lists as linked."""
        state = await self._ask(f"state?{urlencode({'phone_number': phone_number})}")
        return sorted(device["id"] for device in state["devices"] if device["linked"])

    async def double_runs(self) -> int:
        """How often two browsers ran one account at the same time."""
        return int((await self._ask("stats"))["double_runs"])

    async def _ask(self, what: str) -> dict[str, Any]:
        answer = await call("GET", f"{self.url}/phone/{what}")
        if not isinstance(answer.body, dict):
            raise PhoneFailed(f"the stand-in says {answer}")
        return answer.body

    async def _read_port(self) -> str | None:
        if self._task.done():
            self._task.result()
        return await asyncio.to_thread(_first_line, self._port_file)

    async def _end(self) -> None:
        self._keeper.stop()
        await asyncio.wait([self._task])


def _first_line(path: Path) -> str | None:
    return path.read_text().splitlines()[0] if path.exists() else None
