"""The OpenAPI document as /docs shows it: headings, tables and curl lines, made from the document alone.

Rule: what is not in the document is not on the page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from functions.docs_curl import curl
from functions.docs_page import Call, Docs, Field, Group, Kind, Refused, Shown
from functions.docs_words import Schema, kind_of, words_of


def docs_of(document: Mapping[str, Any]) -> Docs:
    """Make the page's content."""
    info, server = document["info"], document["servers"][0]["url"].rstrip("/")
    calls: dict[str, list[Call]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            calls[operation["tags"][0]].append(_call(document, method.upper(), path, operation, server))
    groups = [
        Group(
            anchor=_anchor(tag["name"]),
            name=tag["name"],
            text=words_of(tag["description"]),
            calls=tuple(calls[tag["name"]]),
        )
        for tag in document["tags"]
    ]
    webhooks = Group(
        anchor="webhooks",
        name="Webhooks",
        text=words_of("What your endpoint is sent, signed as Standard Webhooks defines it."),
        calls=tuple(_webhook(name, item["post"]) for name, item in document["webhooks"].items()),
    )
    at = next((index + 1 for index, group in enumerate(groups) if group.name == "Events"), len(groups))
    refusals = {
        (refused.status, refused.code): refused
        for group in groups
        for call in group.calls
        for refused in call.refusals
    }
    return Docs(
        title=info["title"],
        version=info["version"],
        about=tuple(words_of(part.replace("\n", " ")) for part in info["description"].split("\n\n")),
        groups=(*groups[:at], webhooks, *groups[at:]),
        codes=tuple(refusals[key] for key in sorted(refusals)),
        kinds=tuple(_kind(name, schema) for name, schema in document["components"]["schemas"].items()),
    )


def _read(document: Mapping[str, Any], part: Schema) -> Schema:
    """What a reference names."""
    if "$ref" not in part:
        return part
    _, kind, name = part["$ref"].removeprefix("#/").split("/")
    named: Schema = document["components"][kind][name]
    return named


def _call(document: Mapping[str, Any], method: str, path: str, operation: Schema, server: str) -> Call:
    responses = {status: _read(document, reply) for status, reply in operation["responses"].items()}
    return Call(
        anchor=operation["operationId"],
        method=method,
        path=path,
        summary=operation["summary"],
        text=words_of(operation.get("description", "")),
        credentials=_credentials(operation["security"]),
        parameters=tuple(_parameter(one) for one in operation.get("parameters", [])),
        body=_body(operation),
        curl=curl(method, path, operation, server),
        replies=tuple(_reply(status, reply) for status, reply in responses.items() if status < "400"),
        refusals=tuple(_refusals(responses)),
    )


def _webhook(name: str, operation: Schema) -> Call:
    return Call(
        anchor=operation["operationId"],
        method="POST",
        path="your endpoint",
        summary=name,
        text=words_of(operation["description"]),
        credentials="webhook-signature",
        parameters=(),
        body=_body(operation),
        curl="",
        replies=(),
        refusals=(),
    )


def _credentials(security: list[Any]) -> str:
    names = {name for way in security for name in way}
    if "apiKey" in names:
        return "API key"
    return "signature of a node" if names else "none"


def _parameter(parameter: Schema) -> Field:
    return Field(
        name=parameter["name"],
        kind=Markup("{} {}").format(parameter["in"], kind_of(parameter["schema"])),
        needed=bool(parameter.get("required")),
        text=words_of(parameter.get("description", "")),
    )


def _body(operation: Schema) -> Shown | None:
    if "requestBody" not in operation:
        return None
    content = operation["requestBody"]["content"]
    described = content.get("application/json") or next(iter(content.values()))
    return Shown(
        title=", ".join(content) + ("" if operation["requestBody"]["required"] else ", or nothing"),
        text=Markup(""),
        kind=kind_of(described["schema"]),
        example=_json(described.get("example")),
    )


def _reply(status: str, reply: Schema) -> Shown:
    content = reply.get("content", {})
    described = content.get("application/json", {})
    return Shown(
        title=f"{status} {', '.join(content)}".strip(),
        text=words_of(reply["description"]),
        kind=kind_of(described["schema"]) if "schema" in described else Markup(""),
        example=_json(described.get("example")),
    )


def _refusals(responses: Schema) -> Iterator[Refused]:
    for status, reply in responses.items():
        for code, meaning in re.findall(r"- `(\w+)`: (.+)", reply["description"]):
            yield Refused(status=status, code=code, meaning=words_of(meaning))


def _kind(name: str, schema: Schema) -> Kind:
    needed = set(schema.get("required", []))
    return Kind(
        anchor=f"schema-{name}",
        name=name,
        text=words_of(schema.get("description", "")),
        words=tuple(str(word) for word in schema.get("enum", [])),
        fields=tuple(
            Field(
                name=field,
                kind=kind_of(described),
                needed=field in needed,
                text=words_of(described.get("description", "")),
            )
            for field, described in schema.get("properties", {}).items()
        ),
    )


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z]+", "-", name.lower()).strip("-")
