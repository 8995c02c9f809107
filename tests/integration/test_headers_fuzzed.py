"""Whatever stands in headers, cookies, tokens and cursors: an answer of ours, and never a failure."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

from storage.node_signing import NODE_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from tests.fakes import fixtures
from tests.fakes.functions import Backend, LocalFunctions

functions = fixtures.functions
backend = fixtures.backend
idle_pool = fixtures.idle_pool

quick = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
LATIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60)
"""What a WSGI server can hand on."""
NAMES = [
    "Authorization", "If-None-Match", "If-Match", "Idempotency-Key", "X-Request-Id", "Last-Event-ID",
    "Accept", "Accept-Language", "Content-Type", "Cookie", "Range",
    "X-Forwarded-For", "Forwarded", "Host", "Origin",
    NODE_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER,
]  # fmt: skip
TYPICAL = st.sampled_from(
    ["", '"7"', 'W/"x', "*", '"7", "8"', "Bearer", "Bearer lp_a_b", "v1=", "9" * 40, "-1", "1e9", "\xff" * 20]
)
HEADERS = st.dictionaries(st.sampled_from(NAMES), LATIN | TYPICAL, max_size=6)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
CURSORS = TEXT | st.binary(max_size=30).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
ROUTES = [
    ("GET", "/api/sessions"),
    ("POST", "/api/sessions"),
    ("GET", "/api/deliveries"),
    ("GET", "/api/events"),
    ("POST", "/api/webhook"),
    ("POST", "/api/nodes/node-1/heartbeat"),
    ("GET", "/health"),
    ("GET", "/link/x"),
]


@quick
@given(st.sampled_from(ROUTES), HEADERS, st.binary(max_size=40))
def test_any_header_gets_an_answer(
    functions: LocalFunctions, route: tuple[str, str], given_headers: dict[str, str], body: bytes
) -> None:
    method, path = route
    headers = Headers(list(given_headers.items()))
    data = body if method == "POST" else None
    answer = functions.client.open(path, method=method, headers=headers, data=data)
    assert answer.status_code < 500


@quick
@given(st.sampled_from(["/api/sessions", "/api/deliveries", "/api/events"]), CURSORS, TEXT)
def test_any_cursor_gets_an_answer(backend: Backend, path: str, cursor: str, limit: str) -> None:
    parameters: dict[str, Any] = {"cursor": cursor, "limit": limit}
    answer = backend.get(path, query_string=parameters)
    assert answer.status_code < 500


@quick
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60), HEADERS)
def test_any_token_gets_an_answer(
    functions: LocalFunctions, token: str, given_headers: dict[str, str]
) -> None:
    headers = Headers([(name, value) for name, value in given_headers.items() if name != "Host"])
    for tail in ("", "/status", "/qr.svg"):
        answer = functions.client.get(f"/link/{quote(token, safe='')}{tail}", headers=headers)
        assert answer.status_code in (301, 302, 308, 400, 404, 405, 410, 429), answer.status_code
