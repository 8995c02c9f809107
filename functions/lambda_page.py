"""Lambda: the hosted page and what it polls. Light, for most of its starts are cold. A composition root.

Rule: what a page posts needs calls to nodes, and goes to `functions.lambda_api`.
"""

from __future__ import annotations

import os

from functions.core_services import make_core
from functions.frame import make_frame
from functions.health import health_routes
from functions.lambda_adapter import http_handler
from functions.lambda_start import open_registry, read_environment
from functions.pages import pages_blueprint
from storage.clock import SystemClock

_config = read_environment(os.environ)
_core = make_core(_config, SystemClock(), open_registry(_config))
_app = make_frame(_core)
_app.register_blueprint(pages_blueprint(_core, None))
_app.register_blueprint(health_routes(_core))
handler = http_handler(_app)
