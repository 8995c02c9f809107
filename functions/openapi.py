"""The OpenAPI 3.1 document, from the routes, their guards and their `contract`.
`python -m functions.openapi` writes docs/openapi.json anew, and refuses what would break a caller.

Rule: nothing in it is written by hand twice. Addresses come from the URL map, security from `auth.GUARDS`,
bodies from the models that validate, webhooks from the code that makes them.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from functions import (
    node_contract,
    page_contract,
    service_contract,
    session_contract,
    timeline_contract,
    webhook_contract,
    workspace_contract,
)
from functions.auth import GUARDS, Guard
from functions.contract import (
    ANY_BODY,
    ANY_CALL,
    HEADERS,
    JSON,
    JSON_BODY,
    OPTIONAL_HEADERS,
    PATH_PARAMETERS,
    PROBLEM,
    Operation,
    Operations,
    Parameter,
    Reply,
    Schema,
)
from functions.contract_breaks import breaking_changes
from functions.error_codes import ERROR_CODES
from functions.openapi_schemas import components_of, reference_to
from functions.webhook_examples import SAMPLES, example
from storage.node_signing import NODE_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER

API_VERSION = "1.0.0"
"""Of the contract. What breaks a caller needs a new first number, and a new address beside the old one."""

DOCUMENT = Path(__file__).parent.parent / "docs" / "openapi.json"

TABLES: tuple[Operations, ...] = (
    session_contract.OPERATIONS,
    timeline_contract.OPERATIONS,
    webhook_contract.OPERATIONS,
    workspace_contract.OPERATIONS,
    page_contract.OPERATIONS,
    node_contract.OPERATIONS,
    service_contract.OPERATIONS,
)
"""Endpoint name to what it promises. Their order is the document's."""

_FOR_THE_OPERATOR = "a page for the operator, not for programs"
UNDOCUMENTED: dict[str, str] = {
    "health.metrics": "Prometheus' own text form, for the holder of METRICS_TOKEN",
    "ops.page": _FOR_THE_OPERATOR,
    "ops.find": _FOR_THE_OPERATOR,
    "ops.session": _FOR_THE_OPERATOR,
    "ops.act": _FOR_THE_OPERATOR,
    "ops.retry": _FOR_THE_OPERATOR,
    "ops.login": _FOR_THE_OPERATOR,
}
"""Endpoint name to why it is no part of the API."""

TAGS = {
    "sessions": ("Sessions", "Links between your workspace and WhatsApp accounts."),
    "timeline": ("Timeline", "What happened to a session, step by step."),
    "chats": ("Chats", "Read when you ask for it; nothing syncs by itself."),
    "webhooks": ("Webhook endpoints", "Where you are told, of what, and with which secret."),
    "deliveries": ("Deliveries", "The webhook log, and sending again."),
    "events": ("Events", "For whoever reads instead of being told."),
    "keys": ("API keys", "What opens your workspace. All of these need a key with the scope admin."),
    "workspace": ("Workspace", "What it is called, how its pages look, who may frame them. Scope admin."),
    "audit": ("Audit log", "Who did what. Scope admin."),
    "pages": ("Hosted page", "What the page behind link_url uses. A backend only sends people there."),
    "nodes": ("Nodes", "Signed calls of the machines that hold browsers."),
    "health": ("Health", "For whoever runs it."),
    "docs": ("Documentation", "This document."),
}
"""Blueprint to its heading and sentence."""

_ABOUT = """linkpool links WhatsApp accounts to your software and keeps them linked.

**Keys.** `Authorization: Bearer lp_…`, the API key of your workspace. You see nothing of other workspaces.

**Errors** are problem+json (RFC 9457) with a stable `code`, a sentence with the fix, and a `request_id` that
finds the request in our log. Codes are listed with every call; new ones may be added.

**Bodies** are strict JSON: a field that we do not know is refused, so that a misspelling is noticed.
Answers may gain fields; ignore those that you do not know.

**Lists** come newest first, a page at a time: `next_cursor` is the `cursor` of the next page, null on the
last.

**Times** are RFC 3339 in UTC, phone numbers E.164 with +, durations in the unit that their name ends with."""


def operations() -> dict[str, Operation]:
    """Every endpoint's operation. Raises ValueError when one stands in two tables."""
    merged: dict[str, Operation] = {}
    for table in TABLES:
        for endpoint, operation in table.items():
            if endpoint in merged:
                raise ValueError(f"{endpoint} stands in two tables of the contract")
            merged[endpoint] = operation
    return merged


