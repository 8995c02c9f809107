"""Between API Gateway's HTTP API and the Flask app: payload format 2.0 in, an answer that it takes out.

Rule: whatever arrives is answered with problem+json at worst. An exception that leaves a Lambda is a bare
500 of the gateway's, in which nobody finds the request again.

The format: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import json
import logging
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from apig_wsgi import make_lambda_handler
from flask import Flask

log = logging.getLogger(__name__)

Event = dict[str, Any]
Handler = Callable[[Event, object], dict[str, Any]]

ANSWER_AT_MOST_BYTES = 6 * 1024 * 1024
"""A Lambda's answer may have no more; ours have a tenth."""

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
_OF_THE_CONNECTION = frozenset({"connection", "transfer-encoding", "keep-alive", "te", "trailer", "upgrade"})


class BadEvent(Exception):
    """What was sent is no event of an HTTP API; the message says where it is not."""


def http_handler(app: Flask, *, afterwards: Callable[[], None] = lambda: None) -> Handler:
    """The Lambda handler of an app; `afterwards` runs once the answer is made, and must not raise."""
    answer = make_lambda_handler(_under_stage(app))

    def handler(event: Event, context: object) -> dict[str, Any]:
        answered = answer_to(event, context)
        afterwards()
        return answered

    def answer_to(event: Event, context: object) -> dict[str, Any]:
        request_id = str(getattr(context, "aws_request_id", "") or "")
        try:
            answered = answer(readable(event), context)
        except BadEvent as error:
            log.warning("bad_event", extra={"request_id": request_id, "error": str(error)})
            return _problem(400, "bad_request", f"the gateway's event cannot be read: {error}", request_id)
        except Exception:
            log.exception("handler_failed", extra={"request_id": request_id})
            return _problem(500, "internal_error", "something broke on our side; try again", request_id)
        if len(answered["body"]) > ANSWER_AT_MOST_BYTES:
            log.error("answer_too_large", extra={"request_id": request_id, "bytes": len(answered["body"])})
            return _problem(500, "internal_error", "the answer is larger than Lambda allows", request_id)
        return answered

    return handler


def readable(event: object) -> Event:
    """The event with all that the WSGI adapter relies on. Raises BadEvent naming the field that is wrong.

    Test consoles, other gateways and hand-made invocations leave fields out; only what cannot be guessed is
    refused.
    """
    if not isinstance(event, dict):
        raise BadEvent("it is no object")
    if event.get("version") != "2.0":
        raise BadEvent("version must be 2.0; set payloadFormatVersion of the integration")
    context = _mapping(event.get("requestContext"), "requestContext")
    http = _mapping(context.get("http"), "requestContext.http")
    method = _text(http.get("method"), "requestContext.http.method")
    path = _text(event.get("rawPath") or http.get("path") or "/", "rawPath")
    return {
        "version": "2.0",
        "rawPath": path if path.startswith("/") else f"/{path}",
        "rawQueryString": _text(event.get("rawQueryString") or "", "rawQueryString"),
        "cookies": _cookies(event.get("cookies")),
        "headers": _headers(event.get("headers")),
        "body": _body(event),
        "isBase64Encoded": bool(event.get("isBase64Encoded")),
        "requestContext": {
            **context,
            "stage": _text(context.get("stage") or "$default", "requestContext.stage"),
            "http": {
                "method": method.upper(),
                "protocol": _text(http.get("protocol") or "HTTP/1.1", "requestContext.http.protocol"),
                # set by the gateway itself, from the connection: no header can forge it
                "sourceIp": _text(http.get("sourceIp") or "0.0.0.0", "requestContext.http.sourceIp"),  # noqa: S104
            },
        },
    }


def _under_stage(app: Flask) -> Callable[..., Any]:
    """The app where the stage is the first part of every path, as it is for every stage but $default."""

    def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        stage = environ["apig_wsgi.request_context"]["stage"]
        prefix, path = f"/{stage}", environ["PATH_INFO"]
        if stage != "$default" and (path == prefix or path.startswith(f"{prefix}/")):
            environ["SCRIPT_NAME"], environ["PATH_INFO"] = prefix, path[len(prefix) :] or "/"
        return app.wsgi_app(environ, start_response)

    return wsgi


def _headers(given: object) -> dict[str, str]:
    headers = {}
    for name, value in _mapping({} if given is None else given, "headers").items():
        if not _HEADER.fullmatch(name) or name.lower() in _OF_THE_CONNECTION or "_" in name:
            continue  # an underscore would be read as the hyphen that a proxy has checked
        headers[name.lower()] = _text(value, f"headers.{name}")
    headers.pop("content-length", None)  # of the body on the wire, which may have been base64 since
    return headers


def _cookies(given: object) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise BadEvent("cookies must be a list")
    return [_text(one, "cookies") for one in given]


def _body(event: Event) -> str:
    body = event.get("body") or ""
    if not isinstance(body, str):
        raise BadEvent("body must be text")
    try:
        if event.get("isBase64Encoded"):
            b64decode(body, validate=True)
        else:
            body.encode()
    except ValueError as error:
        raise BadEvent("body is not what isBase64Encoded says") from error
    return body


def _mapping(value: object, field: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise BadEvent(f"{field} must be an object")
    return value


def _text(value: object, field: str) -> str:
    """Text that fits into a WSGI environment, which is latin-1 (PEP 3333)."""
    if not isinstance(value, str) or any(mark in value for mark in "\r\n\0"):
        raise BadEvent(f"{field} must be text in one line")
    return value.encode("utf-8", "surrogatepass").decode("latin-1")


def _problem(status: int, code: str, detail: str, request_id: str) -> dict[str, Any]:
    body = {
        "type": f"urn:linkpool:problem:{code}",
        "title": {400: "Bad Request", 500: "Internal Server Error"}[status],
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id or None,
    }
    return {
        "statusCode": status,
        "headers": {"content-type": "application/problem+json", "cache-control": "no-store"},
        "cookies": [],
        "isBase64Encoded": False,
        "body": json.dumps(body) + "\n",
    }
