"""`python -m browser_pool.drill DIR`: opens a restored snapshot in a browser without network and says what it
finds there. A composition root; its last line on stdout is JSON.

Rule: nothing leaves, so the live session never hears of it, and nothing is printed that the page has kept:
names and counts only. DIR is a copy that may be spoilt, in a directory made for it.

Exit code 0: the identity can be read. 1: it cannot, see `problems`. 2: this machine cannot tell.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import secrets
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Error

from browser_pool.blank_site import BlankSite
from browser_pool.chromium import Chromium
from browser_pool.config import PoolConfig
from browser_pool.confinement import find_confinement
from browser_pool.drilled import Drilled, origin_of, verdict
from browser_pool.driver import Driver
from browser_pool.errors import SlotError
from browser_pool.executable import find_executable
from browser_pool.no_network import BROWSER_FLAGS, raise_loopback, without_network
from browser_pool.profile import Profile
from browser_pool.user_agent import read_user_agent
from storage import logs
from storage.errors import ConfigError

DEADLINE = timedelta(seconds=60)
"""A drill takes one to two seconds; a browser that hangs on a damaged profile must not hold the operator."""
MOST_RECORDS = 5_000
"""Read of each store; an identity has hundreds. Synced messages may be millions, and prove nothing more."""
UNPLUGGED = "--unplugged"
"""How we tell ourselves that we are in the namespace already."""
_PR_SET_PDEATHSIG = 1


async def drill(root: Path, config: PoolConfig, *, namespace: bool) -> dict[str, Any]:
    """Look into the profile at `root`. Raises ConfigError when this machine has no browser for it."""
    profile = Profile.at(root)
    executable = find_executable(config.chromium_path)
    # one level up: `prepare` opens the profile's own parent to a uid that has to walk there
    confinement = await find_confinement(
        root.parent.parent,
        config.chromium_uid,
        sandbox=config.chromium_sandbox,
        users=config.chromium_uids,
    )
    user_agent = await read_user_agent(executable)
    problems: list[str] = []
    drilled = Drilled()
    try:
        saved = profile.local_storage_to_restore()
    except (ValueError, TypeError):
        saved = None
        problems.append("local_storage.json cannot be read")
    origin = origin_of(saved[0] if saved else None, profile.user_data_dir)
    if origin is None:
        problems.append("no site has kept anything in this profile")
    else:
        items, replace = (saved[1], saved[2]) if saved else ({}, False)
        try:
            # in there, since whoever made the place clears it up after a drill that was killed
            async with asyncio.timeout(DEADLINE.total_seconds()), Driver(root / "driver") as driver:
                chromium = await Chromium.spawn(
                    executable,
                    profile,
                    confinement,
                    user_agent.text,
                    None,
                    background=False,
                    more_flags=BROWSER_FLAGS,
                )
                try:
                    drilled = await _look(driver, chromium, profile, origin, [items, replace, MOST_RECORDS])
                finally:
                    await chromium.kill()
        except (SlotError, Error, TimeoutError) as error:
            # the message may quote the page; its first words say what failed
            problems.append(f"the browser failed: {type(error).__name__}: {str(error)[:120]}")
    return verdict(drilled, origin, problems, namespace=namespace)


async def _look(
    driver: Driver, chromium: Chromium, profile: Profile, origin: str, arguments: list[object]
) -> Drilled:
    program = (Path(__file__).parent / "page" / "drill.js").read_text(encoding="utf-8")
    browser = await driver.connect(chromium.address(profile), chromium.door)
    context = browser.contexts[0]
    page = context.pages[0] if context.pages else await context.new_page()
    site = BlankSite(await context.new_cdp_session(page), origin)
    await site.start()
    await page.goto(site.url, wait_until="commit")
    return Drilled.from_page(await page.evaluate(_function(program), arguments))


def _function(source: str) -> str:
    """The file is one arrow function behind leading comments."""
    return source[source.index("async (") :]


async def _run(root: Path, *, namespace: bool) -> dict[str, Any]:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    # a drill reports to nobody, so it needs no secret
    config = PoolConfig.from_env({**os.environ, "POOL_SECRET": secrets.token_hex(32)})
    return await drill(root, config, namespace=namespace)


def main(arguments: list[str]) -> int:
    """Go where there is no network, then look."""
    logs.configure()
    unplugged = arguments[:1] == [UNPLUGGED]
    if len(arguments) != 1 + unplugged or not Path(arguments[-1]).is_dir():
        print("usage: python -m browser_pool.drill DIR", file=sys.stderr)
        return 2
    root = Path(arguments[-1]).resolve()
    if unplugged:
        raise_loopback()
    else:
        again = without_network([sys.executable, "-m", "browser_pool.drill", UNPLUGGED, str(root)])
        if again is not None:
            os.execvp(again[0], again)  # noqa: S606 - the same process, so that signals find it
    # whoever started us may be killed, and the browser would outlive both. Only now: unshare forgets it
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    try:
        answer = asyncio.run(_run(root, namespace=unplugged))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except asyncio.CancelledError:
        return 2
    print(json.dumps(answer), flush=True)
    return 0 if answer["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
