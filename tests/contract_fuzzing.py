"""What schemathesis is told about the functions: loaded into its process by tests/schemathesis.toml.

Rule: it changes only what no schema can know (a number that exists, a key that was not used, the id of a
session), and only in requests that are meant to be good. Bad ones stay as bad as they were made.
"""

from __future__ import annotations

import json
import os
import zlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import schemathesis
from hypothesis import strategies as st

from functions.webhook_requests import MASK
from storage.node_signing import SIGNATURE_HEADER, sign

KNOWN: dict[str, list[str]] = json.loads(os.environ["FUZZ_KNOWN"])
"""Names of path parameters to values that exist."""
POOL_SECRET = os.environ["FUZZ_POOL_SECRET"]
NODE_ID = "fuzzed"
"""A second name of the same node, so that whatever is said of it harms nobody else."""
NODE_URL = os.environ["FUZZ_NODE_URL"]

schemathesis.openapi.format("phone", st.integers(0, 99_999_999).map(lambda number: f"+62812{number:08d}"))
schemathesis.openapi.format(
    "webhook-url", st.integers(0, 10**6).map(lambda number: f"https://hooks-{number}.example.com/{number}")
)
schemathesis.openapi.format("node-url", st.just(NODE_URL))
schemathesis.openapi.format("event-id", st.just("0"))
schemathesis.openapi.format("cursor", st.just("MA"))


class _Signed(requests.auth.AuthBase):
    """Signs what is about to be sent, as a node does."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else body
        path = urlsplit(request.url or "").path
        method = request.method or "POST"
        request.headers.update(sign(POOL_SECRET, NODE_ID, method, path, raw, datetime.now(UTC)))
        return request


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Put in what only the server knows."""
    given = (case.headers or {}).get(SIGNATURE_HEADER)
    if (
        given is not None and given != "SCHEMATHESIS-INVALID-VALUE"
    ):  # which is for finding out who looks at it
        kwargs["auth"], case._has_explicit_auth = _Signed(), True
    if case.path.endswith("/heartbeat") and isinstance(case.body, dict):
        _point_home(case.body)
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive:
        return
    luck = zlib.crc32(case.id.encode())
    if meta.phase.name.value != "stateful" and case.method != "DELETE":
        _use_what_exists(case, luck)
    if case.headers is not None and "Last-Event-ID" in case.headers:
        case.headers["Last-Event-ID"] = "0"
    if case.headers is not None and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = f"{luck}-{datetime.now(UTC).timestamp()}"
    if case.query:
        case.query.pop("cursor", None)
        if "after" in case.query:
            case.query["after"] = "0"
        if "phone_number" in case.query:
            case.query["phone_number"] = _phone(case.query["phone_number"])
    if isinstance(case.body, dict):
        _make_believable(case)


BELIEVABLE: dict[str, dict[str, Any]] = {
    "/api/workspace": {
        "name": "Toko",
        "duplicates": "replace",
        "accent_color": "#0a7a55",
        "logo_url": None,
        "allowed_origins": ["https://app.example.com"],
    },
    "/api/keys": {"name": "dashboard", "scopes": ["read"], "expires_at": "2999-01-01T00:00:00Z"},
}
"""Path to values that fit where the schema cannot say what fits."""


def _point_home(body: dict[str, Any]) -> None:
    """Nobody else's machine is called, whatever else is wrong with this heartbeat."""
    url = body.get("url")
    if isinstance(url, str) and url.startswith("http"):
        body["url"] = NODE_URL


def _use_what_exists(case: Any, luck: int) -> None:
    for name, values in KNOWN.items():
        if name in (case.path_parameters or {}) and luck % 4:
            case.path_parameters[name] = values[luck % len(values)]


def _make_believable(case: Any) -> None:
    body = case.body
    if "node_id" in body:
        body["node_id"] = NODE_ID
        if "node_id" in (case.path_parameters or {}):
            case.path_parameters["node_id"] = NODE_ID
    for name, good in (("return_url", "https://example.com/"), ("proxy", "http://proxy.example:8080")):
        if isinstance(body.get(name), str) and not _is_address(body[name]):
            body[name] = good  # brackets around no IPv6 address, or port 99999
    for name, good in BELIEVABLE.get(case.path, {}).items():
        if body.get(name) is not None:
            body[name] = good
    if case.path == "/api/webhooks":
        body.pop("session_id", None)
    if isinstance(body.get("headers"), dict):
        values = ["x" if value == MASK else value for value in body["headers"].values()]
        body["headers"] = {f"X-{index}": value for index, value in enumerate(values)}
    for name in ("phone", "phone_number", "expected_phone"):
        if isinstance(body.get(name), str):
            body[name] = _phone(body[name])


def _is_address(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _phone(seed: str) -> str:
    """A number that is possible."""
    return f"+62812{zlib.crc32(seed.encode(errors='replace')) % 10**8:08d}"
