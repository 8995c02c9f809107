"""One log line a request: by route, not by address, because the address of a hosted page is a secret.

Rule: what changes something, fails or is slow is for the operator; what goes well every second is for us.
"""

from __future__ import annotations

import logging

from flask import Flask, Response, g, request

from functions.metrics import Metrics
from storage.clock import Clock

log = logging.getLogger(__name__)

_ROUTINE = frozenset({"nodes.heartbeat", "nodes.webhook"})
"""Come by themselves every second; what they bring has lines of its own. So has whatever is only read."""
_MAY_TAKE_LONG = frozenset({"events.page"})
"""Waits for the next event, as it was asked to."""
_READS = frozenset({"GET", "HEAD"})
SLOW_SECONDS = 1.0
"""A read takes milliseconds."""

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
        level = _level_of(response.status_code, took)
        if log.isEnabledFor(level):
            workspace = g.get("workspace")
            log.log(
                level,
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


def _level_of(status: int, took: float) -> int:
    if status >= 400:
        return logging.INFO
    if took > SLOW_SECONDS and request.endpoint not in _MAY_TAKE_LONG:
        return logging.INFO
    return logging.DEBUG if request.method in _READS or request.endpoint in _ROUTINE else logging.INFO
