"""What the comparer of two versions of the contract calls a break, shown on the published document."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.contract_breaks import breaking_changes
from functions.openapi import DOCUMENT

Document = dict[str, Any]
Change = Callable[[Document], object]

PUBLISHED: Document = json.loads(DOCUMENT.read_text(encoding="utf-8"))


def schema(name: str) -> Callable[[Document], dict[str, Any]]:
    return lambda document: document["components"]["schemas"][name]


def call(document: Document, method: str = "post", path: str = "/api/sessions") -> dict[str, Any]:
    operation: dict[str, Any] = document["paths"][path][method]
    return operation


def fields(document: Document, name: str) -> dict[str, Any]:
    properties: dict[str, Any] = schema(name)(document)["properties"]
    return properties


def parameter(document: Document, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in call(document, "get")["parameters"] if one["name"] == name)
    return found


def without_code(document: Document) -> None:
    for response in document["components"]["responses"].values():
        for part in response["content"]["application/problem+json"]["schema"]["allOf"]:
            words = part.get("properties", {}).get("code", {}).get("enum", [])
            if "session_ended" in words:
                words.remove("session_ended")


BREAKS: dict[str, tuple[Change, str]] = {
    "path removed": (lambda d: d["paths"].pop("/api/events"), "/api/events: removed"),
    "method removed": (
        lambda d: d["paths"]["/api/sessions"].pop("post"),
        "POST /api/sessions: removed",
    ),
    "webhook removed": (lambda d: d["webhooks"].pop("session_ready"), "webhook session_ready: removed"),
    "webhook field removed": (
        lambda d: fields(d, "AccountKnown").pop("phone_number"),
        "webhook session_ready.data.phone_number: removed",
    ),
    "answer field removed": (
        lambda d: fields(d, "Session").pop("link_url"),
        "POST /api/sessions 201.link_url: removed",
    ),
    "answer field inside a list removed": (
        lambda d: fields(d, "Chat").pop("name"),
        "GET /api/sessions/{session_id}/chats 200.chats[].name: removed",
    ),
    "answer field may be missing": (
        lambda d: schema("Session")(d)["required"].remove("status"),
        "POST /api/sessions 201.status: may be missing now",
    ),
    "answer field may be null": (
        lambda d: fields(d, "Session").update(is_primary={"anyOf": [{"type": "boolean"}, {"type": "null"}]}),
        "POST /api/sessions 201.is_primary: is told as null",
    ),
    "answer field of another kind": (
        lambda d: fields(d, "Session")["version"].update(type="string"),
        "POST /api/sessions 201.version: is told as string",
    ),
    "answer field of any kind": (
        lambda d: fields(d, "Session")["version"].pop("type"),
        "POST /api/sessions 201.version: may be anything now",
    ),
    "answer word removed": (
        lambda d: schema("SessionStatus")(d)["enum"].remove("expired"),
        "POST /api/sessions 201.status: expired removed",
    ),
    "answer words opened": (
        lambda d: schema("SessionStatus")(d).pop("enum"),
        "POST /api/sessions 201.status: may be any word now",
    ),
    "status removed": (lambda d: call(d)["responses"].pop("202"), "POST /api/sessions 202: removed"),
    "header removed": (
        lambda d: call(d)["responses"]["201"]["headers"].pop("Location"),
        "POST /api/sessions 201: header Location removed",
    ),
    "media type removed": (
        lambda d: call(d, "get", "/api/events")["responses"]["200"]["content"].pop("text/event-stream"),
        "GET /api/events 200: text/event-stream removed",
    ),
    "error code removed": (
        without_code,
        "POST /api/sessions/{session_id}/restart 409.code: session_ended removed",
    ),
    "error status removed": (
        lambda d: call(d)["responses"].pop("422"),
        "POST /api/sessions 422: removed",
    ),
    "body field required": (
        lambda d: schema("NewSession")(d).update(required=["reference"]),
        "POST /api/sessions body.reference: required now",
    ),
    "new body field required": (
        lambda d: (
            fields(d, "NewSession").update(colour={"type": "string"}),
            schema("NewSession")(d).update(required=["colour"]),
        ),
        "POST /api/sessions body.colour: required now",
    ),
    "body field removed": (
        lambda d: fields(d, "NewSession").pop("metadata"),
        "POST /api/sessions body.metadata: removed",
    ),
    "body field takes fewer kinds": (
        lambda d: fields(d, "NewSession").update(
            reference={"type": "string", "minLength": 1, "maxLength": 200}
        ),
        "POST /api/sessions body.reference: is not taken any more as null",
    ),
    "body field shorter": (
        lambda d: fields(d, "NewSession")["reference"]["anyOf"][0].update(maxLength=100),
        "POST /api/sessions body.reference: maxLength is 100 now",
    ),
    "body field with another pattern": (
        lambda d: fields(d, "NewSession")["region"]["anyOf"][0].update(pattern="^eu$"),
        "POST /api/sessions body.region: pattern is ^eu$ now",
    ),
    "body words fewer": (
        lambda d: fields(d, "NewWebhook")["events"]["items"]["enum"].remove("session_ready"),
        "POST /api/webhooks body.events[]: session_ready removed",
    ),
    "body words closed": (
        lambda d: fields(d, "NewWebhook")["url"].update(enum=["https://example.com/"]),
        "POST /api/webhooks body.url: takes only https://example.com/ now",
    ),
    "body number smaller": (
        lambda d: fields(d, "SecretRotation")["overlap_seconds"].update(maximum=60),
        "POST /api/webhooks/secret/rotate body.overlap_seconds: maximum is 60 now",
    ),
    "body closed": (
        lambda d: schema("Heartbeat")(d).update(additionalProperties=False),
        "POST /api/nodes/{node_id}/heartbeat body: refuses fields that it does not know now",
    ),
    "body required": (
        lambda d: call(d)["requestBody"].update(required=True),
        "POST /api/sessions: a body is required now",
    ),
    "body removed": (
        lambda d: call(d).pop("requestBody"),
        "POST /api/sessions: the body is not taken any more",
    ),
    "parameter removed": (
        lambda d: call(d, "get")["parameters"].remove(parameter(d, "reference")),
        "GET /api/sessions: parameter reference removed",
    ),
    "parameter required": (
        lambda d: parameter(d, "reference").update(required=True),
        "GET /api/sessions: parameter reference is required now",
    ),
    "new parameter required": (
        lambda d: call(d, "get")["parameters"].append(
            {"in": "query", "name": "colour", "required": True, "schema": {"type": "string"}}
        ),
        "GET /api/sessions: parameter colour is required now",
    ),
    "parameter narrower": (
        lambda d: parameter(d, "limit")["schema"].update(maximum=100),
        "GET /api/sessions: parameter limit: maximum is 100 now",
    ),
    "parameter word removed": (
        lambda d: parameter(d, "status")["schema"]["items"]["enum"].remove("expired"),
        "GET /api/sessions: parameter status[]: expired removed",
    ),
    "credentials": (
        lambda d: d["paths"]["/livez"]["get"].update(security=[{"apiKey": []}]),
        "GET /livez: asks for other credentials",
    ),
}

GROWTH: dict[str, Change] = {
    "path": lambda d: d["paths"].update({"/api/new": d["paths"]["/api/sessions"]}),
    "method": lambda d: d["paths"]["/api/events"].update(post=call(d)),
    "webhook": lambda d: d["webhooks"].update(new=d["webhooks"]["session_ready"]),
    "answer field": lambda d: (
        fields(d, "Session").update(colour={"type": "string"}),
        schema("Session")(d)["required"].append("colour"),
    ),
    "answer field is never null now": lambda d: fields(d, "Session").update(reference={"type": "string"}),
    "answer word": lambda d: schema("SessionStatus")(d)["enum"].append("paused"),
    "status": lambda d: call(d)["responses"].update({"418": {"description": "A teapot."}}),
    "optional body field": lambda d: fields(d, "NewSession").update(colour={"type": "string"}),
    "longer body field": lambda d: fields(d, "NewSession")["reference"]["anyOf"][0].update(maxLength=400),
    "body word": lambda d: fields(d, "NewWebhook")["events"]["items"]["enum"].append("session_paused"),
    "optional parameter": lambda d: call(d, "get")["parameters"].append(
        {"in": "query", "name": "colour", "schema": {"type": "string"}}
    ),
    "error code": lambda d: schema("Problem")(d)["properties"]["code"]["enum"].append("new_code"),
    "no credentials": lambda d: call(d).update(security=[]),
    "another way in": lambda d: call(d)["security"].append({"nodeSignature": []}),
    "words": lambda d: call(d).update(summary="Another summary", description="Another text"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_found_and_named(name: str) -> None:
    change, expected = BREAKS[name]
    changed = copy.deepcopy(PUBLISHED)
    change(changed)
    assert expected in breaking_changes(PUBLISHED, changed)


@pytest.mark.parametrize("name", GROWTH)
def test_growth_breaks_nobody(name: str) -> None:
    changed = copy.deepcopy(PUBLISHED)
    GROWTH[name](changed)
    assert breaking_changes(PUBLISHED, changed) == []


def test_taking_growth_back_is_a_break() -> None:
    grown = copy.deepcopy(PUBLISHED)
    GROWTH["answer field"](grown)
    assert "POST /api/sessions 201.colour: removed" in breaking_changes(grown, PUBLISHED)
