"""What the calls about keys, settings and the audit log promise. How to add one: see `contract`."""

from __future__ import annotations

from typing import Any

from functions.contract import (
    CURSOR,
    LIMIT,
    Answer,
    Cursor,
    Id,
    Operation,
    Operations,
    Parameter,
    Reply,
    Time,
    page_of,
    text_filter,
)
from functions.key_requests import KeyRotation, NewKeyRequest
from functions.session_requests import Nothing
from functions.workspace_requests import WorkspaceChange
from storage.api_keys import KeyStatus, Scope
from storage.audit import ActorKind, AuditOutcome
from storage.duplicates import DuplicatePolicy


class ApiKey(Answer):
    """A key, without its secret."""

    prefix: str
    """The readable part: lp_PREFIX_…"""
    name: str | None
    scopes: list[Scope]
    """Each includes the ones before it."""
    status: KeyStatus
    is_current: bool
    """The key that asked."""
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None
    """To the minute."""
    revoked_at: Time | None
    replaced_by: str | None
    """The prefix of its successor."""


class NewApiKey(ApiKey):
    """A key that was just made."""

    api_key: str
    """Shown this once."""


class RotatedApiKey(NewApiKey):
    """A key in the place of another."""

    previous: ApiKey
    """Works until its `expires_at`."""


class ApiKeyPage(Answer):
    """Keys, the newest first, ended ones as well."""

    keys: list[ApiKey]
    next_cursor: Cursor


class WorkspaceSettings(Answer):
    """The caller's workspace."""

    id: Id
    name: str
    duplicates: DuplicatePolicy
    """What happens when an account is linked again."""
    accent_color: str | None
    logo_url: str | None
    logo_origins: list[str]
    """Where a logo may come from; the operator's to change."""
    allowed_origins: list[str]
    """Sites that may frame hosted pages."""
    events_keep_days: int | None
    """How long events and webhooks are remembered; null: as the operator has set it for all."""
    ended_keep_days: int | None
    """When sessions that ended are erased; 0: never, null: as the operator has set it for all."""
    created_at: Time


class Actor(Answer):
    """Who did it."""

    kind: ActorKind
    id: str
    """The prefix of a key, the id of a node, the session of a link, or a user of the machine."""


class AuditLine(Answer):
    """Who did what."""

    id: Id
    at: Time
    workspace_id: Id | None
    actor: Actor
    action: str
    """The route by its name, such as sessions.create, or what a node or the operator did."""
    subjects: dict[str, str]
    """Ids of what it was done to."""
    outcome: AuditOutcome
    code: str | None
    """Of the refusal or failure."""
    request_id: str | None
    address: str | None
    """The network that it came from."""


class AuditPage(Answer):
    """The audit log, the newest first."""

    entries: list[AuditLine]
    next_cursor: Cursor


_KEY: dict[str, Any] = {
    "prefix": "x7Kd02Qa",
    "name": "Shop backend",
    "scopes": ["sessions"],
    "status": "active",
    "is_current": False,
    "created_at": "2026-01-31T09:00:00.000Z",
    "expires_at": None,
    "last_used_at": None,
    "revoked_at": None,
    "replaced_by": None,
}
_NEW_KEY = {"api_key": "lp_x7Kd02Qa_" + "…" * 43, **_KEY}
_REPLACED = {
    **_KEY,
    "prefix": "b3Tn81Zc",
    "expires_at": "2026-02-01T09:00:00.000Z",
    "last_used_at": "2026-01-31T08:59:12.000Z",
    "replaced_by": "x7Kd02Qa",
}
_WORKSPACE: dict[str, Any] = {
    "id": "01JD3YZZ7N6P5Q4R3S2T1V0W9X",
    "name": "Toko Bunga",
    "duplicates": "replace",
    "accent_color": "#0a7a55",
    "logo_url": "https://cdn.example.com/logo.svg",
    "logo_origins": ["https://cdn.example.com"],
    "allowed_origins": ["https://app.example.com"],
    "events_keep_days": None,
    "ended_keep_days": 90,
    "created_at": "2026-01-31T09:00:00.000Z",
}
_LINE: dict[str, Any] = {
    "id": "01JD3Z12ABCDEFGHJKMNPQRSTV",
    "at": "2026-01-31T09:31:02.000Z",
    "workspace_id": "01JD3YZZ7N6P5Q4R3S2T1V0W9X",
    "actor": {"kind": "key", "id": "x7Kd02Qa"},
    "action": "sessions.delete",
    "subjects": {"session_id": "01JD3Z0V5M8Q4T2X9Y7W6R1K0B"},
    "outcome": "done",
    "code": None,
    "request_id": "01JD3Z12ABCDEFGHJKMNPQRSTW",
    "address": "203.0.113.0/24",
}


def _time(name: str, what: str) -> Parameter:
    schema = {"type": "string", "format": "date-time"}
    return Parameter(name=name, what=what, schema=schema, example="2026-01-31T00:00:00Z")


def _settings(what: str) -> Reply:
    return Reply(status=200, what=what, model=WorkspaceSettings, example=_WORKSPACE)


OPERATIONS: Operations = {
    "keys.page": Operation(
        summary="List API keys",
        query=(CURSOR, LIMIT),
        replies=page_of(ApiKeyPage, keys=_KEY),
    ),
    "keys.create": Operation(
        summary="Make an API key",
        body=NewKeyRequest,
        body_example={"scopes": ["sessions"], "name": "Shop backend"},
        body_required=True,
        replies=(
            Reply(
                status=201,
                what="The key, shown once.",
                model=NewApiKey,
                example=_NEW_KEY,
                headers=("Cache-Control",),
            ),
        ),
        errors=("too_many_keys",),
    ),
    "keys.rotate": Operation(
        summary="Rotate an API key",
        text="A new key of the same name, scopes and length of life; for the grace both work. Ask again when "
        "the answer was lost: a successor that was never used is revoked.",
        body=KeyRotation,
        body_example={"grace_seconds": 86400},
        replies=(
            Reply(
                status=201,
                what="The new key, shown once, and the one before.",
                model=RotatedApiKey,
                example={**_NEW_KEY, "previous": _REPLACED},
                headers=("Cache-Control",),
            ),
        ),
        errors=("key_not_found", "key_ended", "already_rotated", "too_many_keys"),
    ),
    "keys.revoke": Operation(
        summary="Revoke an API key",
        body=Nothing,
        replies=(Reply(status=204, what="It opens nothing any more."),),
        errors=("key_not_found", "last_admin_key"),
    ),
    "workspace.show": Operation(summary="Show your workspace", replies=(_settings("As it is."),)),
    "workspace.change": Operation(
        summary="Change your workspace",
        text="What is not given stays; lists are replaced whole; null takes colour, logo and own days away.",
        body=WorkspaceChange,
        body_example={"accent_color": "#0a7a55", "allowed_origins": ["https://app.example.com"]},
        replies=(_settings("Changed."),),
    ),
    "audit.page": Operation(
        summary="Read the audit log",
        query=(
            text_filter("actor", "Only of this key, node or session of a link.", "x7Kd02Qa"),
            text_filter("action", "Only this.", "sessions.delete"),
            _time("since", "From then on."),
            _time("until", "Before then."),
            CURSOR,
            LIMIT,
        ),
        replies=page_of(AuditPage, entries=_LINE),
    ),
}
