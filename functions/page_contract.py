"""What the addresses of the hosted page promise. How to add one: see `contract`.

They are for the page itself: a backend only sends people there.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from functions.contract import (
    START_QUOTAS,
    Answer,
    Count,
    Operation,
    Operations,
    Parameter,
    PhoneNumber,
    Reply,
    Time,
)
from functions.error_codes import NODE_CODES
from storage.models import Phase, SessionStatus

HTML = "text/html"
FORM = "application/x-www-form-urlencoded"


class PageQr(Answer):
    """The QR on display."""

    text: str
    expires_at: Time | None
    expires_in_ms: Count | None
    svg_url: str


class PageCode(Answer):
    """The pairing code on display."""

    code: str
    phone_number: PhoneNumber | None
    expires_at: Time | None
    expires_in_ms: Count | None


class PageQueue(Answer):
    """The place in the queue."""

    position: Count | None
    estimated_wait_ms: Count | None


class LinkStatus(Answer):
    """What the page polls."""

    status: SessionStatus
    phase: Phase | None
    by_phone: bool
    """The page asks for the number before it shows anything."""
    reason_code: str | None
    version: Count
    phone_number: PhoneNumber | None
    display_name: str | None
    qr: PageQr | None
    pairing_code: PageCode | None
    queue: PageQueue | None
    return_url: str | None
    poll_after_ms: Count
    """When to ask again."""
    page: dict[str, Any]
    """For the page's own script; changes with its release."""


class PagePairing(BaseModel):
    """The form for the phone number."""

    model_config = ConfigDict(extra="allow")

    phone_number: Annotated[
        str, Field(description="With + and country code.", json_schema_extra={"format": "phone"})
    ]
    country: str = ""
    """Two letters: the number may then be written as it is at home."""


_STATUS: dict[str, Any] = {
    "status": "qr_scanning",
    "phase": "waiting_for_scan",
    "by_phone": False,
    "reason_code": None,
    "version": 3,
    "phone_number": None,
    "display_name": None,
    "qr": {
        "text": "2@example,of,a,ref",
        "expires_at": "2026-01-31T09:31:00.000Z",
        "expires_in_ms": 42000,
        "svg_url": "/link/4m0Zx2b9vT6yQ1sK8dWc3pLr5uHn7eJa_gXiVoBtYfE/qr.svg",
    },
    "pairing_code": None,
    "queue": None,
    "return_url": "https://example.com/linked",
    "poll_after_ms": 500,
    "page": {"screen": "scan"},
}
_NO_STORE = ("Cache-Control",)
_LINK = ("link_unknown", "link_expired", "link_revoked", "other_browser")


def _form(summary: str, *errors: str, **more: Any) -> Operation:
    return Operation(
        summary=summary,
        text="A browser is sent back to the page, a program that accepts application/json gets the status.",
        replies=(
            Reply(
                status=200,
                what="The status now.",
                model=LinkStatus,
                media={HTML: {"type": "string"}},
                example=_STATUS,
                headers=_NO_STORE,
            ),
            Reply(status=303, what="Back to the page.", media={HTML: None}, headers=("Location", *_NO_STORE)),
        ),
        errors=(*_LINK, "foreign_form", "conflict", *errors, *START_QUOTAS, *NODE_CODES),
        html_errors=True,
        **more,
    )


OPERATIONS: Operations = {
    "pages.page": Operation(
        summary="The hosted page",
        query=(
            Parameter(
                name="by",
                what="`phone` asks for the number first, `qr` shows the QR; else the device decides.",
                schema={"type": "string"},
                example="phone",
            ),
        ),
        text="Previewers get a card. The first browser that comes back with our cookie keeps the link.",
        replies=(
            Reply(status=200, what="The page.", media={HTML: {"type": "string"}}, headers=_NO_STORE),
            Reply(status=503, what="To a browser that fetches ahead of its user.", headers=_NO_STORE),
        ),
        errors=_LINK,
        html_errors=True,
    ),
    "pages.status": Operation(
        summary="What the hosted page polls",
        text="With If-None-Match, 304 until something changed.",
        query=(
            Parameter(
                name="painted",
                what="What the page has painted (qr, code, number), how many ms ago, and how long it was "
                "open then. Said once; for the timeline.",
                schema={"type": "string"},
                example="qr.12.340",
            ),
        ),
        replies=(
            Reply(
                status=200,
                what="The facts, and how the page shows them.",
                model=LinkStatus,
                example=_STATUS,
                headers=("ETag", "Poll-After-Ms", *_NO_STORE),
            ),
            Reply(status=304, what="As it was.", headers=("ETag", "Poll-After-Ms", *_NO_STORE)),
        ),
        errors=_LINK,
    ),
    "pages.qr": Operation(
        summary="The QR of the hosted page",
        replies=(
            Reply(
                status=200,
                what="The picture.",
                media={"image/svg+xml": {"type": "string"}},
                headers=_NO_STORE,
            ),
        ),
        errors=(*_LINK, "no_qr"),
        html_errors=True,
    ),
    "pages.go_back": Operation(
        summary="Leave the hosted page",
        text="To return_url with a signed result, see linking.md; back to the page while there is none.",
        replies=(Reply(status=303, what="On.", headers=("Location", *_NO_STORE)),),
        errors=_LINK,
        html_errors=True,
    ),
    "pages.start": _form("Start from the page", "already_linked", "session_ended", "device_being_removed"),
    "pages.refresh": _form(
        "Ask for a new QR from the page", "already_linked", "session_ended", "device_being_removed"
    ),
    "pages.pairing": _form(
        "Ask for a pairing code from the page",
        "already_linked",
        "session_ended",
        "device_being_removed",
        "passkey_required",
        "invalid_phone",
        body=PagePairing,
        body_example={"phone_number": "+6281234567890"},
        body_required=True,
        body_media=(FORM, "application/json"),
    ),
}
