"""An HTTP API on loopback: HTTP in, payload format 2.0 to the Lambda of the route, its answer out.

The routes are those of the packaged CloudFormation template: one that was forgotten there is missing here.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

_INVOCATION = re.compile(r"/2015-03-31/functions/([\w-]+)/invocations")

Invoke = Callable[[dict[str, Any]], dict[str, Any]]


def routes_of(template: Mapping[str, Any]) -> dict[str, str]:
    """Route key to the logical name of the Lambda that answers it."""
    resources = template["Resources"]
    routes = {}
    for resource in resources.values():
        if resource["Type"] == "AWS::ApiGatewayV2::Route":
            target = resource["Properties"]["Target"]["Fn::Join"][1]
            integration = resources[next(part["Ref"] for part in target if isinstance(part, dict))]
            uri = integration["Properties"]["IntegrationUri"]
            routes[resource["Properties"]["RouteKey"]] = uri["Fn::GetAtt"][0]
    return routes


def route_for(routes: Mapping[str, str], method: str, path: str) -> str | None:
    """The most specific route, as the gateway chooses: exact parts, {names}, {proxy+}, then $default."""
    best: tuple[tuple[int, ...], str] | None = None
    for key, function in routes.items():
        if key == "$default":
            continue
        wanted, _, pattern = key.partition(" ")
        if wanted not in (method, "ANY"):
            continue
        expression = re.sub(r"\\{\w+\\\+\\}", ".+", re.escape(pattern))
        expression = re.sub(r"\\{\w+\\}", "[^/]+", expression)
        if re.fullmatch(expression, path):
            rank = tuple(2 if "+}" in part else 1 if "{" in part else 0 for part in pattern.split("/"))
            if best is None or rank < best[0]:
                best = (rank, function)
    return best[1] if best else routes.get("$default")


class LocalGateway:
    """Listens until it is closed."""

    def __init__(
        self,
        port: int,
        routes: Mapping[str, str],
        invoke: Mapping[str, Invoke],
        asynchronous: Mapping[str, Callable[[object], None]],
    ) -> None:
        gateway = self
        self._routes, self._invoke, self._asynchronous = routes, invoke, asynchronous

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                gateway._answer(self, body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _any

            def log_message(self, *_: object) -> None:
                """The functions log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        path, _, query = request.path.partition("?")
        if called := _INVOCATION.fullmatch(path):  # Lambda's own API, for whoever wakes another Lambda
            self._asynchronous[called[1]](json.loads(body))
            request.send_response(202)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        function = route_for(self._routes, request.command, path)
        if function is None:
            answer: dict[str, Any] = {"statusCode": 404, "body": '{"message":"Not Found"}'}
        else:
            answer = self._invoke[function](event_of(request, path, query, body))
        content = answer.get("body") or ""
        raw = base64.b64decode(content) if answer.get("isBase64Encoded") else content.encode()
        request.send_response(answer["statusCode"])
        for name, value in (answer.get("headers") or {}).items():
            if name.lower() not in ("content-length", "date", "server"):
                request.send_header(name, str(value))
        for cookie in answer.get("cookies") or []:
            request.send_header("Set-Cookie", cookie)
        request.send_header("Content-Length", str(len(raw)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(raw)


def event_of(request: BaseHTTPRequestHandler, path: str, query: str, body: bytes) -> dict[str, Any]:
    """What API Gateway would send."""
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in request.headers.items():
        if name.lower() == "cookie":
            cookies += [part.strip() for part in value.split(";")]
        elif name.lower() in headers:
            headers[name.lower()] += f",{value}"
        else:
            headers[name.lower()] = value
    text: str | None
    try:
        text, encoded = (body.decode() if body else None), False
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": unquote(path),
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "requestId": str(uuid.uuid4()),
            "stage": "$default",
            "http": {
                "method": request.command,
                "path": unquote(path),
                "protocol": "HTTP/1.1",
                "sourceIp": request.client_address[0],
                "userAgent": headers.get("user-agent", ""),
            },
        },
        "isBase64Encoded": encoded,
    }
    if cookies:
        event["cookies"] = cookies
    if text is not None:
        event["body"] = text
    return event
