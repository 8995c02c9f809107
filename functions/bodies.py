"""Request bodies: strict JSON, read into models that refuse what they do not know.

Rule: whatever is wrong is said by field and with the fix, before anything is stored.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, ValidationError

from functions.problems import FieldError, Problem
from functions.raw_body import read_raw

_DEEPEST = 32
"""Nobody nests metadata deeper on purpose, and deep nesting is how parsers are brought down."""
_TOO_DEEP = f"the body is nested deeper than {_DEEPEST} levels"

_MOST_DIGITS = 308
"""A double, which is what most others read numbers into, ends there."""
_EXACT = 2**53

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Body(BaseModel):
    """A request's JSON object: no unknown field, no silent conversion."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def without_null(*names: str) -> Callable[[dict[str, Any]], None]:
    """For a body whose null is told from nothing given: in its schema these fields take no null."""

    def remove(schema: dict[str, Any]) -> None:
        for name in names:
            field = schema["properties"][name]
            field.pop("default", None)
            field.update(next(kind for kind in field.pop("anyOf") if kind.get("type") != "null"))

    return remove


Model = TypeVar("Model", bound=Body)


def parse_json(raw: bytes) -> Any:
    """Strict JSON (RFC 8259): UTF-8, no NaN, no name twice, nothing nested too deep. Raises Problem."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"the body is not UTF-8 (byte {error.start})") from error
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_float,
        )
    except json.JSONDecodeError as error:
        raise _malformed(
            f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    except ValueError as error:
        raise _malformed(f"the body is not JSON that we take: {error}") from error
    except RecursionError as error:
        raise _malformed(_TOO_DEEP) from error
    _check_storable(value)
    return value


def _malformed(detail: str) -> Problem:
    return Problem(400, "malformed_json", detail)


def _check_storable(value: Any) -> None:
    """Walk without recursion: the depth, and strings that no database would take."""
    level = [value]
    for _ in range(_DEEPEST):
        following: list[Any] = []
        for element in level:
            if isinstance(element, dict):
                following.extend(element)
                following.extend(element.values())
            elif isinstance(element, list):
                following.extend(element)
            elif isinstance(element, str) and _UNSTORABLE.search(element):
                raise _malformed("a string holds U+0000 or half a character (a lone surrogate)")
        if not following:
            return
        level = following
    raise _malformed(_TOO_DEEP)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice[:60]!r} stands twice in one object")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _float(digits: str) -> float:
    """JSON knows one kind of number: 30.0 is the integer 30, as the contract's schemas say."""
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits[:20]} is larger than any number here")
    return int(value) if value.is_integer() and abs(value) <= _EXACT else value


def _integer(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"a number has more than {_MOST_DIGITS} digits")
    return int(digits)


def read_object(raw: bytes) -> dict[str, Any]:
    """A body that has to be a JSON object. Raises Problem."""
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise Problem(400, "malformed_json", "the body must be a JSON object")
    return value


def read_body(model: type[Model]) -> Model:
    """This request's body as a model; an empty body is an empty object. Raises Problem."""
    raw = read_raw()
    if raw and request.mimetype != "application/json":
        raise Problem(415, "unsupported_media_type", "send the body with Content-Type: application/json")
    value = read_object(raw) if raw else {}
    try:
        return model.model_validate(value)
    except ValidationError as error:
        errors = [_field_error(detail) for detail in error.errors(include_url=False, include_context=False)]
        summary = "; ".join(f"{one.field}: {one.message}" for one in errors[:5])
        raise Problem(422, "invalid_request", summary, errors) from error


def _field_error(detail: Any) -> FieldError:
    path = ".".join(str(part)[:60] for part in detail["loc"]) or "body"
    if detail["type"] == "extra_forbidden":
        return FieldError(field=path, message="there is no such field; remove it")
    return FieldError(field=path, message=str(detail["msg"]).removeprefix("Value error, "))
