"""Bad input: a problem that names the field and the fix; nothing stored, never a traceback, never a 200."""

import json
import re
from typing import Any

import pytest

from tests.fakes import fixtures
from tests.fakes.databases import rows
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool

functions = fixtures.functions
backend = fixtures.backend
idle_pool = fixtures.idle_pool
pool = fixtures.pool


def problem_of(response: Any) -> dict[str, Any]:
    """Every refusal has this form."""
    assert response.mimetype == "application/problem+json", response.get_data(as_text=True)
    problem: dict[str, Any] = response.get_json()
    assert problem["status"] == response.status_code
    assert problem["code"] in problem["type"]
    assert problem["request_id"] == response.headers["X-Request-Id"]
    assert problem["title"]
    assert "Traceback" not in problem["detail"]
    return problem


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"reference": 7}, "reference"),
        ({"reference": ""}, "reference"),
        ({"reference": "r" * 201}, "reference"),
        ({"phone": "081234567890"}, "phone"),
        ({"phone": "+62"}, "phone"),
        ({"phone": "+62" + "8" * 60}, "phone"),
        ({"phone": 6281234567890}, "phone"),
        ({"webhook_url": "http://example.com/hooks"}, "webhook_url"),
        ({"webhook_url": "https://127.0.0.1/hooks"}, "webhook_url"),
        ({"webhook_url": "https://localhost/hooks"}, "webhook_url"),
        ({"webhook_url": "https://[::1]/hooks"}, "webhook_url"),
        ({"webhook_url": "https://2130706433/"}, "webhook_url"),
        ({"webhook_url": "https://0x7f.1/"}, "webhook_url"),
        ({"webhook_url": "https://user:pw@example.com/"}, "webhook_url"),
        ({"webhook_url": "https://example.com:99999/"}, "webhook_url"),
        ({"webhook_url": "https://"}, "webhook_url"),
        ({"webhook_url": "ftp://example.com/"}, "webhook_url"),
        ({"webhook_url": "https://example.com/\r\nX-Evil: 1"}, "webhook_url"),
        ({"webhook_url": "https://example.com/" + "a" * 2000}, "webhook_url"),
        ({"return_url": "javascript:alert(1)"}, "return_url"),
        ({"return_url": "https://"}, "return_url"),
        ({"return_url": "https://["}, "return_url"),
        ({"return_url": "https://[::::]/"}, "return_url"),
        ({"return_url": "https://example.com:99999/"}, "return_url"),
        ({"return_url": "https://example.com/\x01"}, "return_url"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": "b" * 17_000}}, "metadata"),
        ({"start": "yes"}, "start"),
        ({"start": 1}, "start"),
        ({"keep_alive": None}, "keep_alive"),
        ({"region": "eu west"}, "region"),
        ({"proxy": "proxy.example:8080"}, "proxy"),
        ({"proxy": "http://proxy.example:8080/path"}, "proxy"),
        ({"proxy": "http://[proxy]:8080"}, "proxy"),
        ({"proxy": "http://proxy.example:٨٠"}, "proxy"),
        ({"locale": "tlh"}, "locale"),
        ({"locale": "en_US"}, "locale"),
        ({"id": "01JD3Z0V5M8Q4T2X9Y7W6R1K0B"}, "id"),
    ],
    ids=lambda value: json.dumps(value)[:50] if isinstance(value, dict) else str(value),
)
def test_a_wrong_field_is_named(backend: Backend, pool: FakePool, fields: dict[str, Any], named: str) -> None:
    response = backend.post("/api/sessions", json=fields)
    problem = problem_of(response)
    assert (response.status_code, problem["code"]) == (422, "invalid_request")
    assert [error["field"].split(".")[0] for error in problem["errors"]] == [named]
    assert problem["errors"][0]["message"]
    assert backend.get("/api/sessions").get_json()["sessions"] == []
    assert pool.calls == []