def build(app: Flask, *, server_url: str = "/", strict: bool = False) -> dict[str, Any]:
    """The document. With `strict`, for tests, an answer's objects have no field that is not named.

    Raises ValueError naming routes without an operation and operations without a route.
    """
    promised = operations()
    rules = {rule.endpoint: rule for rule in app.url_map.iter_rules() if rule.endpoint not in UNDOCUMENTED}
    if strays := sorted(rules.keys() ^ promised.keys()):
        raise ValueError(f"not both a route and an operation of the contract: {', '.join(strays)}")
    paths: dict[str, dict[str, Any]] = {}
    for endpoint, operation in promised.items():
        for method in sorted((rules[endpoint].methods or set()) - {"HEAD", "OPTIONS"}):
            at = paths.setdefault(path_of(rules[endpoint]), {})
            at[method.lower()] = _operation(endpoint, operation, rules[endpoint])
    refusals = _share_refusals(paths)
    headings = {endpoint.partition(".")[0]: None for endpoint in promised}
    return {
        "openapi": "3.1.0",
        "info": {"title": "linkpool", "version": API_VERSION, "description": _ABOUT},
        "servers": [{"url": server_url}],
        "tags": [{"name": _heading(name)[0], "description": _heading(name)[1]} for name in headings],
        "paths": paths,
        "webhooks": _webhooks(),
        "components": {
            "schemas": components_of(promised.values(), strict=strict),
            "responses": refusals,
            "headers": {name: _header(name) for name in HEADERS},
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer", "description": "The key of a workspace."},
                "nodeSignature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": SIGNATURE_HEADER,
                    "description": (
                        "v1= and the HMAC-SHA256 under POOL_SECRET over the lines node, timestamp, nonce, "
                        "method, path and SHA-256 of the body; the first three are in "
                        f"{NODE_HEADER}, {TIMESTAMP_HEADER} and {NONCE_HEADER}."
                    ),
                },
            },
        },
    }


def _heading(blueprint: str) -> tuple[str, str]:
    if blueprint not in TAGS:
        raise ValueError(f"give the calls of {blueprint!r} a heading in functions.openapi.TAGS")
    return TAGS[blueprint]


def path_of(rule: Rule) -> str:
    """As OpenAPI writes it."""
    return re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule)


def _operation(endpoint: str, operation: Operation, rule: Rule) -> dict[str, Any]:
    guard = GUARDS.get(endpoint)
    parameters = [_path_parameter(name) for name in sorted(rule.arguments)]
    parameters += [_parameter(parameter, "query") for parameter in operation.query]
    parameters += [_parameter(parameter, "header") for parameter in operation.headers]
    return {
        "operationId": endpoint.replace(".", "_"),
        "tags": [_heading(endpoint.partition(".")[0])[0]],
        "summary": operation.summary,
        **({"description": operation.text} if operation.text else {}),
        "security": _security(guard),
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": _body(operation)} if operation.body is not None else {}),
        "responses": _responses(operation, error_codes_of(operation, guard, bool(rule.arguments))),
    }


def _security(guard: Guard | None) -> list[dict[str, list[str]]]:
    match guard:
        case Guard.LINK | Guard.PUBLIC:
            return []
        case Guard.NODE:
            return [{"nodeSignature": []}]
        case _:
            return [{"apiKey": []}]


def error_codes_of(operation: Operation, guard: Guard | None, has_path_parameters: bool) -> list[str]:
    """Its own, and those that follow from what it is."""
    codes = [*operation.errors, *ANY_CALL]
    match guard:
        case Guard.LINK | Guard.PUBLIC:
            pass
        case Guard.NODE:
            codes += ["untrusted", "replayed", *ANY_BODY]
        case _:
            codes += ["unauthorized", "scope_missing"]
    if operation.body is not None and guard is not Guard.NODE:
        codes += ["request_timeout", "body_too_large"] if operation.html_errors else [*ANY_BODY, *JSON_BODY]
    if operation.query and not operation.html_errors:
        codes.append("invalid_request")
    if operation.headers:
        codes.append("invalid_request")
    if has_path_parameters:
        codes.append("not_found")
    return sorted(set(codes))


def _path_parameter(name: str) -> dict[str, Any]:
    if name not in PATH_PARAMETERS:
        raise ValueError(f"say what {name!r} in an address is, in functions.contract.PATH_PARAMETERS")
    what, schema, sample = PATH_PARAMETERS[name]
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": what,
        "schema": schema,
        "example": sample,
    }


def _parameter(parameter: Parameter, place: str) -> dict[str, Any]:
    several = parameter.schema.get("type") == "array"
    return {
        "name": parameter.name,
        "in": place,
        "description": parameter.what,
        **({"required": True} if parameter.required else {}),
        "schema": parameter.schema,
        **({"style": "form", "explode": False} if several else {}),
        **({} if parameter.example is None else {"example": parameter.example}),
    }


def _header(name: str) -> dict[str, Any]:
    what, schema = HEADERS[name]
    return {"description": what, "schema": schema, **({} if name in OPTIONAL_HEADERS else {"required": True})}


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}


def _body(operation: Operation) -> dict[str, Any]:
    assert operation.body is not None
    given = {} if operation.body_example is None else operation.body_example
    media = {"schema": reference_to(operation.body), "example": given}
    return {"required": operation.body_required, "content": dict.fromkeys(operation.body_media, media)}


