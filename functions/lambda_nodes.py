"""Lambda: events and heartbeats of nodes. A composition root."""

from __future__ import annotations

import os

from functions.app import make_services
from functions.deliverer_wake import DelivererWake
from functions.frame import make_frame
from functions.lambda_adapter import http_handler
from functions.lambda_start import open_registry, read_environment
from functions.node_routes import node_routes
from storage.clock import SystemClock

_config = read_environment(os.environ)
_wake = DelivererWake(os.environ["DELIVER_FUNCTION"])
_services = make_services(_config, SystemClock(), open_registry(_config), on_owed=_wake.owed)
_app = make_frame(_services)
_app.register_blueprint(node_routes(_services))
handler = http_handler(_app, afterwards=_wake.wake)
