"""What the API says about events, as models: the bodies of webhooks, and the events of the list."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from functions.contract import Answer, Count, Cursor, Id, PhoneNumber, Time
from storage.events import INTERNAL, EventType
from storage.models import SessionStatus

PUBLIC_TYPES = [type_ for type_ in EventType if type_ not in INTERNAL]
PublicType = Annotated[str, Field(json_schema_extra={"enum": [type_.value for type_ in PUBLIC_TYPES]})]
"""What a workspace is told of."""


class EventData(Answer):
    """What every event says of its session."""

    session_id: Id
    workspace_id: Id
    reference: str | None
    """What you gave when you created it."""
    status: SessionStatus
    """Where the session stands after this event."""
    version: Count
    """Grows with every change: a smaller one is older."""


class QrShown(EventData):
    """A QR can be scanned."""

    qr_code: str = Field(pattern="^data:image/png;base64,")
    """The QR as a PNG data URL, 256 pixels, margin 2, error correction M."""
    expires_at: Time
    expires_in: Count
    """Whole seconds from the moment of sending."""


class CodeShown(EventData):
    """A code can be typed on the phone."""

    pairing_code: str | None
    phone_number: PhoneNumber | None
    expires_at: Time
    expires_in: Count


class PasskeyWanted(EventData):
    """The phone waits for a passkey."""

    reason_code: str | None
    expires_at: Time | None
    expires_in: Count | None = None
    """Only with expires_at."""


class AccountKnown(EventData):
    """Who is linked."""

    phone_number: PhoneNumber | None
    display_name: str | None
    platform: str | None
    is_primary: bool


class SessionReplaced(EventData):
    """A newer session has the same number."""

    reason_code: str | None
    phone_number: PhoneNumber | None
    replaced_by: Id | None


class SessionEnded(EventData):
    """It ended, or lost its connection."""

    reason_code: str | None
    phone_number: PhoneNumber | None


class SessionFailed(SessionEnded):
    """It could not be started or kept."""

    duplicate_of: Id | None = None
    """Only with the reason `duplicate`: the session that has the number."""


class SessionBack(EventData):
    """It is there again."""

    phone_number: PhoneNumber | None


class SnapshotSaved(EventData):
    """A verified copy of the login was stored."""

    snapshot_id: str | None
    saved_at: Time
    size_bytes: Count | None


class ChatsSynced(EventData):
    """A sync that you asked for is done."""

    chats_count: Count | None
    synced_at: Time | None


DATA: dict[EventType, type[EventData]] = {
    EventType.QR_CODE_GENERATED: QrShown,
    EventType.PAIRING_CODE_GENERATED: CodeShown,
    EventType.PASSKEY_REQUIRED: PasskeyWanted,
    EventType.SESSION_AUTHENTICATED: EventData,
    EventType.SESSION_READY: AccountKnown,
    EventType.PHONE_RESOLVED: AccountKnown,
    EventType.SESSION_DISCONNECTED: SessionEnded,
    EventType.SESSION_RECONNECTED: SessionBack,
    EventType.SESSION_LOGGED_OUT: SessionEnded,
    EventType.SESSION_EXPIRED: SessionEnded,
    EventType.SESSION_FAILED: SessionFailed,
    EventType.SESSION_REPLACED: SessionReplaced,
    EventType.SESSION_HIBERNATED: EventData,
    EventType.SESSION_WOKEN: SessionBack,
    EventType.SESSION_RESTORED: SessionBack,
    EventType.SNAPSHOT_SAVED: SnapshotSaved,
    EventType.CHATS_SYNCED: ChatsSynced,
}
"""The `data` of every public event."""


class Event(Answer):
    """One event, as it was told by webhook, without picture and code."""

    id: str = Field(pattern="^[0-9]+$")
    """Its place: give it as `after`, or as Last-Event-ID."""
    type: PublicType
    timestamp: Time
    data: dict[str, Any]
    """As in the webhook of this type. Of a deleted session only session_id and workspace_id are left."""


class EventPage(Answer):
    """Events in the order in which they happened."""

    events: list[Event]
    next_cursor: Cursor
    """For the next page; null when there are no more now."""
