"""`python -m browser_pool`: one node, in the foreground, until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import sys

from browser_pool.config import PoolConfig
from browser_pool.service import serve
from storage import logs
from storage.errors import ConfigError

DRIVER_OPTIONS = "--max-semi-space-size=1"
"""For Playwright's driver, a Node process: 142 MB became 121 with five browsers. Pages have their own."""


def main() -> int:
    """Exit code 0 after a clean stop, 2 when the environment or the machine does not fit."""
    logs.configure()
    os.environ.setdefault("NODE_OPTIONS", DRIVER_OPTIONS)
    try:
        asyncio.run(serve(PoolConfig.from_env(os.environ)))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
