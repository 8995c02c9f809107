"""What would break a caller between two versions of the OpenAPI document.

Rule: taking more and telling more is fine; taking less, telling less, or telling something of another kind is
not. What we send is judged in the other direction than what we take.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]
Schema = Mapping[str, Any]

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_DEEPEST = 12
"""No schema of ours is nested deeper; one that names itself ends here."""


def breaking_changes(old: Document, new: Document) -> list[str]:
    """One line for each, with the place; empty when every caller of the old one can go on."""
    return sorted(set(_Comparison(old, new).run()))


class _Comparison:
    """Two documents, each with its own components."""

    def __init__(self, old: Document, new: Document) -> None:
        self._old = old
        self._new = new

    def run(self) -> Iterator[str]:
        for path, methods in self._old.get("paths", {}).items():
            if path not in self._new.get("paths", {}):
                yield f"{path}: removed"
                continue
            for method in _METHODS:
                if method in methods:
                    at = f"{method.upper()} {path}"
                    after = self._new["paths"][path].get(method)
                    yield from [f"{at}: removed"] if after is None else self._call(at, methods[method], after)
        for name, item in self._old.get("webhooks", {}).items():
            at, after = f"webhook {name}", self._new.get("webhooks", {}).get(name)
            if after is None:
                yield f"{at}: removed"
            else:
                pair = item["post"]["requestBody"], after["post"]["requestBody"]
                yield from self._content(at, *pair, sent=True)

    def _call(self, at: str, old: Schema, new: Schema) -> Iterator[str]:
        if not _allows(old.get("security", []), new.get("security", [])):
            yield f"{at}: asks for other credentials"
        yield from self._parameters(at, old.get("parameters", []), new.get("parameters", []))
        yield from self._body(at, old.get("requestBody"), new.get("requestBody"))
        for status, reply in old["responses"].items():
            here = f"{at} {status}"
            after = new["responses"].get(status)
            if after is None:
                yield f"{here}: removed"
                continue
            reply, after = self._read(self._old, reply), self._read(self._new, after)
            for name in reply.get("headers", {}):
                if name not in after.get("headers", {}):
                    yield f"{here}: header {name} removed"
            yield from self._content(here, reply, after, sent=True)

    def _parameters(self, at: str, old: Any, new: Any) -> Iterator[str]:
        before = {(one["in"], one["name"]): one for one in old}
        after = {(one["in"], one["name"]): one for one in new}
        for key in before.keys() - after.keys():
            yield f"{at}: parameter {key[1]} removed"
        for key, parameter in after.items():
            known = before.get(key)
            if parameter.get("required") and not (known and known.get("required")):
                yield f"{at}: parameter {key[1]} is required now"
            if known is not None:
                here = f"{at}: parameter {key[1]}"
                yield from self._schema(here, known["schema"], parameter["schema"], sent=False)

    def _body(self, at: str, old: Schema | None, new: Schema | None) -> Iterator[str]:
        if old is None:
            if new is not None and new.get("required"):
                yield f"{at}: a body is required now"
        elif new is None:
            yield f"{at}: the body is not taken any more"
        else:
            if new.get("required") and not old.get("required"):
                yield f"{at}: a body is required now"
            yield from self._content(f"{at} body", old, new, sent=False)

    def _content(self, at: str, old: Schema, new: Schema, *, sent: bool) -> Iterator[str]:
        for media, described in old.get("content", {}).items():
            after = new.get("content", {}).get(media)
            if after is None:
                yield f"{at}: {media} removed"
            elif "schema" in described:
                yield from self._schema(at, described["schema"], after.get("schema", {}), sent=sent)

    def _schema(self, at: str, old: Schema, new: Schema, *, sent: bool, depth: int = 0) -> Iterator[str]:
        if depth > _DEEPEST:
            return
        old, new = self._read(self._old, old), self._read(self._new, new)
        yield from self._kinds(at, old, new, sent)
        yield from self._words(at, old, new, sent)
        if not sent:
            yield from _limits(at, old, new)
        yield from self._fields(at, old, new, sent, depth)
        if "items" in old and "items" in new:
            yield from self._schema(f"{at}[]", old["items"], new["items"], sent=sent, depth=depth + 1)

    def _kinds(self, at: str, old: Schema, new: Schema, sent: bool) -> Iterator[str]:
        before, after = _types(old), _types(new)
        kept, promised = (after, before) if sent else (before, after)
        wrong = kept - promised if promised else set()
        if sent and before and not after:
            yield f"{at}: may be anything now"
        elif wrong and not (wrong == {"integer"} and "number" in promised):
            word = "is told as" if sent else "is not taken any more as"
            yield f"{at}: {word} {', '.join(sorted(wrong))}"

    def _words(self, at: str, old: Schema, new: Schema, sent: bool) -> Iterator[str]:
        before, after = _enum(old), _enum(new)
        if before is None:
            if after is not None and not sent:
                yield f"{at}: takes only {', '.join(sorted(after))} now"
        elif after is not None:
            for word in sorted(before - after):
                yield f"{at}: {word} removed"
        elif sent:
            yield f"{at}: may be any word now"

    def _fields(self, at: str, old: Schema, new: Schema, sent: bool, depth: int) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", [])), set(new.get("required", []))
        for name, schema in before.items():
            here = f"{at}.{name}"
            if name not in after:
                if sent or new.get("additionalProperties") is False:
                    yield f"{here}: removed"
                continue
            if sent and name in needed_before - needed_after:
                yield f"{here}: may be missing now"
            yield from self._schema(here, schema, after[name], sent=sent, depth=depth + 1)
        if not sent:
            for name in sorted(needed_after - needed_before):
                yield f"{at}.{name}: required now"
            if new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
                yield f"{at}: refuses fields that it does not know now"

    def _read(self, document: Document, schema: Any) -> Schema:
        """Follow references, and put alternatives and parts together as far as we use them."""
        if not isinstance(schema, dict):
            return {}
        while "$ref" in schema:
            place: Any = document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                place = place[part]
            schema = place
        assert isinstance(schema, dict)
        if "allOf" in schema:
            return _all_of([self._read(document, part) for part in schema["allOf"]])
        if "anyOf" in schema and "properties" not in schema:
            return _any_of([self._read(document, part) for part in schema["anyOf"]])
        return schema


def _all_of(parts: list[Schema]) -> Schema:
    merged: dict[str, Any] = {}
    for part in parts:
        fields = {**merged.get("properties", {})}
        for name, schema in part.get("properties", {}).items():
            fields[name] = {**fields.get(name, {}), **schema}
        needed = [*merged.get("required", []), *part.get("required", [])]
        merged = {**merged, **part, "properties": fields, "required": needed}
    return merged


def _any_of(parts: list[Schema]) -> Schema:
    """One of them, or null: the one, with null among its types. Others: all that they name."""
    real = [part for part in parts if part.get("type") != "null"]
    types = set().union(*(_types(part) for part in parts))
    if len(real) == 1:
        return {**real[0], "type": sorted(types)}
    fields: dict[str, Any] = {}
    words: set[str] = set()
    for part in real:
        for name, schema in part.get("properties", {}).items():
            fields[name] = {"anyOf": [*fields.get(name, {}).get("anyOf", []), schema]}
        words |= _enum(part) or set()
    needed = set.intersection(*(set(part.get("required", [])) for part in real)) if real else set()
    closed = bool(real) and all(part.get("additionalProperties") is False for part in real)
    return {
        "type": sorted(types),
        **({"properties": fields} if fields else {}),
        **({"enum": sorted(words)} if words and all(_enum(part) for part in real) else {}),
        "required": sorted(needed),
        **({"additionalProperties": False} if closed else {}),
    }


def _types(schema: Schema) -> set[str]:
    kind = schema.get("type")
    if kind is None and "const" in schema:
        return {"string"} if isinstance(schema["const"], str) else set()
    return set() if kind is None else {kind} if isinstance(kind, str) else set(kind)


def _enum(schema: Schema) -> set[str] | None:
    if "const" in schema:
        return {str(schema["const"])}
    return None if "enum" not in schema else {str(word) for word in schema["enum"]}


def _limits(at: str, old: Schema, new: Schema) -> Iterator[str]:
    for name in _LEAST:
        if name in new and new[name] > old.get(name, float("-inf")):
            yield f"{at}: {name} is {new[name]} now"
    for name in _MOST:
        if name in new and new[name] < old.get(name, float("inf")):
            yield f"{at}: {name} is {new[name]} now"
    for name in ("pattern", "format"):
        if name in new and new[name] != old.get(name):
            yield f"{at}: {name} is {new[name]} now"


def _allows(old: Any, new: Any) -> bool:
    """Whoever was let in is let in still: every old way is one of the new ones, or none is asked for."""
    if not new or {} in new:
        return True
    return bool(old) and all(any(set(way) <= set(before) for way in new) for before in old)
