"""An app without routes: what every request passes through, whichever of the functions answers it.

Rule: in this order, and the same everywhere: an id, the log, limits, the guard, the audit log.
"""

from __future__ import annotations

from flask import Flask, Response, g, request
from flask.json.provider import DefaultJSONProvider
from ulid import ULID

from functions.audit_trail import keep_audit_trail
from functions.auth import require_guard
from functions.core_services import CoreServices
from functions.header_limits import check_headers
from functions.limit_guard import limit_requests
from functions.problems import answer_with_problems
from functions.raw_body import MAX_BODY_BYTES
from functions.request_log import log_requests
from storage import logs


def make_frame(services: CoreServices) -> Flask:
    """The app, to which blueprints are added."""
    app = Flask("functions", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    assert isinstance(app.json, DefaultJSONProvider)
    app.json.sort_keys = False  # in the order in which the documents show it
    app.before_request(_take_request_id)
    log_requests(app, services.clock, services.metrics)
    config = services.config
    app.before_request(lambda: check_headers(config.header_max_bytes, config.header_max_fields))
    limit_requests(app, services.limits)
    app.before_request(lambda: require_guard(services))
    keep_audit_trail(app, services)
    app.after_request(_give_request_id)
    answer_with_problems(app)
    app.extensions["linkpool"] = services
    return app


def _take_request_id() -> None:
    """The caller's own id when it is harmless, so that both logs can be laid side by side."""
    given = logs.harmless_request_id(request.headers.get(logs.REQUEST_ID_HEADER))
    g.request_id = given or str(ULID())
    logs.REQUEST_ID.set(g.request_id)


def _give_request_id(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response
