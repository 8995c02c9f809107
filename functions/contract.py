"""What the HTTP API promises: one `Operation` for each route, in the tables of the `*_contract` modules.

Rule: a route without an operation fails a test, and so does an answer that its operation does not describe:
the tests' client holds every answer against the document.

How to add a route:
1. Give it its guard in `auth.GUARDS`, as before. The guard decides `security` and the 401 in the document.
2. Put an `Operation` under the same endpoint name into the table of the `*_contract` module it belongs to; a
   new table is added to `openapi.TABLES`, a new blueprint gets a heading in `openapi.TAGS`. Say what it
   answers (`Reply`, with a model of `Answer` and an example), its body (the model that `read_body` validates
   with, and an example), its parameters, and the codes of its own refusals. What follows from the guard, from
   having a body or parameters is added for you.
3. A new code is a line in `error_codes`; a new name in an address one in `PATH_PARAMETERS`; a new response
   header one in `HEADERS`.
4. `python -m functions.openapi` writes docs/openapi.json. It refuses what would break a caller.
A route that is no part of the API stands in `openapi.UNDOCUMENTED`, with the reason.
These modules are imported by nobody who serves ordinary requests: a cold start does not pay for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from storage.ids import ID_FORM

JSON = "application/json"
PROBLEM = "application/problem+json"

Schema = dict[str, Any]


class Answer(BaseModel):
    """A JSON object that we send. Tests refuse a field that is not named; callers should not."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


Time = Annotated[
    str, Field(json_schema_extra={"format": "date-time", "examples": ["2026-01-31T09:30:00.000Z"]})
]
"""RFC 3339 in UTC."""
Id = Annotated[str, Field(pattern=f"^{ID_FORM.pattern}$")]
PhoneNumber = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{5,14}$", examples=["+6281234567890"])]
Count = Annotated[int, Field(ge=0)]
Cursor = str | None


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A query parameter or a request header."""

    name: str
    what: str
    schema: Schema
    example: Any = None
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One way to answer well."""

    status: int
    what: str
    model: type[BaseModel] | None = None
    media: Mapping[str, Schema | None] = field(default_factory=dict)
    """Media types other than JSON, with their schema."""
    example: Any = None
    headers: tuple[str, ...] = ()
    """Names from `HEADERS` that always come."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What one call takes, gives and refuses."""

    summary: str
    text: str = ""
    replies: tuple[Reply, ...]
    body: type[BaseModel] | None = None
    body_example: Any = None
    body_required: bool = False
    body_media: tuple[str, ...] = (JSON,)
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    errors: tuple[str, ...] = ()
    """Codes of its own, beside those of every call like it."""
    html_errors: bool = False
    """A person gets refusals as a page, a program as a problem."""


Operations = Mapping[str, Operation]

ANY_CALL = (
    "bad_request",
    "headers_too_large",
    "internal_error",
    "overloaded",
    "rate_limited",
    "registry_busy",
    "uri_too_long",
)
START_QUOTAS = ("link_quota", "session_quota", "start_quota")
"""Of calls that start a session."""
ANY_BODY = ("malformed_json", "incomplete_body", "request_timeout", "body_too_large")
JSON_BODY = ("unsupported_media_type", "invalid_request")

EXAMPLE_ID = "01JD3Z0V5M8Q4T2X9Y7W6R1K0B"
_ID: Schema = {"type": "string", "pattern": f"^{ID_FORM.pattern}$"}

PATH_PARAMETERS: dict[str, tuple[str, Schema, str]] = {
    "session_id": ("The session, as its creation named it.", _ID, EXAMPLE_ID),
    "endpoint_id": ("The webhook endpoint.", _ID, "01JD3Z00000000000000000000"),
    "delivery_id": (
        "The delivery: the webhook-id that it is sent with.",
        {"type": "string", "pattern": f"^msg_{ID_FORM.pattern}$"},
        "msg_01JD3Z12ABCDEFGHJKMNPQRSTV",
    ),
    "prefix": (
        "The readable part of an API key: lp_PREFIX_…",
        {"type": "string", "pattern": "^[0-9A-Za-z]{8}$"},
        "x7Kd02Qa",
    ),
    "node_id": (
        "The node that signed.",
        {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,100}$"},
        "node-1",
    ),
    "token": (
        "The last part of a session's link_url.",
        {"type": "string", "pattern": "^[A-Za-z0-9_-]{20,100}$"},
        "4m0Zx2b9vT6yQ1sK8dWc3pLr5uHn7eJa_gXiVoBtYfE",
    ),
}
"""What stands between braces in an address: meaning, form, example."""

HEADERS: dict[str, tuple[str, Schema]] = {
    "X-Request-Id": (
        "Finds this request in our log: yours, when you sent one of 1 to 64 letters, digits, . _ -",
        {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    ),
    "ETag": ("For If-None-Match.", {"type": "string"}),
    "Location": ("Where it is now.", {"type": "string"}),
    "Retry-After": ("Seconds to wait before asking again.", {"type": "string", "pattern": "^[0-9]+$"}),
    "Idempotency-Replayed": (
        "`true`: this request was received before, and nothing was done again.",
        {"type": "string", "enum": ["true"]},
    ),
    "WWW-Authenticate": ("How to prove who you are.", {"type": "string"}),
    "Poll-After-Ms": (
        "Milliseconds until the page should ask again; more than in the body when very many pages are open.",
        {"type": "string", "pattern": "^[0-9]+$"},
    ),
    "Cache-Control": ("Who may keep the answer.", {"type": "string"}),
}
"""Response headers, described once."""

OPTIONAL_HEADERS = {"Idempotency-Replayed", "Retry-After"}
"""Come only when there is a reason."""


def listed(name: str, values: Iterable[StrEnum], what: str) -> Parameter:
    """A filter: one or more words of an enumeration, with commas between."""
    words = [word.value for word in values]
    items: Schema = {"type": "array", "minItems": 1, "items": {"type": "string", "enum": words}}
    return Parameter(name=name, what=f"{what} Several with commas between.", schema=items, example=words[:1])


def text_filter(name: str, what: str, example: str) -> Parameter:
    """A filter by equality."""
    schema: Schema = {"type": "string", "pattern": "^[^\\u0000-\\u001f]*$"}
    return Parameter(name=name, what=what, schema=schema, example=example)


OF_SESSION = text_filter("session_id", "Only of this session.", EXAMPLE_ID)
CURSOR = Parameter(
    name="cursor",
    what="`next_cursor` of the page before.",
    schema={"type": "string", "format": "cursor", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": 200},
)
LIMIT = Parameter(
    name="limit",
    what="How many at most.",
    schema={"type": "integer", "minimum": 1, "maximum": 200, "default": 50},
    example=50,
)
IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    what="The same key and body again, within a day, does nothing twice and gives the same session.",
    schema={"type": "string", "pattern": "^[!-~]{1,255}$"},
    example="order-1234",
)


def page_of(model: type[BaseModel], **one: Any) -> tuple[Reply, ...]:
    """A page of a list: `one` gives the list's name and an example of what is in it."""
    rows = {name: [example] for name, example in one.items()}
    return (Reply(status=200, what="The newest first.", model=model, example={**rows, "next_cursor": None}),)
