"""Lambda: sends the webhooks that are owed; by schedule it also says how nodes are. A composition root.

Rule: as many of it may run as like; a delivery is claimed by one. What is due later is found by the schedule.
"""

from __future__ import annotations

import os
from datetime import timedelta

from functions.deliver import make_deliverer
from functions.guarded_http import GuardedHttp
from functions.lambda_start import open_registry, read_environment
from functions.node_watch import NodeWatch
from storage.clock import SystemClock
from storage.nodes import Nodes

_KEEP_BACK = timedelta(seconds=15)
"""Of the function's time: an attempt lasts 10 s, and what it came to has to be written."""

_clock = SystemClock()
_config = read_environment(os.environ)
_registry = open_registry(_config)
_deliverer = make_deliverer(_config, _registry, GuardedHttp(_config.webhook_allow_hosts), _clock)
_node_watch = NodeWatch(Nodes(_registry, _clock), _clock, _config.lease_ttl)


def handler(event: object, context: object) -> dict[str, int]:
    """Of schedule and invocation alike; of what they say only matters who speaks."""
    remaining = timedelta(milliseconds=context.get_remaining_time_in_millis())  # type: ignore[attr-defined]
    sent = _deliverer.run_until_idle(within=remaining - min(_KEEP_BACK, remaining / 2))
    if isinstance(event, dict) and event.get("source") == "aws.events":
        _node_watch.look()
    return {"sent": sent}
