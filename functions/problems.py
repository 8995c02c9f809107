"""Errors as problem+json (RFC 9457): a stable code, a sentence with the fix, and the request's id.

Rule: every error leaves through here, also those that Flask makes, and none shows what is inside.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed

from functions.error_codes import ERROR_CODES, NODE_CODES
from storage.errors import (
    BadMessage,
    Conflict,
    InvalidPhone,
    NotFound,
    PoolRefused,
    PoolUnreachable,
    QuotaExceeded,
    RegistryError,
    Untrusted,
)

log = logging.getLogger(__name__)

NODE_RETRY_AFTER = "2"
"""Seconds: about one heartbeat, after which a lost node is back or known to be gone."""


QUOTA_RETRY_AFTER = "10"
"""Seconds: scans take some, and a QR that nobody scans minutes."""


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """What is wrong with one field of the request."""

    field: str
    message: str


@dataclass
class Problem(Exception):
    """A refusal, as the caller gets to see it."""

    status: int
    code: str
    detail: str
    errors: list[FieldError] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        g.problem_code = self.code
        body: dict[str, Any] = {
            "type": f"urn:linkpool:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "request_id": g.get("request_id"),
        }
        if self.errors:
            body["errors"] = [{"field": error.field, "message": error.message} for error in self.errors]
        return Response(
            json.dumps(body, ensure_ascii=False) + "\n",
            status=self.status,
            headers={"Cache-Control": "no-store", **self.headers},
            content_type="application/problem+json",
        )


_HTTP_CODES = {
    400: ("bad_request", "the request cannot be read"),
    404: ("not_found", "there is nothing at this address"),
    405: ("method_not_allowed", "this address does not take {method}; it takes {allowed}"),
    408: ("request_timeout", "the request did not arrive in time; send it again"),
    413: ("body_too_large", "the body is larger than 256 kB"),
    415: ("unsupported_media_type", "send the body as application/json"),
}


def problem_of(error: Exception) -> Problem:
    """The refusal for an error that has one; an internal error for any other."""
    match error:
        case Problem():
            return error
        case NotFound():
            return Problem(404, "not_found", str(error))
        case QuotaExceeded():
            headers = {"Retry-After": QUOTA_RETRY_AFTER} if error.passes else {}
            return Problem(429 if error.passes else 403, error.code, str(error), headers=headers)
        case Conflict():
            status = 422 if error.code == "idempotency_key_reused" else 409
            return Problem(status, error.code, str(error))
        case RegistryError():
            return Problem(503, "registry_busy", str(error), headers={"Retry-After": NODE_RETRY_AFTER})
        case InvalidPhone():
            message = str(error) or str(InvalidPhone.__doc__)
            return Problem(422, "invalid_phone", message, [FieldError(field="phone", message=message)])
        case PoolUnreachable():
            return Problem(503, "node_unreachable", str(error), headers={"Retry-After": NODE_RETRY_AFTER})
        case PoolRefused():
            return _of_node(error)
        case Untrusted():
            return Problem(401, "untrusted", str(error), headers={"WWW-Authenticate": "Linkpool-Signature"})
        case BadMessage():
            return Problem(400, "bad_message", str(error))
        case ClientDisconnected() | TimeoutError():
            return Problem(408, *_HTTP_CODES[408], headers={"Connection": "close"})
        case HTTPException():
            return _of_http(error)
        case _:
            log.error(
                "request_failed",
                exc_info=error,
                extra={"request_id": g.get("request_id"), "path_rule": _rule()},
            )
            return Problem(
                500, "internal_error", "something failed here; the request's id finds it in our log"
            )


def _of_node(error: PoolRefused) -> Problem:
    """Codes that callers know go through; a newer node may have others."""
    status = 409 if error.status in {404, 409, 422} else 503
    known = error.code in NODE_CODES and status in ERROR_CODES[error.code].statuses
    code = error.code if known else "node_refused"
    return Problem(status, code, str(error), headers={"Retry-After": NODE_RETRY_AFTER})


def _of_http(error: HTTPException) -> Problem:
    status = error.code or 500
    code, detail = _HTTP_CODES.get(status, (f"http_{status}", error.description or "the request was refused"))
    headers = {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
        detail = detail.format(method=request.method, allowed=headers["Allow"])
    errors = [FieldError(field="body", message=detail)] if status == 413 else []
    return Problem(status, code, detail, errors, headers)


def _rule() -> str | None:
    return None if request.url_rule is None else request.url_rule.rule


def answer_with_problems(app: Flask) -> None:
    """Let every error of this app leave as a problem."""
    app.register_error_handler(Exception, lambda error: problem_of(error).response())
