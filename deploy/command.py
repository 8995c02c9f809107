"""A command that serves until it is told to stop: what is wrong is one line on stderr, and an exit code.

Exit code 0: it was told to stop. 1: a part of it failed. 2: it was not set up rightly.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from storage import logs
from storage.errors import ConfigError, LinkpoolError


def run(serve: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Until it ends, or cannot begin."""
    logs.configure()
    try:
        asyncio.run(serve())
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except LinkpoolError as error:
        print(f"linkpool is down: {error}", file=sys.stderr)
        return 1
    return 0
