"""What the calls about webhooks, their log, and events promise. How to add one: see `contract`."""

from __future__ import annotations

from typing import Any, Literal

from functions.contract import (
    CURSOR,
    LIMIT,
    Answer,
    Count,
    Cursor,
    Id,
    Operation,
    Operations,
    Parameter,
    Reply,
    Time,
    listed,
    text_filter,
)
from functions.event_answers import PUBLIC_TYPES, EventPage, PublicType
from functions.session_requests import Nothing
from functions.webhook_requests import NewWebhook, Replay, SecretRotation, WebhookChange
from storage.deliveries import DeliveryStatus


class Circuit(Answer):
    """Whether the endpoint is left alone because it fails."""

    state: Literal["closed", "open", "half_open"]
    failures: Count
    """In a row."""
    open_until: Time | None


class WebhookEndpoint(Answer):
    """Where a workspace is told."""

    id: Id
    url: str
    session_id: Id | None
    """Only of this session; null for all."""
    events: list[str]
    """Only these; empty for all."""
    headers: dict[str, str]
    """Names; values are never shown."""
    enabled: bool
    disabled_at: Time | None
    disabled_reason: str | None
    circuit: Circuit
    created_at: Time


class WebhookEndpoints(Answer):
    """Endpoints, the newest first."""

    webhooks: list[WebhookEndpoint]
    next_cursor: Cursor


class NewWebhookSecret(Answer):
    """Shown once."""

    webhook_secret: str
    previous_valid_until: Time | None
    """Until then the secret before signs too."""


class Delivery(Answer):
    """One webhook owed or sent to one endpoint."""

    id: str
    """The webhook-id."""
    type: PublicType
    session_id: Id
    event_id: str
    endpoint_id: Id
    url: str
    status: DeliveryStatus
    attempts: Count
    created_at: Time
    next_attempt_at: Time | None
    last_attempt_at: Time | None
    last_status_code: int | None
    last_error: str | None
    delivered_at: Time | None


class DeliveryAttempt(Answer):
    """One try."""

    number: Count
    started_at: Time
    took_ms: Count
    status_code: int | None
    error: str | None
    answer: str | None
    """How the answer began."""


class DeliveryWithAttempts(Delivery):
    """A delivery and its tries."""

    attempt_log: list[DeliveryAttempt]


class DeliveryPage(Answer):
    """The webhook log, the newest first."""

    deliveries: list[Delivery]
    next_cursor: Cursor


class Retried(Answer):
    """How many are sent again."""

    retried: Count


_WEBHOOK: dict[str, Any] = {
    "id": "01JD3Z00000000000000000000",
    "url": "https://example.com/hooks",
    "session_id": None,
    "events": ["session_ready", "session_logged_out"],
    "headers": {"X-Tenant": "********"},
    "enabled": True,
    "disabled_at": None,
    "disabled_reason": None,
    "circuit": {"state": "closed", "failures": 0, "open_until": None},
    "created_at": "2026-01-31T09:00:00.000Z",
}
_DELIVERY: dict[str, Any] = {
    "id": "msg_01JD3Z12ABCDEFGHJKMNPQRSTV",
    "type": "session_ready",
    "session_id": "01JD3Z0V5M8Q4T2X9Y7W6R1K0B",
    "event_id": "01JD3Z12ABCDEFGHJKMNPQRSTV",
    "endpoint_id": "01JD3Z00000000000000000000",
    "url": "https://example.com/hooks",
    "status": "delivered",
    "attempts": 1,
    "created_at": "2026-01-31T09:31:02.000Z",
    "next_attempt_at": None,
    "last_attempt_at": "2026-01-31T09:31:02.020Z",
    "last_status_code": 204,
    "last_error": None,
    "delivered_at": "2026-01-31T09:31:02.051Z",
}
_PENDING = {
    **_DELIVERY,
    "status": "pending",
    "next_attempt_at": "2026-01-31T10:00:00.000Z",
    "delivered_at": None,
}
_ATTEMPT: dict[str, Any] = {
    "number": 1,
    "started_at": "2026-01-31T09:31:02.020Z",
    "took_ms": 31,
    "status_code": 204,
    "error": None,
    "answer": None,
}
_EVENT: dict[str, Any] = {
    "id": "42",
    "type": "session_authenticated",
    "timestamp": "2026-01-31T09:31:00.000Z",
    "data": {
        "session_id": "01JD3Z0V5M8Q4T2X9Y7W6R1K0B",
        "workspace_id": "01JD3YZZ7N6P5Q4R3S2T1V0W9X",
        "reference": "customer-7",
        "status": "authenticated",
        "version": 5,
    },
}


def _webhook(what: str, status: int = 200, *headers: str) -> Reply:
    return Reply(status=status, what=what, model=WebhookEndpoint, example=_WEBHOOK, headers=headers)


_OF_SESSION = text_filter("session_id", "Only of this session.", "01JD3Z0V5M8Q4T2X9Y7W6R1K0B")
_POSITION = {"type": "string", "pattern": "^[0-9]{1,18}$", "format": "event-id"}

