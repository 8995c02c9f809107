"""What the gateway sends, and what it may send by mistake, to a small app behind the adapter."""

from __future__ import annotations

import base64
import copy
import json
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask, Response, jsonify, make_response, request, url_for
from hypothesis import given
from hypothesis import strategies as st

from functions.lambda_adapter import Handler, http_handler

CONTEXT = SimpleNamespace(aws_request_id="8b7c6d5e")
PNG = b"\x89PNG\r\n\x1a\n\x00\xff"

EVENT: dict[str, Any] = {
    "version": "2.0",
    "routeKey": "$default",
    "rawPath": "/echo",
    "rawQueryString": "a=1&a=2",
    "cookies": ["one=1", "two=2"],
    "headers": {"content-type": "application/json", "host": "link.example.com", "x-forwarded-proto": "https"},
    "requestContext": {
        "stage": "$default",
        "http": {"method": "POST", "path": "/echo", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.9"},
    },
    "body": '{"name": "Zürich"}',
    "isBase64Encoded": False,
}


def app() -> Flask:
    small = Flask("small", static_folder=None)

    @small.route("/echo", methods=["GET", "POST"])
    def echo() -> Response:
        return jsonify(
            args=request.args.getlist("a"),
            body=request.get_data().decode("latin-1"),
            cookies=dict(request.cookies),
            one=request.cookies.getlist("one"),
            address=request.remote_addr,
            secure=request.is_secure,
            itself=url_for("echo"),
            forwarded=request.headers.get("X-Forwarded-For"),
            odd=request.headers.get("X-Node"),
            length=request.content_length,
        )

    @small.route("/qr.png")
    def picture() -> Response:
        return Response(PNG, content_type="image/png")

    @small.route("/cookies")
    def cookies() -> Response:
        response = make_response("two of them")
        response.set_cookie("first", "1")
        response.set_cookie("second", "2")
        return response

    @small.route("/crash")
    def crash() -> Response:
        raise KeyError("the secret of the day")

    @small.route("/large")
    def large() -> Response:
        return Response("x" * (7 * 1024 * 1024))

    @small.route("/<path:anything>")
    def other(anything: str) -> Response:
        return jsonify(path=anything)

    return small


@pytest.fixture(scope="module")
def handler() -> Handler:
    small = app()
    small.config["PROPAGATE_EXCEPTIONS"] = True  # as if Flask's own handling had broken
    return http_handler(small)


def event(**changes: Any) -> dict[str, Any]:
    made = copy.deepcopy(EVENT)
    for name, value in changes.items():
        if value is None:
            made.pop(name)
        else:
            made[name] = value
    return made


def asked(handler: Handler, sent: dict[str, Any]) -> dict[str, Any]:
    answer = handler(sent, CONTEXT)
    assert answer["statusCode"] == 200, answer
    said: dict[str, Any] = json.loads(answer["body"])
    return said


def test_a_request_arrives_as_it_was_sent(handler: Handler) -> None:
    said = asked(handler, event())
    assert said["args"] == ["1", "2"]
    assert said["body"].encode("latin-1").decode() == '{"name": "Zürich"}'
    assert said["cookies"] == {"one": "1", "two": "2"}
    assert (said["address"], said["secure"], said["itself"]) == ("203.0.113.9", True, "/echo")


def test_two_cookies_of_one_name_arrive_both_and_in_their_order(handler: Handler) -> None:
    said = asked(handler, event(cookies=["one=1", "two=2", "one=9", "one=1"]))
    assert said["one"] == ["1", "9", "1"]
    assert said["cookies"] == {"one": "1", "two": "2"}


def test_a_body_in_base64_is_unpacked_and_its_length_is_its_own(handler: Handler) -> None:
    sent = event(body=base64.b64encode(b"\xff\x00raw").decode(), isBase64Encoded=True)
    sent["headers"]["content-length"] = "8000"
    said = asked(handler, sent)
    assert (said["body"], said["length"]) == ("\xff\x00raw", 5)


def test_an_image_leaves_as_base64_and_two_cookies_as_two(handler: Handler) -> None:
    sent = event(rawPath="/qr.png", body=None)
    sent["requestContext"]["http"]["method"] = "GET"
    answer = handler(sent, CONTEXT)
    assert answer["isBase64Encoded"] is True
    assert base64.b64decode(answer["body"]) == PNG
    sent["rawPath"] = "/cookies"
    assert [cookie.split(";")[0] for cookie in handler(sent, CONTEXT)["cookies"]] == ["first=1", "second=2"]


def test_a_stage_in_the_path_is_not_part_of_the_address(handler: Handler) -> None:
    sent = event(rawPath="/prod/echo")
    sent["requestContext"]["stage"] = "prod"
    said = asked(handler, sent)
    assert said["itself"] == "/prod/echo"
    sent["rawPath"] = "/production"
    sent["requestContext"]["http"]["method"] = "GET"
    assert asked(handler, sent) == {"path": "production"}


def test_no_header_can_forge_the_clients_address(handler: Handler) -> None:
    sent = event()
    sent["headers"] |= {
        "x-forwarded-for": "10.0.0.1",
        "x_forwarded_for": "10.0.0.2",
        "remote-addr": "10.0.0.3",
    }
    said = asked(handler, sent)
    assert (said["address"], said["forwarded"]) == ("203.0.113.9", "10.0.0.1")


def test_a_header_with_an_underscore_is_not_taken_for_another(handler: Handler) -> None:
    sent = event()
    sent["headers"]["x_node"] = "forged"
    assert asked(handler, sent)["odd"] is None


def test_a_crash_is_a_problem_that_names_the_request_and_nothing_else(handler: Handler) -> None:
    sent = event(rawPath="/crash", body=None)
    sent["requestContext"]["http"]["method"] = "GET"
    answer = handler(sent, CONTEXT)
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["code"], problem["request_id"]) == (
        500,
        "internal_error",
        "8b7c6d5e",
    )
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert "secret" not in answer["body"]


