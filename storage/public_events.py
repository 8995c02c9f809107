"""What a workspace is told of an event: the `data` of its webhook.

Rule: `data` is decided in the transaction that applied the event, so it can never contradict the state.
Only the picture of a QR is made later, when it is sent.
"""

from __future__ import annotations

from typing import Any

from storage.clock import to_wire
from storage.events import EventType, NodeEvent
from storage.models import ReasonCode
from storage.sessions import Session


def public_data(session: Session, event: NodeEvent) -> dict[str, Any]:
    """The session after the event, and what the event adds."""
    return {
        "session_id": session.id,
        "workspace_id": session.workspace_id,
        "reference": session.reference,
        "status": session.status.value,
        "version": session.version,
        **_extras(session, event),
    }


def _extras(session: Session, event: NodeEvent) -> dict[str, Any]:
    match event.type:
        case EventType.QR_CODE_GENERATED:
            assert session.qr_expires_at is not None
            return {"qr_text": session.qr_text, "expires_at": to_wire(session.qr_expires_at)}
        case EventType.PAIRING_CODE_GENERATED:
            assert session.pairing_expires_at is not None
            return {
                "pairing_code": session.pairing_code,
                "phone_number": session.pairing_phone_number,
                "expires_at": to_wire(session.pairing_expires_at),
            }
        case EventType.PASSKEY_REQUIRED:
            expires_at = session.passkey_expires_at
            return {"reason_code": session.reason_code, "expires_at": expires_at and to_wire(expires_at)}
        case EventType.SESSION_READY | EventType.PHONE_RESOLVED:
            return {
                "phone_number": session.phone_number,
                "display_name": session.display_name,
                "platform": session.platform,
                "is_primary": session.is_primary,
            }
        case EventType.SESSION_REPLACED:
            return {
                "reason_code": session.reason_code,
                "phone_number": event.data.get("phone_number", session.phone_number),
                "replaced_by": session.replaced_by,
            }
        case EventType.SESSION_FAILED if session.reason_code == ReasonCode.DUPLICATE:
            return {
                "reason_code": session.reason_code,
                "phone_number": event.data.get("phone_number"),
                "duplicate_of": event.data.get("duplicate_of"),
            }
        case EventType.CHATS_SYNCED:
            synced_at = session.chats_synced_at
            return {"chats_count": session.chats_count, "synced_at": synced_at and to_wire(synced_at)}
        case EventType.SNAPSHOT_SAVED:
            assert session.snapshot_saved_at is not None
            return {
                "snapshot_id": session.snapshot_id,
                "saved_at": to_wire(session.snapshot_saved_at),
                "size_bytes": session.snapshot_size_bytes,
            }
        case EventType.SESSION_RECONNECTED | EventType.SESSION_WOKEN | EventType.SESSION_RESTORED:
            return {"phone_number": session.phone_number}
        case (
            EventType.SESSION_DISCONNECTED
            | EventType.SESSION_LOGGED_OUT
            | EventType.SESSION_EXPIRED
            | EventType.SESSION_FAILED
        ):
            return {"reason_code": session.reason_code, "phone_number": session.phone_number}
        case _:
            return {}
