"""`python -m browser_pool`: one node, in the foreground, until SIGTERM. `doctor` and `diagnosis` look at one.

Rule: imports only what Playwright's driver needs to start. Its Node boots on another core while Python
reads the other modules: that is 0.15 s of every restart, in which sessions wait for their pool.
"""

from __future__ import annotations

import asyncio
import os
import sys
from importlib import import_module
from pathlib import Path

from browser_pool.driver import Driver
from storage import logs
from storage.errors import ConfigError

DRIVER_OPTIONS = "--max-semi-space-size=1"
"""For Playwright's driver, a Node process: 142 MB became 121 with five browsers. Pages have their own."""


def main() -> int:
    """Exit code 0 after a clean stop, 2 when the environment or the machine does not fit."""
    logs.configure(level=os.environ.get("LOG_LEVEL"))
    if sys.argv[1:]:
        from browser_pool.commands import run_command

        return run_command(sys.argv[1:], os.environ)
    os.environ.setdefault("NODE_OPTIONS", DRIVER_OPTIONS)
    if sys.version_info < (3, 12):
        # the default watches each child with a thread of its own, whose start held the loop for 60 ms
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    try:
        asyncio.run(_node(Path(os.environ.get("DATA_DIR") or "./data").absolute()))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


async def _node(data_dir: Path) -> None:
    async with Driver(data_dir / "driver") as driver:
        await asyncio.to_thread(import_module, "browser_pool.service")
        from browser_pool.config import PoolConfig
        from browser_pool.service import serve

        await serve(PoolConfig.from_env(os.environ), driver)


if __name__ == "__main__":
    sys.exit(main())
