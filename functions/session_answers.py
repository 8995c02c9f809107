"""What the API says about sessions and chats, as models.

Rule: `session_wire` makes the same objects by hand, because a model for every answer would cost time; the
tests' client holds the two together.
"""

from __future__ import annotations

from typing import Any

from functions.contract import Answer, Count, Cursor, Id, PhoneNumber, Time
from storage.models import Phase, SessionStatus


class Qr(Answer):
    """A QR that can be scanned now."""

    text: str
    """What the QR says, for whoever draws it."""
    expires_at: Time | None
    png_url: str
    svg_url: str


class PairingCode(Answer):
    """A code that can be typed on the phone now."""

    code: str
    phone_number: PhoneNumber | None
    """The phone that it is for."""
    expires_at: Time | None


class Passkey(Answer):
    """WhatsApp waits for a passkey on the phone."""

    expires_at: Time | None


class QueuePlace(Answer):
    """The session waits for a browser."""

    position: Count
    estimated_wait_ms: Count | None


class Timings(Answer):
    """How long it took, in milliseconds; null where it was not measured."""

    qr_generation_ms: Count | None
    phone_extraction_ms: Count | None
    launch_ms: Count | None
    load_ms: Count | None
    retrieval_ms: Count | None


class ChatsRead(Answer):
    """The last sync of chats."""

    count: Count | None
    synced_at: Time | None


class Snapshot(Answer):
    """The newest verified copy of the login."""

    id: str
    saved_at: Time | None
    verified_at: Time | None
    """When all of it was last read back and checked."""
    size_bytes: Count | None
    """What a restore writes."""


class Session(Answer):
    """One link between a workspace and one WhatsApp account."""

    id: Id
    workspace_id: Id
    reference: str | None
    """What you gave when you created it."""
    status: SessionStatus
    phase: Phase | None
    """Progress inside a status."""
    progress_percent: Count | None
    reason_code: str | None
    """Why it is where it is, in one word such as qr_timeout, browser_crash, wa_logout. Words may be added."""
    version: Count
    """Grows with every change: a smaller one is older."""
    phone_number: PhoneNumber | None
    display_name: str | None
    is_primary: bool
    """The first account of the workspace."""
    replaced_by: Id | None
    """The newer session of the same number."""
    keep_alive: bool
    metadata: dict[str, Any]
    link_url: str | None
    """The hosted page to send your customer to; null when there is none any more."""
    link_expires_at: Time | None
    link_revoked_at: Time | None
    """When you ended the link; null while it is good."""
    expected_phone: PhoneNumber | None
    """Whose account you wait for."""
    return_url: str | None
    webhook_url: str | None
    locale: str | None
    qr: Qr | None
    pairing_code: PairingCode | None
    passkey: Passkey | None
    queue: QueuePlace | None
    assigned_instance_index: Count | None
    """The node that holds it, by number."""
    assigned_instance_url: str | None
    node_id: str | None
    region: str | None
    timings: Timings
    chats: ChatsRead | None
    snapshot: Snapshot | None
    created_at: Time
    last_activity_at: Time
    connected_at: Time | None
    deleted_at: Time | None


class SessionPage(Answer):
    """Sessions, the newest first."""

    sessions: list[Session]
    next_cursor: Cursor
    """For the next page; null on the last one."""


class ChatSync(Answer):
    """What the last sync came to."""

    session_id: Id
    status: SessionStatus
    chats_count: Count | None
    synced_at: Time | None


class Chat(Answer):
    """One chat of a linked account."""

    id: str
    """As WhatsApp Web writes it: 628…@c.us, …@lid, …@g.us for a group."""
    name: str | None
    unread_count: Count
    last_message_at: Time | None
    is_group: bool


class ChatPage(ChatSync):
    """The chats, the newest message first."""

    chats: list[Chat]
    next_cursor: Cursor
    """For the next page, until the next sync; null on the last one."""
