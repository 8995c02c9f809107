"""What the calls about webhook endpoints promise. How to add one: see `contract`."""

from __future__ import annotations

from typing import Any, Literal

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
    Reply,
    Time,
    page_of,
)
from functions.session_requests import Nothing
from functions.webhook_requests import NewWebhook, SecretRotation, WebhookChange


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


def _webhook(what: str, status: int = 200, *headers: str) -> Reply:
    return Reply(status=status, what=what, model=WebhookEndpoint, example=_WEBHOOK, headers=headers)


OPERATIONS: Operations = {
    "webhooks.page": Operation(
        summary="List webhook endpoints",
        query=(OF_SESSION, CURSOR, LIMIT),
        replies=page_of(WebhookEndpoints, webhooks=_WEBHOOK),
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
}