def test_everything_that_is_wrong_is_said_at_once(backend: Backend) -> None:
    problem = problem_of(backend.post("/api/sessions", json={"colour": 1, "start": "no", "locale": "xx"}))
    assert {error["field"] for error in problem["errors"]} == {"colour", "start", "locale"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b"7",
        b"null",
        b"{'reference': 'x'}",
        b'{"reference": "x",}',
        b'{"reference": "\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"metadata": {"a": NaN}}',
        b'{"metadata": {"a": Infinity}}',
        b'{"metadata": {"a": 1e400}}',
        b'{"metadata": {"a": ' + b"9" * 5000 + b"}}",
        b'{"reference": "a", "reference": "b"}',
        b'{"reference": "\\ud83d"}',
        b'{"reference": "a\\u0000b"}',
        b'{"metadata": {"a\\u0000": 1}}',
        b'{"metadata": ' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_body_that_is_no_strict_json_object_is_refused(backend: Backend, body: bytes) -> None:
    response = backend.post("/api/sessions", data=body, content_type="application/json")
    assert (response.status_code, problem_of(response)["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_only_json_is_taken(backend: Backend, content_type: str) -> None:
    response = backend.post("/api/sessions", data=b'{"start": false}', content_type=content_type)
    assert (response.status_code, problem_of(response)["code"]) == (415, "unsupported_media_type")


def test_a_body_over_the_limit_is_refused(backend: Backend) -> None:
    body = json.dumps({"reference": "r" * 300_000}).encode()
    response = backend.post("/api/sessions", data=body, content_type="application/json")
    assert (response.status_code, problem_of(response)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("key", ["", "two words", "k" * 256, "caf\u00e9"])
def test_an_idempotency_key_that_is_none_is_refused(backend: Backend, key: str) -> None:
    response = backend.post("/api/sessions", json={}, headers={"Idempotency-Key": key})
    assert problem_of(response)["errors"][0]["field"] == "Idempotency-Key"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "session_id",
    [
        "x",
        "01JD3Z0V5M8Q4T2X9Y7W6R1K0B",
        "01jd3z0v5m8q4t2x9y7w6r1k0b",
        "..",
        "%00",
        "%ff",
        "' OR 1=1 --",
        "9" * 3000,
    ],
)
def test_an_id_that_is_none_or_nobodys_is_not_found(backend: Backend, method: str, session_id: str) -> None:
    response = backend.call(method, f"/api/sessions/{session_id}")
    assert response.status_code in {404, 405, 308}
    if response.status_code == 404:
        assert problem_of(response)["code"] in {"session_not_found", "not_found"}


@pytest.mark.parametrize(
    "query",
    [
        "status=flying",
        "status=",
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=ten",
        "limit=\u0661",
        "cursor=%25%25",
        "cursor=AAAA",
        "cursor=" + "A" * 3000,
        "phone_number=0812",
        "colour=red",
        "reference=a&reference=b",
        "reference=%00",
    ],
)
def test_a_wrong_parameter_is_named(backend: Backend, query: str) -> None:
    problem = problem_of(backend.get(f"/api/sessions?{query}"))
    assert problem["status"] == 422
    assert problem["errors"][0]["field"] == query.split("=")[0]


@pytest.mark.parametrize("query", ["status=lost", "limit=999", "cursor=eA", "cursor=" + "OTk5" * 10, "x=1"])
def test_a_wrong_parameter_of_the_webhook_log_is_named(backend: Backend, query: str) -> None:
    assert problem_of(backend.get(f"/api/deliveries?{query}"))["errors"][0]["field"] == query.split("=")[0]


@pytest.mark.parametrize("body", [{}, {"phone": None}, {"phone": "+1"}, {"phone": "+6281234567890", "x": 1}])
def test_a_wrong_pairing_request_asks_nobody(backend: Backend, pool: FakePool, body: dict[str, Any]) -> None:
    session_id = backend.create()["id"]
    pool.calls.clear()
    problem = problem_of(backend.post(f"/api/sessions/{session_id}/pairing-code", json=body))
    assert problem["status"] == 422
    assert pool.calls == []


@pytest.mark.parametrize("call", ["qr", "restart", "logout", "primary"])
def test_calls_without_a_body_refuse_fields(backend: Backend, pool: FakePool, call: str) -> None:
    session_id = backend.create()["id"]
    problem = problem_of(backend.post(f"/api/sessions/{session_id}/{call}", json={"force": True}))
    assert problem["errors"][0]["field"] == "force"


def test_an_unknown_address_and_a_wrong_method_are_problems_too(backend: Backend) -> None:
    assert problem_of(backend.get("/api/nothing"))["code"] == "not_found"
    wrong = backend.call("PATCH", "/api/sessions")
    assert problem_of(wrong)["code"] == "method_not_allowed"
    assert "POST" in wrong.headers["Allow"]


def test_an_error_of_ours_shows_nothing_of_the_inside(
    backend: Backend, functions: LocalFunctions, caplog: pytest.LogCaptureFixture
) -> None:
    rows(functions.services.database, "DROP TABLE idempotency_keys")
    response = backend.post("/api/sessions", json={}, headers={"Idempotency-Key": "k"})
    problem = problem_of(response)
    assert (response.status_code, problem["code"]) == (500, "internal_error")
    assert "idempotency_keys" not in response.get_data(as_text=True)
    assert re.search('no such table: idempotency_keys|"idempotency_keys" does not exist', caplog.text)


def test_a_callers_request_id_is_kept_when_it_is_harmless(backend: Backend) -> None:
    assert backend.get("/api/x", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    assert backend.get("/api/x", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"] != "a b"


def test_a_number_that_is_written_with_a_point_is_the_integer_it_is(
    backend: Backend, functions: LocalFunctions
) -> None:
    answer = backend.post(
        "/api/webhooks/secret/rotate", data=b'{"overlap_seconds": 60.0}', content_type="application/json"
    )
    assert answer.status_code == 200
    answer = backend.post(
        "/api/webhooks/secret/rotate", data=b'{"overlap_seconds": 60.5}', content_type="application/json"
    )
    assert problem_of(answer)["errors"][0]["field"] == "overlap_seconds"


def test_metadata_keeps_numbers_that_are_longer_than_a_column(backend: Backend, pool: FakePool) -> None:
    digits = "9" * 300
    body = f'{{"start": false, "metadata": {{"a": {digits}}}}}'.encode()
    made = backend.post("/api/sessions", data=body, content_type="application/json").get_json()
    assert backend.session(made["id"])["metadata"] == {"a": int(digits)}


def test_a_list_of_events_looks_at_last_event_id_too(backend: Backend) -> None:
    answer = backend.get("/api/events", headers={"Last-Event-ID": "@>?"})
    assert problem_of(answer)["errors"][0]["field"] == "Last-Event-ID"


def test_an_address_below_deliveries_that_takes_post_only_says_so(backend: Backend) -> None:
    answer = backend.get("/api/deliveries/retry")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "OPTIONS, POST")


def test_a_code_of_a_newer_node_does_not_reach_callers(backend: Backend, pool: FakePool) -> None:
    session = backend.create()
    pool.refusal = (409, {"code": "brand_new", "detail": "the moon is full"})
    answer = backend.post(f"/api/sessions/{session['id']}/qr")
    assert (problem_of(answer)["code"], answer.status_code) == ("node_refused", 409)
    assert answer.get_json()["detail"] == "the moon is full"
