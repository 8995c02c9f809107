"""A session as the backend sees it. Fields may be added here; none is ever renamed.

Rule: a QR or a code is shown only while it is alive, and the ETag says so.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from functions.links import Links
from storage.clock import to_wire
from storage.sessions import Session


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else to_wire(moment)


def etag_of(session: Session, now: datetime) -> str:
    """Strong: the version, and whether a QR or code that this version carries has died since."""
    died = (session.qr_text is not None and session.live_qr(now) is None) or (
        session.pairing_code is not None and session.live_pairing_code(now) is None
    )
    return f"{session.id}-{session.version}{'-expired' if died else ''}"


def session_to_wire(session: Session, links: Links, public_url: str, now: datetime) -> dict[str, Any]:
    """The JSON object of every session in the API."""
    has_page = session.link_token_hash is not None and session.link_revoked_at is None
    return {
        "id": session.id,
        "workspace_id": session.workspace_id,
        "reference": session.reference,
        "status": session.status.value,
        "phase": None if session.phase is None else session.phase.value,
        "progress_percent": session.progress_percent,
        "reason_code": session.reason_code,
        "version": session.version,
        "phone_number": session.phone_number,
        "display_name": session.display_name,
        "is_primary": session.is_primary,
        "replaced_by": session.replaced_by,
        "keep_alive": session.keep_alive,
        "metadata": dict(session.metadata),
        "link_url": links.url(session) if has_page else None,
        "link_expires_at": _time(session.link_expires_at),
        "link_revoked_at": _time(session.link_revoked_at),
        "expected_phone": session.expected_phone,
        "return_url": session.return_url,
        "webhook_url": session.webhook_url,
        "locale": session.locale,
        "qr": _qr(session, public_url, now),
        "pairing_code": _pairing_code(session, now),
        "passkey": None
        if session.passkey_expires_at is None
        else {"expires_at": _time(session.passkey_expires_at)},
        "queue": None
        if session.queue_position is None
        else {"position": session.queue_position, "estimated_wait_ms": session.queue_estimated_wait_ms},
        "assigned_instance_index": session.node_index,
        "assigned_instance_url": session.node_url,
        "node_id": session.node_id,
        "region": session.region,
        "timings": {
            "qr_generation_ms": session.qr_generation_ms,
            "phone_extraction_ms": session.phone_extraction_ms,
            "launch_ms": session.launch_ms,
            "load_ms": session.load_ms,
            "retrieval_ms": session.retrieval_ms,
        },
        "chats": None
        if session.chats_synced_at is None
        else {"count": session.chats_count, "synced_at": _time(session.chats_synced_at)},
        "snapshot": _snapshot(session),
        "created_at": _time(session.created_at),
        "last_activity_at": _time(session.last_activity_at),
        "connected_at": _time(session.connected_at),
        "deleted_at": _time(session.deleted_at),
    }


def _qr(session: Session, public_url: str, now: datetime) -> dict[str, Any] | None:
    text = session.live_qr(now)
    if text is None:
        return None
    base = f"{public_url}/api/sessions/{session.id}/qr"
    return {
        "text": text,
        "expires_at": _time(session.qr_expires_at),
        "png_url": f"{base}.png",
        "svg_url": f"{base}.svg",
    }


def _snapshot(session: Session) -> dict[str, Any] | None:
    if session.snapshot_id is None or session.deleted_at is not None:
        return None
    return {
        "id": session.snapshot_id,
        "saved_at": _time(session.snapshot_saved_at),
        "verified_at": _time(session.snapshot_verified_at),
        "size_bytes": session.snapshot_size_bytes,
    }


def _pairing_code(session: Session, now: datetime) -> dict[str, Any] | None:
    code = session.live_pairing_code(now)
    if code is None:
        return None
    return {
        "code": code,
        "phone_number": session.pairing_phone_number,
        "expires_at": _time(session.pairing_expires_at),
    }
