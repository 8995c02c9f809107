"""What an operation answers, as OpenAPI says it: its replies, and every refusal with its codes.

Rule: a refusal is described by its codes alone, so that equal ones can be one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from itertools import groupby
from typing import Any

from functions.contract import HEADERS, JSON, OPTIONAL_HEADERS, PROBLEM, Operation, Reply, Schema
from functions.error_codes import ERROR_CODES
from functions.openapi_schemas import reference_to


def responses_of(operation: Operation, codes: list[str]) -> dict[str, Any]:
    """Status to answer; `codes` are those of its refusals."""
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


def share_refusals(paths: dict[str, dict[str, Any]]) -> dict[str, Any]:
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


def header_of(name: str) -> dict[str, Any]:
    """A header of answers, for components."""
    what, schema = HEADERS[name]
    return {"description": what, "schema": schema, **({} if name in OPTIONAL_HEADERS else {"required": True})}


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}
