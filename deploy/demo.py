"""`make demo`: everything on this machine, against the stand-in, from a fresh start each time.

DEMO_AUTO=1 scans by itself and ends; so does a run without a terminal. DEMO_AUTO=0 never scans by itself and
stays until it is stopped. Data lies in DATA_DIR/demo, which each run empties.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from enum import Enum
from pathlib import Path

from deploy.backend import create_workspace
from deploy.demo_walk import Walk
from deploy.env_files import with_env_file, with_own_secrets
from deploy.receiver import Received, Receiver
from deploy.scripted_phone import ScriptedPhone
from deploy.settings import ROOT, Settings
from deploy.stack import Stack
from deploy.up import stop_signal, unless
from storage import logs
from storage.clock import SystemClock
from storage.errors import ConfigError, LinkpoolError


class Thumb(Enum):
    """Who scans."""

    SCRIPT = "by itself"
    ENTER = "when somebody presses Enter"
    PERSON = "never; somebody uses the stand-in's phone"


class DemoRuns(LinkpoolError):
    """Another demo uses the same data directory."""


def settings_of(environ: Mapping[str, str]) -> Settings:
    """Free ports in place of taken ones, but those that were asked for are used. Raises ConfigError."""
    environ = with_env_file(environ, ROOT / ".env")
    settings = Settings.from_env(environ)
    settings = settings.with_environ(**with_own_secrets(environ, settings.data_dir))
    functions_port, pool_port = (
        port if name in environ or _is_free(port) else _free_port()
        for name, port in (("FUNCTIONS_PORT", settings.functions_port), ("POOL_PORT", settings.pool_port))
    )
    return replace(
        settings,
        functions_port=functions_port,
        pool_port=pool_port,
        public_url=environ.get("PUBLIC_URL") or f"http://127.0.0.1:{functions_port}",
        data_dir=settings.data_dir / "demo",
    )


def thumb_of(environ: Mapping[str, str], *, terminal: bool) -> Thumb:
    """DEMO_AUTO decides; without it, whether somebody is there to press Enter."""
    match environ.get("DEMO_AUTO"):
        case "1":
            return Thumb.SCRIPT
        case "0":
            return Thumb.ENTER if terminal else Thumb.PERSON
        case _:
            return Thumb.ENTER if terminal else Thumb.SCRIPT


async def show(settings: Settings, thumb: Thumb) -> None:
    """The whole demo. Returns with nothing left running; raises what a step raises."""
    stop = stop_signal()
    clock = SystemClock()
    async with AsyncExitStack() as exits:
        _say("starting the stand-in, functions, deliverer and pool …")
        phone = await exits.enter_async_context(
            ScriptedPhone(settings.data_dir, settings.child_environ(), clock)
        )
        webhooks: asyncio.Queue[Received] = asyncio.Queue()
        receiver = exits.enter_context(Receiver(webhooks.put_nowait))
        settings = settings.with_environ(
            WHATSAPP_WEB_URL=phone.url,
            WEBHOOK_ALLOW_HOSTS=receiver.host,
            DATABASE_URL="",
            SNAPSHOT_URL="",
            REGISTRY_MIRROR="",
        )
        stack = await exits.enter_async_context(Stack(settings, clock, log_dir=settings.data_dir / "logs"))
        walk = asyncio.create_task(stack.meanwhile(_walk(settings, thumb, stack, phone, receiver, webhooks)))
        await unless(stop, walk)


async def _walk(
    settings: Settings,
    thumb: Thumb,
    stack: Stack,
    phone: ScriptedPhone,
    receiver: Receiver,
    webhooks: asyncio.Queue[Received],
) -> None:
    await stack.ready()
    keys = await create_workspace("Demo Company", settings.child_environ(), "--webhook-url", receiver.url)
    receiver.trust(keys.webhook_secret)
    walk = Walk(settings, keys, phone, SystemClock(), _say)
    listening = asyncio.create_task(_tell(walk, webhooks))
    try:
        await walk.warm_up()
        await walk.create()
        if thumb is Thumb.PERSON:
            _say(f"  the stand-in's phone:  POST {phone.url}/phone/scan")
            await asyncio.Event().wait()
        if thumb is Thumb.ENTER:
            await _enter("press Enter to scan with the scripted phone")
        await walk.scan()
        if thumb is Thumb.ENTER:
            await _enter("press Enter to kill the browser of this session")
        await walk.crash()
        _say("\n" + _table([*walk.results, ("webhooks with a wrong signature", str(receiver.refused))]))
        if thumb is Thumb.ENTER:
            await _enter("the page stays open; press Enter to stop")
    finally:
        listening.cancel()


async def _tell(walk: Walk, webhooks: asyncio.Queue[Received]) -> None:
    while True:
        walk.on_webhook(await webhooks.get())


async def _enter(what: str) -> None:
    """Returns when somebody pressed Enter, or closed the terminal."""
    _say(f"  {what} …")
    loop, pressed = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin, pressed.set)
    try:
        await pressed.wait()
        sys.stdin.readline()
    finally:
        loop.remove_reader(sys.stdin)


def _table(rows: list[tuple[str, str]]) -> str:
    wide, narrow = max(len(what) for what, _ in rows), max(len(took) for _, took in rows)
    line = f"  {'─' * (wide + narrow + 2)}"
    return "\n".join([line, *(f"  {what:<{wide}}  {took:>{narrow}}" for what, took in rows), line])


def _say(text: str) -> None:
    print(text, flush=True)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _fresh(directory: Path) -> Iterator[None]:
    """The directory, empty and ours alone. Raises DemoRuns."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoRuns(f"another demo runs in {directory}; stop it, or set DATA_DIR") from error
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700)
        (directory / "logs").mkdir()
        yield


def main() -> int:
    logs.configure()
    try:
        settings = settings_of(os.environ)
        with _fresh(settings.data_dir):
            asyncio.run(show(settings, thumb_of(os.environ, terminal=sys.stdin.isatty())))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except LinkpoolError as error:
        print(f"the demo failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
