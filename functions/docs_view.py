"""The OpenAPI document as /docs shows it: headings, tables and curl lines, made from the document alone.

Rule: what is not in the document is not on the page.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

Schema = Mapping[str, Any]

_KEY = "$LINKPOOL_API_KEY"
_FILES = {"image/png": "qr.png", "image/svg+xml": "qr.svg"}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One line of a table."""

    name: str
    kind: Markup
    needed: bool
    text: Markup


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One answer, or one body."""

    title: str
    text: Markup
    kind: Markup
    example: str


@dataclass(frozen=True, kw_only=True)
class Refused:
    """One code that a call can answer with."""

    status: str
    code: str
    meaning: Markup


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call, or one webhook."""

    anchor: str
    method: str
    path: str
    summary: str
    text: Markup
    credentials: str
    parameters: tuple[Field, ...]
    body: Shown | None
    curl: str
    replies: tuple[Shown, ...]
    refusals: tuple[Refused, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Calls under one heading."""

    anchor: str
    name: str
    text: Markup
    calls: tuple[Call, ...]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One object or enumeration."""

    anchor: str
    name: str
    text: Markup
    words: tuple[str, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, kw_only=True)
class Docs:
    """Everything on the page."""

    title: str
    version: str
    about: tuple[Markup, ...]
    groups: tuple[Group, ...]
    codes: tuple[Refused, ...]
    kinds: tuple[Kind, ...]


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
            text=_words(tag["description"]),
            calls=tuple(calls[tag["name"]]),
        )
        for tag in document["tags"]
    ]
    webhooks = Group(
        anchor="webhooks",
        name="Webhooks",
        text=_words("What your endpoint is sent, signed as Standard Webhooks defines it."),
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
        about=tuple(_words(part.replace("\n", " ")) for part in info["description"].split("\n\n")),
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
        text=_words(operation.get("description", "")),
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
        text=_words(operation["description"]),
        credentials="webhook-signature",
        parameters=(),
        body=_body(operation),
        curl="",
        replies=(),
        refusals=(),
    )


def curl(method: str, path: str, operation: Schema, server: str) -> str:
    """A line that can be pasted into a shell, with every example in it."""
    query, head = [], [] if method == "GET" else [f"-X {method}"]
    if operation["security"] == [{"apiKey": []}]:
        head.append(f'-H "Authorization: Bearer {_KEY}"')
    for parameter in operation.get("parameters", []):
        given = parameter.get("example")
        match parameter["in"]:
            case "path":
                path = path.replace(f"{{{parameter['name']}}}", quote(str(given), safe=""))
            case "query" if given is not None and parameter["name"] in {"limit", "status"}:
                value = ",".join(given) if isinstance(given, list) else str(given)
                query.append(f"{parameter['name']}={quote(value, safe=',')}")
            case "header" if given is not None and method != "GET":
                head.append("-H " + shlex.quote(f"{parameter['name']}: {given}"))
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        given = content["application/json"]["example"]
        if given or operation["requestBody"]["required"]:
            head.append("-H 'Content-Type: application/json'")
            head.append(f"-d {shlex.quote(json.dumps(given, ensure_ascii=False))}")
    kept = [
        _FILES[media] for media in operation["responses"].get("200", {}).get("content", {}) if media in _FILES
    ]
    head += [f"-o {name}" for name in kept]
    url = shlex.quote(f"{server}{path}{'?' if query else ''}{'&'.join(query)}")
    return " \\\n  ".join([f"curl {url}", *head])


def _credentials(security: list[Any]) -> str:
    names = {name for way in security for name in way}
    if "apiKey" in names:
        return "API key"
    return "signature of a node" if names else "none"


def _parameter(parameter: Schema) -> Field:
    return Field(
        name=parameter["name"],
        kind=Markup("{} {}").format(parameter["in"], _type(parameter["schema"])),
        needed=bool(parameter.get("required")),
        text=_words(parameter.get("description", "")),
    )


def _body(operation: Schema) -> Shown | None:
    if "requestBody" not in operation:
        return None
    content = operation["requestBody"]["content"]
    described = content.get("application/json") or next(iter(content.values()))
    return Shown(
        title=", ".join(content) + ("" if operation["requestBody"]["required"] else ", or nothing"),
        text=Markup(""),
        kind=_type(described["schema"]),
        example=_json(described.get("example")),
    )


def _reply(status: str, reply: Schema) -> Shown:
    content = reply.get("content", {})
    described = content.get("application/json", {})
    return Shown(
        title=f"{status} {', '.join(content)}".strip(),
        text=_words(reply["description"]),
        kind=_type(described["schema"]) if "schema" in described else Markup(""),
        example=_json(described.get("example")),
    )


def _refusals(responses: Schema) -> Iterator[Refused]:
    for status, reply in responses.items():
        for code, meaning in re.findall(r"- `(\w+)`: (.+)", reply["description"]):
            yield Refused(status=status, code=code, meaning=_words(meaning))


def _kind(name: str, schema: Schema) -> Kind:
    needed = set(schema.get("required", []))
    return Kind(
        anchor=f"schema-{name}",
        name=name,
        text=_words(schema.get("description", "")),
        words=tuple(str(word) for word in schema.get("enum", [])),
        fields=tuple(
            Field(
                name=field,
                kind=_type(described),
                needed=field in needed,
                text=_words(described.get("description", "")),
            )
            for field, described in schema.get("properties", {}).items()
        ),
    )


def _type(schema: Schema) -> Markup:
    """A schema in a few words, with links to the objects it names."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    for word in ("anyOf", "oneOf"):
        if word in schema and "properties" not in schema:
            return Markup(" or ").join(_type(part) for part in schema[word])
    if "const" in schema:
        return Markup("<code>{}</code>").format(schema["const"])
    if "enum" in schema:
        return Markup(", ").join(Markup("<code>{}</code>").format(one) for one in schema["enum"])
    kinds = schema.get("type", "any value")
    text = escape(kinds if isinstance(kinds, str) else " or ".join(kinds))
    if schema.get("type") == "array" and "items" in schema:
        return Markup("list of {}").format(_type(schema["items"]))
    return text + _limits(schema)


def _limits(schema: Schema) -> Markup:
    said = [str(schema["format"])] if "format" in schema else []
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        said.append(f"{low} to {high}")
    elif low is not None and low != 0:
        said.append(f"from {low}")
    if "maxLength" in schema:
        said.append(f"at most {schema['maxLength']} characters")
    if schema.get("default") not in (None, {}, []):
        said.append(f"default {json.dumps(schema['default'])}")
    return Markup(", {}").format(", ".join(said)) if said else Markup("")


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)


def _words(text: str) -> Markup:
    """Our own few signs of emphasis, and nothing else that HTML would read."""
    safe = str(escape(text))
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    safe = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", safe)
    return Markup(safe)  # noqa: S704 - escaped above


def _anchor(name: str) -> str:
    return re.sub(r"[^a-z]+", "-", name.lower()).strip("-")
