"""One log line a request: by route, not by address, because the address of a hosted page is a secret."""

from __future__ import annotations

import logging

from flask import Flask, Response, g, request

from functions.metrics import Metrics
from storage.clock import Clock

log = logging.getLogger(__name__)

_QUIET = frozenset({"pages.status", "nodes.heartbeat", "health.livez", "health.readyz", "health.metrics"})
"""Asked for every second by somebody; only their failures are news."""

_TOO_MANY = 429


def log_requests(app: Flask, clock: Clock, metrics: Metrics) -> None:
    """Log and count every request of this app once it is answered."""

    def begin() -> None:
        g.began = clock.monotonic()

    def end(response: Response) -> Response:
        took = clock.monotonic() - g.began
        if request.url_rule is not None:
            metrics.request(request.url_rule.rule, request.method, response.status_code, took)
        if request.endpoint == "sessions.create" and response.status_code >= 400:
            metrics.session_not_created(g.get("problem_code") or f"http_{response.status_code}")
        if response.status_code == _TOO_MANY:
            return response  # `limit_guard` says it once
        if request.endpoint not in _QUIET or response.status_code >= 400:
            workspace = g.get("workspace")
            log.info(
                "request",
                extra={
                    "request_id": g.get("request_id"),
                    "method": request.method,
                    "route": None if request.url_rule is None else request.url_rule.rule,
                    "status": response.status_code,
                    "took_ms": round(took * 1000, 1),
                    "workspace_id": None if workspace is None else workspace.id,
                    "node_id": g.get("node_id"),
                },
            )
        return response

    app.before_request(begin)
    app.after_request(end)
