"""Schemas and sentences of the document in HTML, for /docs.

Rule: everything is escaped here, once; what comes out is Markup.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

Schema = Mapping[str, Any]


def kind_of(schema: Schema) -> Markup:
    """A schema in a few words, with links to the objects it names."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    for word in ("anyOf", "oneOf"):
        if word in schema and "properties" not in schema:
            return Markup(" or ").join(kind_of(part) for part in schema[word])
    if "const" in schema:
        return Markup("<code>{}</code>").format(schema["const"])
    if "enum" in schema:
        return Markup(", ").join(Markup("<code>{}</code>").format(one) for one in schema["enum"])
    kinds = schema.get("type", "any value")
    text = escape(kinds if isinstance(kinds, str) else " or ".join(kinds))
    if schema.get("type") == "array" and "items" in schema:
        return Markup("list of {}").format(kind_of(schema["items"]))
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


def words_of(text: str) -> Markup:
    """Our own few signs of emphasis, and nothing else that HTML would read."""
    safe = str(escape(text))
    safe = re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)
    safe = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", safe)
    return Markup(safe)  # noqa: S704 - escaped above
