"""The sessions and chats that the contract shows, one for each state that a reader has to tell apart.

Rule: every one fits its model in `session_answers`; a test validates them.
"""

from __future__ import annotations

from typing import Any

CREATED_EXAMPLE: dict[str, Any] = {
    "id": "01JD3Z0V5M8Q4T2X9Y7W6R1K0B",
    "workspace_id": "01JD3YZZ7N6P5Q4R3S2T1V0W9X",
    "reference": "customer-7",
    "status": "qr_scanning",
    "phase": "waiting_for_scan",
    "progress_percent": None,
    "reason_code": None,
    "version": 3,
    "phone_number": None,
    "display_name": None,
    "is_primary": False,
    "replaced_by": None,
    "keep_alive": False,
    "metadata": {"plan": "gold"},
    "link_url": "https://link.example.com/link/4m0Zx2b9vT6yQ1sK8dWc3pLr5uHn7eJa_gXiVoBtYfE",
    "link_expires_at": "2026-01-31T10:30:00.000Z",
    "link_revoked_at": None,
    "expected_phone": None,
    "return_url": "https://example.com/linked",
    "webhook_url": None,
    "locale": "id",
    "qr": {
        "text": "2@example,of,a,ref",
        "expires_at": "2026-01-31T09:31:00.000Z",
        "png_url": "https://link.example.com/api/sessions/01JD3Z0V5M8Q4T2X9Y7W6R1K0B/qr.png",
        "svg_url": "https://link.example.com/api/sessions/01JD3Z0V5M8Q4T2X9Y7W6R1K0B/qr.svg",
    },
    "pairing_code": None,
    "passkey": None,
    "queue": None,
    "assigned_instance_index": 0,
    "assigned_instance_url": "http://10.0.0.7:8100",
    "node_id": "node-1",
    "region": None,
    "timings": {
        "qr_generation_ms": 41,
        "phone_extraction_ms": None,
        "launch_ms": 310,
        "load_ms": 820,
        "retrieval_ms": 12,
    },
    "chats": None,
    "snapshot": None,
    "created_at": "2026-01-31T09:30:00.000Z",
    "last_activity_at": "2026-01-31T09:30:00.041Z",
    "connected_at": None,
    "deleted_at": None,
}
"""A session whose QR is on display."""

LINKED_EXAMPLE: dict[str, Any] = {
    **CREATED_EXAMPLE,
    "status": "connected",
    "phase": None,
    "version": 7,
    "phone_number": "+6281234567890",
    "display_name": "Ayu",
    "is_primary": True,
    "qr": None,
    "timings": {**CREATED_EXAMPLE["timings"], "phone_extraction_ms": 88},
    "snapshot": {
        "id": "01JD3Z9A6C4R8T2X9Y7W6R1K0B",
        "saved_at": "2026-01-31T09:32:00.000Z",
        "verified_at": "2026-01-31T09:32:00.400Z",
        "size_bytes": 1846203,
    },
    "last_activity_at": "2026-01-31T09:32:00.400Z",
    "connected_at": "2026-01-31T09:31:02.000Z",
}
"""A session whose account is linked."""


def example_in(status: str, **changes: Any) -> dict[str, Any]:
    """The linked example, in another state."""
    return {**LINKED_EXAMPLE, "status": status, **changes}


STARTED_EXAMPLE: dict[str, Any] = {
    **CREATED_EXAMPLE,
    "status": "starting",
    "phase": "launching",
    "version": 2,
    "qr": None,
}
PAIRING_EXAMPLE: dict[str, Any] = {
    **CREATED_EXAMPLE,
    "version": 4,
    "pairing_code": {
        "code": "ABCD-EFGH",
        "phone_number": "+6281234567890",
        "expires_at": "2026-01-31T09:33:00.000Z",
    },
}
SYNC_EXAMPLE: dict[str, Any] = {
    "session_id": LINKED_EXAMPLE["id"],
    "status": "connected",
    "chats_count": 1,
    "synced_at": "2026-01-31T10:00:00.000Z",
}
CHATS_EXAMPLE: dict[str, Any] = {
    **SYNC_EXAMPLE,
    "chats": [
        {
            "id": "6289876543210@c.us",
            "name": "Budi",
            "unread_count": 2,
            "last_message_at": "2026-01-31T09:58:12.000Z",
            "is_group": False,
        }
    ],
    "next_cursor": None,
}
