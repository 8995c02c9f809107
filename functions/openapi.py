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
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from functions import (
    delivery_contract,
    event_contract,
    node_contract,
    page_contract,
    service_contract,
    session_contract,
    timeline_contract,
    webhook_contract,
    workspace_contract,
)
from functions.contract import HEADERS, JSON, Operation, Operations, Parameter
from functions.contract_breaks import breaking_changes
from functions.openapi_answers import header_of, share_refusals
from functions.openapi_operations import operation_of, parameter_of
from functions.openapi_schemas import components_of
from functions.webhook_examples import SAMPLES, example
from storage.node_signing import NODE_HEADER, NONCE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER

API_VERSION = "1.0.0"
"""Of the contract. What breaks a caller needs a new first number, and a new address beside the old one."""

DOCUMENT = Path(__file__).parent.parent / "docs" / "openapi.json"

TABLES: tuple[Operations, ...] = (
    session_contract.OPERATIONS,
    timeline_contract.OPERATIONS,
    webhook_contract.OPERATIONS,
    delivery_contract.OPERATIONS,
    event_contract.OPERATIONS,
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
    "ops.diagnosis": _FOR_THE_OPERATOR,
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
            at[method.lower()] = operation_of(endpoint, operation, rules[endpoint], _heading(endpoint)[0])
    refusals = share_refusals(paths)
    headings = dict.fromkeys(_heading(endpoint) for endpoint in promised)
    return {
        "openapi": "3.1.0",
        "info": {"title": "linkpool", "version": API_VERSION, "description": _ABOUT},
        "servers": [{"url": server_url}],
        "tags": [{"name": name, "description": what} for name, what in headings],
        "paths": paths,
        "webhooks": _webhooks(),
        "components": {
            "schemas": components_of(promised.values(), strict=strict),
            "responses": refusals,
            "headers": {name: header_of(name) for name in HEADERS},
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


def _heading(endpoint: str) -> tuple[str, str]:
    blueprint = endpoint.partition(".")[0]
    if blueprint not in TAGS:
        raise ValueError(f"give the calls of {blueprint!r} a heading in functions.openapi.TAGS")
    return TAGS[blueprint]


def path_of(rule: Rule) -> str:
    """As OpenAPI writes it."""
    return re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule)


def _webhooks() -> dict[str, Any]:
    return {
        type_.value: {
            "post": {
                "operationId": f"webhook_{type_.value}",
                "summary": type_.value,
                "description": sample.when,
                "parameters": [
                    parameter_of(
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
