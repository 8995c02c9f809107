"""What the calls about sessions and chats promise. How to add one: see `contract`."""

from __future__ import annotations

from typing import Any

from functions.contract import (
    CURSOR,
    IDEMPOTENCY_KEY,
    LIMIT,
    START_QUOTAS,
    Operation,
    Operations,
    Parameter,
    Reply,
    listed,
    page_of,
    text_filter,
)
from functions.error_codes import NODE_CODES
from functions.session_answers import ChatPage, ChatSync, Session, SessionPage
from functions.session_examples import (
    CHATS_EXAMPLE,
    CREATED_EXAMPLE,
    LINKED_EXAMPLE,
    PAIRING_EXAMPLE,
    STARTED_EXAMPLE,
    SYNC_EXAMPLE,
    example_in,
)
from functions.session_requests import NewSession, Nothing, PairingRequest
from storage.models import SessionStatus

_TAGGED = ("ETag", "Cache-Control")


def _session(example: dict[str, Any], what: str, status: int = 200, *headers: str) -> Reply:
    return Reply(status=status, what=what, model=Session, example=example, headers=(*_TAGGED, *headers))


def _picture(media: str) -> Operation:
    kind = media.partition("/")[2].partition("+")[0].upper()
    return Operation(
        summary=f"The QR now on display, as {kind}",
        replies=(
            Reply(
                status=200,
                what="The picture.",
                media={media: None if kind == "PNG" else {"type": "string"}},
                headers=("Cache-Control",),
            ),
        ),
        errors=("session_not_found", "no_qr"),
    )


ENDED_LINK_EXAMPLE = {**CREATED_EXAMPLE, "link_url": None, "link_revoked_at": "2026-01-31T09:31:00.000Z"}


def _action(
    summary: str,
    *replies: Reply,
    text: str = "",
    errors: tuple[str, ...] = (),
    asks_node: bool = True,
    **more: Any,
) -> Operation:
    """A POST to a session, without a body unless said."""
    return Operation(
        summary=summary,
        text=text,
        replies=replies,
        errors=("session_not_found", "conflict", *errors, *(NODE_CODES if asks_node else ())),
        **{"body": Nothing, **more},
    )


