"""What the calls about the webhook log promise. How to add one: see `contract`."""

from __future__ import annotations

from typing import Any

from functions.contract import (
    CURSOR,
    LIMIT,
    OF_SESSION,
    Answer,
    Count,
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
from functions.event_answers import PUBLIC_TYPES, PublicType
from functions.session_requests import Nothing
from functions.webhook_requests import Replay
from storage.delivery import DeliveryStatus


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

OPERATIONS: Operations = {
    "deliveries.page": Operation(
        summary="List deliveries: the webhook log",
        query=(
            Parameter(
                name="status",
                what="Only these.",
                schema={"type": "string", "enum": [status.value for status in DeliveryStatus]},
                example="dead",
            ),
            OF_SESSION,
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
        replies=page_of(DeliveryPage, deliveries=_DELIVERY),
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
}
