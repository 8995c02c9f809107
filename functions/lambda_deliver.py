"""Lambda: sends the webhooks that are owed, until nothing is due. A composition root.

Rule: as many of it may run as like; a delivery is claimed by one. What is due later is found by the schedule.
"""

from __future__ import annotations

import os
from datetime import timedelta

from functions.deliver import make_deliverer
from functions.guarded_http import GuardedHttp
from functions.lambda_start import open_registry, read_environment
from storage.clock import SystemClock

_KEEP_BACK = timedelta(seconds=15)
"""Of the function's time: an attempt lasts 10 s, and what it came to has to be written."""

_clock = SystemClock()
_config = read_environment(os.environ)
_deliverer = make_deliverer(_config, open_registry(_config), GuardedHttp(_config.webhook_allow_hosts), _clock)


def handler(event: object, context: object) -> dict[str, int]:
    """Of schedule and invocation alike; what they say does not matter."""
    remaining = timedelta(milliseconds=context.get_remaining_time_in_millis())  # type: ignore[attr-defined]
    return {"sent": _deliverer.run_until_idle(within=remaining - min(_KEEP_BACK, remaining / 2))}
