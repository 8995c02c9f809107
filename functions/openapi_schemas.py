"""`components/schemas` of the document: JSON Schemas of the models of the contract, as pydantic makes them.

Rule: bodies that we take are closed, as they are validated; objects that we send are open in the published
document, because fields may be added, and closed in the one that tests hold answers against.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from functions.contract import Answer, Operation, Schema
from functions.error_codes import ERROR_CODES
from functions.event_answers import DATA


def reference_to(model: type[BaseModel]) -> Schema:
    """Where this model's schema is."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


class _WithoutTitles(GenerateJsonSchema):
    """A title that repeats the name of its field tells nobody anything."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def components_of(operations: Iterable[Operation], *, strict: bool) -> dict[str, Schema]:
    """The schemas of everything that these operations and the webhooks take and give."""
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {}
    for operation in operations:
        if operation.body is not None:
            wanted[operation.body, "validation"] = None
        for reply in operation.replies:
            if reply.model is not None:
                wanted[reply.model, "serialization"] = None
    for model in DATA.values():
        wanted[model, "serialization"] = None
    _, generated = models_json_schema(
        list(wanted), ref_template="#/components/schemas/{model}", schema_generator=_WithoutTitles
    )
    schemas: dict[str, Schema] = generated["$defs"]
    answers = _names_of_answers()
    for name, schema in schemas.items():
        schema.pop("title", None)
        if name in answers and not strict:
            schema.pop("additionalProperties", None)
    for type_, model in DATA.items():
        schemas[type_.value] = _webhook(type_.value, model, strict)
    schemas["Problem"] = _problem(strict)
    return dict(sorted(schemas.items()))


def _names_of_answers() -> set[str]:
    names: set[str] = set()
    level: list[type[Answer]] = [Answer]
    while level:
        names.update(model.__name__ for model in level)
        level = [child for model in level for child in model.__subclasses__()]
    return names


def _webhook(type_: str, data: type[BaseModel], strict: bool) -> Schema:
    return {
        "type": "object",
        "description": f"The body of a webhook of type {type_}.",
        "properties": {
            "type": {"const": type_},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
            "data": reference_to(data),
        },
        "required": ["type", "timestamp", "data"],
        **({"additionalProperties": False} if strict else {}),
    }


def _problem(strict: bool) -> Schema:
    closed = {"additionalProperties": False} if strict else {}
    error: Schema = {
        "type": "object",
        "properties": {
            "field": {"type": "string", "description": "Its name, with dots into objects and lists."},
            "message": {"type": "string", "description": "What is wrong, and the fix."},
        },
        "required": ["field", "message"],
        **closed,
    }
    return {
        "type": "object",
        "description": "A refusal (RFC 9457).",
        "properties": {
            "type": {"type": "string", "description": "urn:linkpool:problem: and the code."},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "code": {"type": "string", "enum": sorted(ERROR_CODES), "description": "Stable; decide by this."},
            "detail": {"type": "string", "description": "For a developer: what is wrong, and the fix."},
            "request_id": {"type": ["string", "null"], "description": "Finds the request in our log."},
            "errors": {"type": "array", "items": error, "description": "One for each wrong field."},
        },
        "required": ["type", "title", "status", "code", "detail", "request_id"],
        **closed,
    }