OPERATIONS: Operations = {
    "webhooks.page": Operation(
        summary="List webhook endpoints",
        query=(_OF_SESSION, CURSOR, LIMIT),
        replies=(
            Reply(
                status=200,
                what="The newest first.",
                model=WebhookEndpoints,
                example={"webhooks": [_WEBHOOK], "next_cursor": None},
            ),
        ),
    ),
    "webhooks.create": Operation(
        summary="Add a webhook endpoint",
        text="Of all sessions or of one, for all events or some. Bodies are described under Webhooks.",
        body=NewWebhook,
        body_example={
            "url": "https://example.com/hooks",
            "events": ["session_ready", "session_logged_out"],
            "headers": {"X-Tenant": "toko"},
        },
        body_required=True,
        replies=(_webhook("Added.", 201, "Location"),),
        errors=("endpoint_exists",),
    ),
    "webhooks.show": Operation(
        summary="Show a webhook endpoint",
        replies=(_webhook("As it is."),),
        errors=("webhook_not_found",),
    ),
    "webhooks.change": Operation(
        summary="Change a webhook endpoint",
        text="What is not given stays. Lists and objects are replaced whole; a masked value stays as it was.",
        body=WebhookChange,
        body_example={"events": ["session_ready"], "headers": {"X-Tenant": "********"}},
        replies=(_webhook("Changed."),),
        errors=("webhook_not_found", "endpoint_exists"),
    ),
    "webhooks.delete": Operation(
        summary="Delete a webhook endpoint",
        body=Nothing,
        replies=(Reply(status=204, what="Deleted; what it was owed is given up."),),
        errors=("webhook_not_found",),
    ),
    "webhooks.enable": Operation(
        summary="Enable a webhook endpoint",
        text="After 410 or `enabled: false`; closes its circuit too.",
        body=Nothing,
        replies=(_webhook("Enabled."),),
        errors=("webhook_not_found",),
    ),
    "webhooks.rotate_secret": Operation(
        summary="Rotate the webhook secret",
        text="For a while both sign.",
        body=SecretRotation,
        body_example={"overlap_seconds": 86400},
        replies=(
            Reply(
                status=200,
                what="The new secret, shown once.",
                model=NewWebhookSecret,
                example={
                    "webhook_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                    "previous_valid_until": "2026-02-01T09:30:00.000Z",
                },
                headers=("Cache-Control",),
            ),
        ),
    ),
    "deliveries.page": Operation(
        summary="List deliveries: the webhook log",
        query=(
            Parameter(
                name="status",
                what="Only these.",
                schema={"type": "string", "enum": [status.value for status in DeliveryStatus]},
                example="dead",
            ),
            _OF_SESSION,
            text_filter("endpoint_id", "Only to this endpoint.", "01JD3Z00000000000000000000"),
            Parameter(
                name="type",
                what="Only of this type.",
                schema={"type": "string", "enum": [type_.value for type_ in PUBLIC_TYPES]},
                example="session_ready",
            ),
            CURSOR,
            LIMIT,
        ),
        replies=(
            Reply(
                status=200,
                what="The newest first.",
                model=DeliveryPage,
                example={"deliveries": [_DELIVERY], "next_cursor": None},
            ),
        ),
    ),
    "deliveries.show": Operation(
        summary="Show a delivery and its attempts",
        replies=(
            Reply(
                status=200,
                what="The delivery.",
                model=DeliveryWithAttempts,
                example={**_DELIVERY, "attempt_log": [_ATTEMPT]},
            ),
        ),
        errors=("delivery_not_found",),
    ),
    "deliveries.retry": Operation(
        summary="Send a delivery again",
        body=Nothing,
        replies=(Reply(status=202, what="It is sent soon.", model=Delivery, example=_PENDING),),
        errors=(
            "delivery_not_found",
            "endpoint_deleted",
            "endpoint_disabled",
            "session_deleted",
            "delivery_in_flight",
        ),
    ),
    "deliveries.replay": Operation(
        summary="Send again what was given up",
        text="Of one endpoint, since a moment, or both.",
        body=Replay,
        body_example={"since": "2026-01-31T00:00:00Z"},
        body_required=True,
        replies=(Reply(status=202, what="They are sent soon.", model=Retried, example={"retried": 12}),),
        errors=("webhook_not_found", "endpoint_disabled"),
    ),
    "events.page": Operation(
        summary="Read events, as a list or a stream",
        text=(
            "With `Accept: text/event-stream` a stream of server-sent events that goes on from Last-Event-ID "
            "or `after`, where the server can hold a connection open; `cursor` and `limit` are for the list."
        ),
        query=(
            Parameter(name="after", what="Go on after this event.", schema=_POSITION, example="42"),
            listed("types", PUBLIC_TYPES, "Only these."),
            _OF_SESSION,
            CURSOR,
            LIMIT,
        ),
        headers=(
            Parameter(name="Last-Event-ID", what="For a stream: as `after`.", schema=_POSITION, example="42"),
        ),
        replies=(
            Reply(
                status=200,
                what="In the order in which they happened.",
                model=EventPage,
                media={"text/event-stream": {"type": "string"}},
                example={"events": [_EVENT], "next_cursor": None},
            ),
        ),
        errors=("no_streams_here", "too_many_streams", "streams_full"),
    ),
}