_SESSIONS: Operations = {
    "create": Operation(
        summary="Create a session",
        text=(
            "Gives the link to send to your customer and, when a warm browser served it, the QR in the same "
            "answer. Nothing is refused for want of room: the session is queued."
        ),
        body=NewSession,
        body_example={
            "reference": "customer-7",
            "return_url": "https://example.com/linked",
            "metadata": {"plan": "gold"},
            "locale": "id",
        },
        headers=(IDEMPOTENCY_KEY,),
        replies=(
            _session(CREATED_EXAMPLE, "Made.", 201, "Location", "Idempotency-Replayed"),
            _session(
                {
                    **STARTED_EXAMPLE,
                    "status": "queued",
                    "phase": None,
                    "queue": {"position": 3, "estimated_wait_ms": 4000},
                },
                "Made; its browser follows.",
                202,
                "Location",
                "Idempotency-Replayed",
            ),
        ),
        errors=("idempotency_key_reused", *START_QUOTAS),
    ),
    "page": Operation(
        summary="List sessions",
        query=(
            listed("status", SessionStatus, "Only these."),
            text_filter("reference", "Only with this reference.", "customer-7"),
            Parameter(
                name="phone_number",
                what="Only of this number, with + and country code. In an address, + is written %2B.",
                schema={"type": "string", "format": "phone", "pattern": r"^\+"},
                example="+6281234567890",
            ),
            CURSOR,
            LIMIT,
        ),
        replies=page_of(SessionPage, sessions=LINKED_EXAMPLE),
    ),
    "show": Operation(
        summary="Show a session",
        text="With If-None-Match, 304 until something changed. A deleted one is shown until it is forgotten.",
        replies=(
            _session(LINKED_EXAMPLE, "As it is now."),
            Reply(status=304, what="As it was.", headers=_TAGGED),
        ),
        errors=("session_not_found",),
    ),
    "delete": _action(
        "Delete a session",
        _session(
            example_in("deleted", deleted_at="2026-01-31T11:00:00.000Z", link_url=None, snapshot=None),
            "It is deleted.",
        ),
        text="Removes the device from the account and destroys profile and snapshots. Again is no change.",
        asks_node=False,
    ),
    "qr_png": _picture("image/png"),
    "qr_svg": _picture("image/svg+xml"),
    "regenerate_qr": _action(
        "Ask for a new QR",
        _session(CREATED_EXAMPLE, "The new QR, or one on its way."),
        text="Starts a session that has not started or has ended.",
        errors=("already_linked", "session_ended", "device_being_removed", *START_QUOTAS),
    ),
    "pairing_code": _action(
        "Ask for a pairing code",
        _session(PAIRING_EXAMPLE, "The code."),
        _session(STARTED_EXAMPLE, "The code follows with `pairing_code_generated`.", 202),
        text="Eight characters that are typed on the phone in place of scanning.",
        body=PairingRequest,
        body_example={"phone": "+6281234567890"},
        body_required=True,
        errors=(
            "phone_not_expected",
            "already_linked",
            "passkey_required",
            "session_ended",
            "device_being_removed",
            "invalid_phone",
            *START_QUOTAS,
        ),
    ),
    "restart": _action(
        "Start again",
        _session(STARTED_EXAMPLE, "On its way.", 202, "Idempotency-Replayed"),
        text="Towards a fresh QR, or of a linked account's browser. Every call starts over.",
        headers=(IDEMPOTENCY_KEY,),
        errors=("session_ended", "device_being_removed", "idempotency_key_reused", *START_QUOTAS),
        asks_node=False,
    ),
    "log_out": _action(
        "Remove the device from the account",
        _session(example_in("logged_out", reason_code="requested"), "It was removed before."),
        _session(LINKED_EXAMPLE, "`session_logged_out` follows.", 202),
        errors=("not_linked",),
        asks_node=False,
    ),
    "hibernate": _action(
        "Close the browser, keep the login",
        _session(example_in("hibernated"), "It sleeps."),
        errors=("not_connected",),
    ),
    "wake": _action(
        "Wake a hibernated session",
        _session(LINKED_EXAMPLE, "It is connected."),
        _session(example_in("hibernated"), "`session_woken` follows.", 202),
        errors=("not_linked",),
    ),
    "snapshot": _action(
        "Save the login now", _session(LINKED_EXAMPLE, "It is saved."), errors=("not_connected",)
    ),
    "replace_link": _action(
        "Renew the link",
        _session(CREATED_EXAMPLE, "With a new link_url, which any browser may open. The old one is dead."),
        text="For a person who goes on elsewhere: a link belongs to the browser that opened it first.",
        errors=("session_ended",),
        asks_node=False,
    ),
    "revoke_link": _action(
        "End the link",
        _session(ENDED_LINK_EXAMPLE, "The hosted page is closed; what is linked stays linked."),
        asks_node=False,
    ),
    "make_primary": _action(
        "Make it the workspace's first account",
        _session(LINKED_EXAMPLE, "It is."),
        errors=("not_linked",),
        asks_node=False,
    ),
}

_CHATS: Operations = {
    "sync": _action(
        "Read the chats now",
        Reply(status=200, what="They are read.", model=ChatSync, example=SYNC_EXAMPLE),
        Reply(
            status=202,
            what="The session slept and is being woken. Ask again.",
            model=ChatSync,
            example={**SYNC_EXAMPLE, "status": "hibernated"},
            headers=("Retry-After",),
        ),
        text="Nothing syncs by itself.",
        errors=("not_connected", "still_syncing", "not_linked"),
    ),
    "page": Operation(
        summary="List the chats that the last sync found",
        query=(CURSOR, LIMIT),
        replies=(
            Reply(
                status=200,
                what="The newest message first.",
                model=ChatPage,
                example=CHATS_EXAMPLE,
                headers=("Cache-Control",),
            ),
        ),
        errors=("session_not_found", "never_synced", "cursor_outdated"),
    ),
}

OPERATIONS: Operations = {
    **{f"sessions.{name}": operation for name, operation in _SESSIONS.items()},
    **{f"chats.{name}": operation for name, operation in _CHATS.items()},
}
