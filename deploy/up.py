"""`make up`: functions, deliverer and pool from the environment, in the foreground, until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from deploy.command import run
from deploy.env_files import missing_secrets, with_env_file
from deploy.registry_mirror import RegistryMirror
from deploy.settings import ROOT, Settings
from deploy.stack import Stack
from storage.clock import SystemClock
from storage.errors import ConfigError

DEMANDED = {"DEBUG_PORT_GUARD": "required"}
"""Where nothing else is said: what holds customers' accounts proves that other users are kept out."""


def settings_of(environ: Mapping[str, str]) -> Settings:
    """Raises ConfigError that lists everything that is missing or wrong."""
    environ = DEMANDED | with_env_file(environ, ROOT / ".env")
    problems = [
        f"{name} is missing; make one with: openssl rand {'-base64' if name == 'SNAPSHOT_KEY' else '-hex'} 32"
        for name in missing_secrets(environ)
    ]
    try:
        settings = Settings.from_env(environ)
        RegistryMirror.from_settings(settings)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    return settings


async def bring_back_registry(settings: Settings, stop: asyncio.Event) -> None:
    """A missing registry comes back from its mirror before anything opens it. Raises MirrorFailed."""
    mirror = RegistryMirror.from_settings(settings)
    if mirror is not None:
        await unless(stop, asyncio.create_task(mirror.bring_back()))


def stop_signal() -> asyncio.Event:
    """Set by SIGTERM and Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def unless(stop: asyncio.Event, work: asyncio.Task[Any]) -> None:
    """Wait for the work, or for the wish to stop, which ends it."""
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait([work, asked], return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if work.done():
        work.result()
    work.cancel()


async def serve(settings: Settings) -> None:
    """Returns when asked to stop, with nothing left running. Raises GaveUp or NotReady."""
    stop = stop_signal()
    await bring_back_registry(settings, stop)
    if stop.is_set():
        return
    async with Stack(settings, SystemClock()) as stack:
        ready = asyncio.create_task(stack.ready())
        await unless(stop, ready)
        if not stop.is_set():
            print(f"linkpool is up: {settings.public_url}", flush=True)
            await stack.meanwhile(stop.wait())


def main() -> int:
    return run(lambda: serve(settings_of(os.environ)))


if __name__ == "__main__":
    sys.exit(main())
