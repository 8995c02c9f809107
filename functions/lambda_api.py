"""Lambda: what a workspace's backend calls, and whatever no other Lambda answers. A composition root."""

from __future__ import annotations

import os

from functions.app import make_app, make_services
from functions.deliverer_wake import DelivererWake
from functions.lambda_adapter import http_handler
from functions.lambda_start import open_registry, read_environment
from storage.clock import SystemClock

_config = read_environment(os.environ)
_wake = DelivererWake(os.environ["DELIVER_FUNCTION"])
_services = make_services(_config, SystemClock(), open_registry(_config), on_owed=_wake.owed)
handler = http_handler(make_app(_services), afterwards=_wake.wake)
