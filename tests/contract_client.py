"""Holds every answer that a test gets from the functions against the OpenAPI document.

Rule: the document is the strict one, so a field, a status, a code or a media type that it does not name fails
whichever test met it. What a test sent and had accepted has to be described as well.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema_rs
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from functions import openapi
from functions.openapi import UNDOCUMENTED, build, path_of

_AUTOMATIC = {"HEAD", "OPTIONS"}


class ContractBroken(AssertionError):
    """An answer, or what was accepted, is not as the document says."""


class ContractClient(FlaskClient):
    """Flask's client, which believes the document more than the code."""

    def open(self, *args: Any, **options: Any) -> TestResponse:
        response = super().open(*args, **options)
        contract_of(self.application).check(self.application, response)
        return response


def use_contract_client(app: Flask) -> None:
    """From now on `app.test_client()` checks."""
    app.test_client_class = ContractClient


_made: dict[frozenset[str], Contract] = {}


def contract_of(app: Flask) -> Contract:
    """Made once for all apps with these routes: building it takes as long as fifty requests."""
    routes = frozenset(rule.endpoint for rule in app.url_map.iter_rules())
    if routes not in _made:
        _made[routes] = Contract(build(app, strict=True))
    return _made[routes]


@cache
def published_contract() -> Contract:
    """For tests that have no app at hand."""
    return Contract(openapi.current(strict=True))


class Contract:
    """A strict document."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    def check(self, app: Flask, response: TestResponse) -> None:
        """Raises ContractBroken."""
        request = response.request
        if request.method in _AUTOMATIC:
            return
        try:
            rule, _ = app.url_map.bind_to_environ(request.environ).match(return_rule=True)
        except HTTPException:
            self._check_problem_alone(response)
            return
        if rule.endpoint in UNDOCUMENTED:
            return
        at = f"{request.method} {path_of(rule)} {response.status_code}"
        operation = self._document["paths"][path_of(rule)][request.method.lower()]
        described = operation["responses"].get(str(response.status_code))
        if described is None:
            raise ContractBroken(
                f"{at}: the status is not documented\n{response.get_data(as_text=True)[:500]}"
            )
        described = self._read(described)
        self._check_headers(at, described, response)
        self._check_content(at, described, response)
        if response.status_code < 300 and request.mimetype == "application/json" and request.content_length:
            self._check_accepted(at, operation, request.environ["wsgi.input"])

    def check_webhook(self, body: dict[str, Any]) -> None:
        """Raises ContractBroken when this is no webhook that the document knows."""
        described = self._document["webhooks"].get(body.get("type"))
        if described is None:
            raise ContractBroken(f"webhook {body.get('type')!r} is not documented")
        schema = described["post"]["requestBody"]["content"]["application/json"]["schema"]
        self._validate(f"webhook {body['type']}", schema, body)

    def _check_problem_alone(self, response: TestResponse) -> None:
        self._validate("no route", {"$ref": "#/components/schemas/Problem"}, response.get_json())

    def _check_headers(self, at: str, described: dict[str, Any], response: TestResponse) -> None:
        for name, reference in described["headers"].items():
            header, value = self._read(reference), response.headers.get(name)
            if value is not None:
                self._validate(f"{at} header {name}", header["schema"], value)
            elif header.get("required"):
                raise ContractBroken(f"{at}: header {name} is missing")

    def _check_content(self, at: str, described: dict[str, Any], response: TestResponse) -> None:
        media = response.mimetype if response.headers.get("Content-Type") else ""
        content = described.get("content", {})
        if not content:
            if not response.is_streamed and response.get_data():
                raise ContractBroken(f"{at}: a body of type {media}, where none is documented")
            return
        if media not in content:
            raise ContractBroken(f"{at}: {media} is not among {', '.join(content)}")
        if media.endswith("json"):
            self._validate(at, content[media]["schema"], json.loads(response.get_data()))

    def _check_accepted(self, at: str, operation: dict[str, Any], stream: Any) -> None:
        stream.seek(0)
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" not in content:
            raise ContractBroken(f"{at}: took a body, where none is documented")
        self._validate(f"{at} body", content["application/json"]["schema"], json.loads(stream.read()))

    def _read(self, part: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in part:
            return part
        _, kind, name = part["$ref"].removeprefix("#/").split("/")
        named: dict[str, Any] = self._document["components"][kind][name]
        return named

    def _validate(self, at: str, schema: dict[str, Any], value: Any) -> None:
        key = json.dumps(schema, sort_keys=True)
        validator = self._validators.get(key)
        if validator is None:
            whole = {**schema, "components": {"schemas": self._document["components"]["schemas"]}}
            validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
            self._validators[key] = validator
        wrong = [
            f"{'.'.join(str(part) for part in error.instance_path)}: {error.message[:300]}"
            for error in validator.iter_errors(value)
        ]
        if wrong:
            raise ContractBroken("\n  ".join([f"{at} is not as the document says:", *wrong]))