def test_an_answer_that_lambda_would_drop_is_a_problem(handler: Handler) -> None:
    sent = event(rawPath="/large", body=None)
    sent["requestContext"]["http"]["method"] = "GET"
    assert handler(sent, CONTEXT)["statusCode"] == 500


@pytest.mark.parametrize(
    "name", ["cookies", "headers", "body", "isBase64Encoded", "rawQueryString", "routeKey"]
)
def test_what_a_gateway_may_leave_out_is_guessed(handler: Handler, name: str) -> None:
    asked(handler, event(**{name: None}))


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ([], "no object"),
        ({}, "version"),
        (event(version="1.0"), "version"),
        (event(requestContext=None), "requestContext"),
        (event(requestContext={"http": "GET"}), "requestContext.http"),
        (event(requestContext={"http": {}}), "method"),
        (event(headers=["host"]), "headers"),
        (event(headers={"host": "a\r\nx: y"}), "headers.host"),
        (event(headers={"host": 7}), "headers.host"),
        (event(cookies="one=1"), "cookies"),
        (event(cookies=[None]), "cookies"),
        (event(rawPath="/a\x00b"), "rawPath"),
        (event(body={"name": 1}), "body"),
        (event(body="\ud800"), "body"),
        (event(body="%%%", isBase64Encoded=True), "body"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(handler: Handler, sent: Any, field: str) -> None:
    answer = handler(sent, CONTEXT)
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["code"]) == (400, "bad_request")
    assert field in problem["detail"]


@given(
    path=st.text(max_size=40),
    query=st.text(max_size=40),
    headers=st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=4),
    cookies=st.lists(st.text(max_size=20), max_size=3),
    body=st.one_of(st.none(), st.text(max_size=60)),
    encoded=st.booleans(),
    method=st.sampled_from(["GET", "POST", "get", "OPTIONS", "BREW"]),
)
def test_whatever_arrives_is_answered(
    path: str,
    query: str,
    headers: dict[str, str],
    cookies: list[str],
    body: str | None,
    encoded: bool,
    method: str,
) -> None:
    sent = event(
        rawPath=path, rawQueryString=query, headers=headers, cookies=cookies, isBase64Encoded=encoded
    ) | {"body": body}
    sent["requestContext"]["http"]["method"] = method
    answer = http_handler(_quiet)(sent, CONTEXT)
    assert answer["statusCode"] in (200, 400, 404, 405, 308)
    json.dumps(answer)


_quiet = app()


def test_what_comes_afterwards_runs_once_the_answer_is_made() -> None:
    ran: list[str] = []
    handler = http_handler(app(), afterwards=lambda: ran.append("ran"))
    handler(event(), CONTEXT)
    handler({}, CONTEXT)
    assert ran == ["ran", "ran"]
