"""The OpenAPI document: complete, valid, fresh, with examples that are true, and without a break."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from functions import openapi
from functions.contract import PROBLEM, Operation, Reply
from functions.contract_breaks import breaking_changes
from functions.error_codes import ERROR_CODES, NODE_CODES
from functions.event_answers import DATA
from functions.webhook_examples import example
from storage.events import INTERNAL, EventType
from tests.contract_client import Contract, ContractBroken
from tests.fakes.functions import LocalFunctions

ROOT = Path(__file__).parent.parent.parent
OF_NO_CALL = {"method_not_allowed", "forbidden"}
"""Of addresses that do not take a method, and of routes without a guard."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    local = LocalFunctions(tmp_path_factory.mktemp("contract"))
    yield local.app
    local.close()


@pytest.fixture(scope="module")
def strict(app: Flask) -> dict[str, Any]:
    return openapi.build(app, strict=True)


@pytest.fixture(scope="module")
def document(app: Flask) -> dict[str, Any]:
    return openapi.build(app)


def published() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(openapi.DOCUMENT.read_text(encoding="utf-8"))
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def read(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    _, kind, name = part["$ref"].removeprefix("#/").split("/")
    named: dict[str, Any] = document["components"][kind][name]
    return named


def wrong(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    whole = {**schema, "components": document["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]


def test_nothing_that_was_published_is_broken(document: dict[str, Any]) -> None:
    breaks = breaking_changes(published(), document)
    same_major = openapi.major(published()) == openapi.major(document)
    assert not (breaks and same_major), breaks


def test_the_published_document_is_that_of_the_code(document: dict[str, Any]) -> None:
    text = openapi.DOCUMENT.read_text(encoding="utf-8")
    assert text == openapi.render(document), "write it anew: python -m functions.openapi"


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()  # type: ignore[arg-type]


def test_a_route_that_was_forgotten_is_named(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = ({"sessions.invented": next(iter(openapi.TABLES[0].values()))}, *openapi.TABLES[1:])
    monkeypatch.setattr(openapi, "TABLES", tables)
    with pytest.raises(ValueError, match=r"sessions\.create.*sessions\.invented"):
        openapi.build(app)


def test_what_is_not_documented_exists_and_has_its_reason(app: Flask) -> None:
    assert set(openapi.UNDOCUMENTED) <= {rule.endpoint for rule in app.url_map.iter_rules()}
    assert all(openapi.UNDOCUMENTED.values())


def test_every_body_and_answer_has_an_example(document: dict[str, Any]) -> None:
    missing = [
        f"{name} {where}"
        for name, operation in operations(document)
        for where, content in contents(document, operation)
        for media, described in content.items()
        if media.endswith("json") and described.get("example") is None
    ]
    assert missing == []


def contents(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "requestBody" in operation:
        yield "body", operation["requestBody"]["content"]
    for status, response in operation["responses"].items():
        yield status, read(document, response).get("content", {})


def test_every_example_is_as_its_schema_says(strict: dict[str, Any]) -> None:
    found = [
        f"{name} {where}: {fault}"
        for name, operation in operations(strict)
        for where, content in contents(strict, operation)
        for described in content.values()
        if "example" in described
        for fault in wrong(strict, described["schema"], described["example"])
    ]
    assert found == []


def test_every_parameter_has_an_example_that_fits_or_cannot_have_one(strict: dict[str, Any]) -> None:
    found = [
        f"{name} {parameter['name']}"
        for name, operation in operations(strict)
        for parameter in operation.get("parameters", [])
        if parameter["name"] != "cursor"
        and ("example" not in parameter or wrong(strict, parameter["schema"], parameter["example"]))
    ]
    assert found == []


def test_every_public_event_is_a_webhook_and_its_example_fits(strict: dict[str, Any]) -> None:
    assert set(strict["webhooks"]) == {type_.value for type_ in DATA} == set(EventType) - INTERNAL
    contract = Contract(strict)
    for type_ in DATA:
        contract.check_webhook(example(type_))


def test_every_code_that_is_sent_is_explained() -> None:
    assert {
        f"{code} with {status} in {path.name}"
        for path in sorted([*(ROOT / "functions").glob("*.py"), *(ROOT / "storage").glob("*.py")])
        for status, code in sent_codes(ast.parse(path.read_text(encoding="utf-8")))
        if code not in ERROR_CODES or (status is not None and status not in ERROR_CODES[code].statuses)
    } == set()


def sent_codes(tree: ast.AST) -> Iterator[tuple[int | None, str]]:
    """`Problem(404, "code", …)`, `_Refusal(404, "code", …)` and `Conflict(…, code="code")`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in {"Problem", "_Refusal"}:
            values = [part.value for part in node.args[:2] if isinstance(part, ast.Constant)]
            if len(values) == 2:
                yield int(str(values[0])), str(values[1])
        if node.func.id == "Conflict":
            for keyword in node.keywords:
                if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                    yield None, str(keyword.value.value)


def test_every_code_that_is_explained_can_be_met(document: dict[str, Any]) -> None:
    met = {
        code
        for _, operation in operations(document)
        for response in operation["responses"].values()
        for part in read(document, response)
        .get("content", {})
        .get(PROBLEM, {})
        .get("schema", {})
        .get("allOf", [])
        for code in part.get("properties", {}).get("code", {}).get("enum", [])
    }
    assert met == set(ERROR_CODES) - OF_NO_CALL
    assert set(NODE_CODES) <= met


def test_objects_that_we_send_may_grow_and_bodies_that_we_take_are_closed(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert "additionalProperties" not in schemas["Session"]
    assert schemas["NewSession"]["additionalProperties"] is False


def test_an_answer_with_a_field_too_many_is_noticed(strict: dict[str, Any]) -> None:
    webhook = example(EventType.SESSION_READY)
    with pytest.raises(ContractBroken, match="surprise"):
        Contract(strict).check_webhook({**webhook, "data": {**webhook["data"], "surprise": 1}})


def test_an_answer_that_is_not_as_the_document_says_is_noticed(tmp_path: Path) -> None:
    local = LocalFunctions(tmp_path)
    try:
        response = local.client.get("/livez")
        document = openapi.build(local.app, strict=True)
        document["paths"]["/livez"]["get"]["responses"]["200"]["content"] = {"text/plain": {}}
        with pytest.raises(ContractBroken, match="application/json is not among text/plain"):
            Contract(document).check(local.app, response)
        del document["paths"]["/livez"]["get"]["responses"]["200"]
        with pytest.raises(ContractBroken, match="the status is not documented"):
            Contract(document).check(local.app, response)
    finally:
        local.close()


def test_two_tables_cannot_promise_the_same_route(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = Operation(summary="Again", replies=(Reply(status=204, what="Done."),))
    monkeypatch.setattr(openapi, "TABLES", (*openapi.TABLES, {"sessions.create": twice}))
    with pytest.raises(ValueError, match=r"sessions\.create stands in two tables"):
        openapi.operations()