def _responses(operation: Operation, codes: list[str]) -> dict[str, Any]:
    responses = {str(reply.status): _reply(reply) for reply in operation.replies}
    pairs = sorted((status, code) for code in codes for status in ERROR_CODES[code].statuses)
    for status, group in groupby(pairs, key=lambda pair: pair[0]):
        refusal = _refusal(status, [code for _, code in group], html=operation.html_errors)
        before = responses.get(str(status))
        if before is not None:
            refusal["description"] = f"{before['description']} {refusal['description']}"
            refusal["content"] = {**before.get("content", {}), **refusal["content"]}
        responses[str(status)] = refusal
    return dict(sorted(responses.items()))


def _reply(reply: Reply) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if reply.model is not None:
        content[JSON] = {"schema": reference_to(reply.model), "example": reply.example}
    for media, schema in reply.media.items():
        content[media] = {} if schema is None else {"schema": schema}
        if media == JSON:
            content[media]["example"] = reply.example
    return {
        "description": reply.what,
        "headers": _headers(reply.headers),
        **({"content": content} if content else {}),
    }


def _refusal(status: int, codes: list[str], *, html: bool) -> dict[str, Any]:
    schema: Schema = {
        "allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": {"code": {"enum": codes}}}]
    }
    sample = {
        "type": f"urn:linkpool:problem:{codes[0]}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": codes[0],
        "detail": ERROR_CODES[codes[0]].meaning,
        "request_id": "01JD3Z3M8T0V5Q4X2Y9W7R6K1B",
    }
    more = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}.get(status, ())
    return {
        "description": "\n".join(f"- `{code}`: {ERROR_CODES[code].meaning}" for code in codes),
        "headers": _headers(("Cache-Control", *more)),
        "content": {
            PROBLEM: {"schema": schema, "example": sample},
            **({"text/html": {"schema": {"type": "string"}}} if html else {}),
        },
    }


def _share_refusals(paths: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Move refusals into components, where equal ones are one: inline they make the document three times as
    large. They are named after their code, or after the first call that has them."""
    names: dict[str, str] = {}
    shared: dict[str, Any] = {}
    for methods in paths.values():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                codes = re.findall(r"- `(\w+)`:", response["description"])
                if codes:
                    name = f"{status}_{codes[0] if len(codes) == 1 else operation['operationId']}"
                    if name in shared and shared[name] != response:
                        name = f"{status}_{operation['operationId']}"
                    name = names.setdefault(json.dumps(response), name)
                    shared[name] = response
                    operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return dict(sorted(shared.items()))


def _webhooks() -> dict[str, Any]:
    return {
        type_.value: {
            "post": {
                "operationId": f"webhook_{type_.value}",
                "summary": type_.value,
                "description": sample.when,
                "parameters": [
                    _parameter(
                        Parameter(name=name, what=what, schema={"type": "string"}, required=True), "header"
                    )
                    for name, what in _SIGNED.items()
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        JSON: {
                            "schema": {"$ref": f"#/components/schemas/{type_.value}"},
                            "example": example(type_),
                        }
                    },
                },
                "responses": {
                    "2XX": {"description": "Taken. Anything else is sent again."},
                    "410": {"description": "Never again: the endpoint is switched off."},
                },
            }
        }
        for type_, sample in SAMPLES.items()
    }


_SIGNED: Mapping[str, str] = {
    "webhook-id": "The same for every attempt: ignore what you have seen.",
    "webhook-timestamp": "When this attempt was made, in seconds.",
    "webhook-signature": "As Standard Webhooks defines it, one for each secret.",
}


def render(document: Mapping[str, Any]) -> str:
    """As it lies in docs/."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def current(*, strict: bool = False) -> dict[str, Any]:
    """The document of this code, from an app that nobody calls."""
    from functions.app import make_app, make_services  # it imports the routes of /docs, which import this
    from functions.config import FunctionsConfig
    from storage.clock import SystemClock

    with TemporaryDirectory() as directory:
        environ = {name: secrets.token_hex(32) for name in ("POOL_SECRET", "SECRET_KEY")}
        config = FunctionsConfig.from_env(environ | {"DATABASE_URL": f"sqlite:///{directory}/registry.db"})
        services = make_services(config, SystemClock())
        try:
            return build(make_app(services), strict=strict)
        finally:
            services.close()


def main() -> int:
    """Write docs/openapi.json anew; 1 when that would break a caller and the first number is the old one."""
    new = current()
    if DOCUMENT.exists():
        old = json.loads(DOCUMENT.read_text(encoding="utf-8"))
        breaks = breaking_changes(old, new)
        if breaks and major(old) == major(new):
            print("This breaks callers; nothing was written:", *breaks, sep="\n  - ", file=sys.stderr)
            print("Keep what was promised, or raise the first number of API_VERSION.", file=sys.stderr)
            return 1
    DOCUMENT.write_text(render(new), encoding="utf-8")
    return 0


def major(document: Mapping[str, Any]) -> str:
    """The first number of the contract's version."""
    version: str = document["info"]["version"]
    return version.partition(".")[0]


if __name__ == "__main__":
    sys.exit(main())
