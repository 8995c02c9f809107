"""Bodies that a backend sends about its webhooks.

Rule: a header that we set ourselves, or that changes how a request is read, cannot be set by anybody else.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from functions.addresses import why_refused
from functions.bodies import Body
from functions.paging import refuse
from functions.session_requests import WebhookUrl
from storage.clock import from_wire
from storage.events import INTERNAL, EventType

MOST_HEADERS = 20
LONGEST_HEADER = 1000

MASK = "********"
"""Stands for the value of a header. Sent back, it means: as it was."""

_PUBLIC = tuple(type_.value for type_ in EventType if type_ not in INTERNAL)
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")
_RESERVED = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
_RESERVED_STARTS = ("webhook-", "proxy-")


def _events(names: list[str]) -> list[str]:
    for name in names:
        if name not in _PUBLIC:
            raise ValueError(f"{name[:60]!r} is no event; known are {', '.join(_PUBLIC)}")
    if len(set(names)) != len(names):
        raise ValueError("name every event once")
    return names


def _headers(headers: dict[str, str]) -> dict[str, str]:
    if len(headers) > MOST_HEADERS:
        raise ValueError(f"at most {MOST_HEADERS} headers")
    if len({name.lower() for name in headers}) != len(headers):
        raise ValueError("a name stands twice, in capital and small letters")
    for name, value in headers.items():
        lower = name.lower()
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"{name[:60]!r} is no name of a header: 1 to 64 letters, digits, hyphens")
        if lower in _RESERVED or lower.startswith(_RESERVED_STARTS):
            raise ValueError(f"{name} is set by us")
        if len(value) > LONGEST_HEADER or _VALUE.fullmatch(value) is None:  # never quoted: it is a secret
            raise ValueError(
                f"the value of {name} must have 1 to {LONGEST_HEADER} printable ASCII characters "
                "without spaces around them"
            )
    return headers


def _moment(text: str) -> str:
    try:
        from_wire(text)
    except (ValueError, OverflowError) as error:
        raise ValueError("must be an RFC 3339 time with a zone, such as 2026-01-31T12:00:00Z") from error
    return text


Events = Annotated[
    list[str],
    AfterValidator(_events),
    Field(
        description="Only these; empty for all.",
        json_schema_extra={"items": {"type": "string", "enum": list(_PUBLIC)}, "uniqueItems": True},
    ),
]
Headers = Annotated[
    dict[str, str],
    AfterValidator(_headers),
    Field(
        description="Sent with every webhook. Those that we set, such as webhook-id or Host, are refused.",
        json_schema_extra={
            "maxProperties": MOST_HEADERS,
            "propertyNames": {"pattern": f"^{_NAME.pattern}$"},
            "additionalProperties": {
                "type": "string",
                "maxLength": LONGEST_HEADER,
                "pattern": f"^{_VALUE.pattern}$",
            },
        },
    ),
]
Id = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Moment = Annotated[str, AfterValidator(_moment), Field(json_schema_extra={"format": "date-time"})]


def check_address(url: str, allowed: frozenset[str]) -> None:
    """Raises Problem when webhooks are never sent there."""
    refused = why_refused(url, allowed)
    if refused is not None:
        refuse("url", refused)


class NewWebhook(Body):
    """Body of POST /api/webhooks."""

    url: WebhookUrl
    session_id: Id | None = Field(default=None, description="Only of this session.")
    events: Events = Field(default_factory=list)
    headers: Headers = Field(default_factory=dict)


class WebhookChange(Body):
    """Body of PATCH /api/webhooks/{id}: what is not given stays. Lists and objects are replaced whole."""

    url: WebhookUrl | None = None
    events: Events | None = None
    headers: Headers | None = None
    enabled: bool | None = Field(default=None, description="False owes it nothing more.")


class SecretRotation(Body):
    """Body of POST /api/webhooks/secret/rotate."""

    overlap_seconds: Annotated[int, Field(ge=0, le=7 * 86_400)] = Field(
        default=86_400, description="How long the secret before signs too."
    )
    """A day: long enough to roll a new secret out, short enough to end a leaked one."""

    @property
    def overlap(self) -> timedelta:
        return timedelta(seconds=self.overlap_seconds)


class Replay(Body):
    """Body of POST /api/deliveries/retry: at least one of the two."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "string"}}}
                for name in ("endpoint_id", "since")
            ]
        }
    )

    endpoint_id: Id | None = None
    since: Moment | None = Field(default=None, description="Created at or after this moment.")

    @property
    def since_moment(self) -> datetime | None:
        return None if self.since is None else from_wire(self.since)
