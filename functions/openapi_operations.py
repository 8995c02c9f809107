"""One operation as OpenAPI says it: who may call it, with what, and what comes back.

Rule: security comes from its guard, and the codes that follow from what it is are added, never listed.
"""

from __future__ import annotations

from typing import Any

from werkzeug.routing import Rule

from functions.auth import GUARDS, Guard
from functions.contract import ANY_BODY, ANY_CALL, JSON_BODY, PATH_PARAMETERS, Operation, Parameter
from functions.openapi_answers import responses_of
from functions.openapi_schemas import reference_to


def operation_of(endpoint: str, operation: Operation, rule: Rule, heading: str) -> dict[str, Any]:
    """The operation at one address, below one heading."""
    guard = GUARDS.get(endpoint)
    parameters = [_path_parameter(name) for name in sorted(rule.arguments)]
    parameters += [parameter_of(parameter, "query") for parameter in operation.query]
    parameters += [parameter_of(parameter, "header") for parameter in operation.headers]
    return {
        "operationId": endpoint.replace(".", "_"),
        "tags": [heading],
        "summary": operation.summary,
        **({"description": operation.text} if operation.text else {}),
        "security": _security(guard),
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": _body(operation)} if operation.body is not None else {}),
        "responses": responses_of(operation, error_codes_of(operation, guard, bool(rule.arguments))),
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


def parameter_of(parameter: Parameter, place: str) -> dict[str, Any]:
    """One in the `query`, or in a `header`."""
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


def _body(operation: Operation) -> dict[str, Any]:
    assert operation.body is not None
    given = {} if operation.body_example is None else operation.body_example
    media = {"schema": reference_to(operation.body), "example": given}
    return {"required": operation.body_required, "content": dict.fromkeys(operation.body_media, media)}
