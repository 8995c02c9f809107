"""What a session's timeline promises. How to add one: see `contract`."""

from __future__ import annotations

from typing import Any

from functions.contract import Answer, Count, Id, Operation, Operations, Reply, Time


class TimelineStep(Answer):
    """One thing that happened."""

    at: Time
    what: str
    """created, queued, launching, launched, loaded, qr_shown, pairing_code_shown, painted (by the hosted
    page: qr, code or number), scanned, number, ready, snapshot, webhook, or the name of another event; more
    may be added."""
    after_ms: int
    """Since the first step."""
    since_previous_ms: int
    times: Count
    """A QR that was renewed is one step."""
    node_id: str | None
    generation: int | None
    ignored: str | None
    """Why it changed nothing."""
    details: dict[str, Any]
    """Durations, reasons, ids; never a number, a QR or a code."""


class Timeline(Answer):
    """A session's story, oldest step first."""

    session_id: Id
    status: str
    reason_code: str | None
    reason_message: str | None
    steps: list[TimelineStep]
    truncated: bool
    """There were more events than are shown."""


_ID = "01JD3Z0V5M8Q4T2X9Y7W6R1K0B"

OPERATIONS: Operations = {
    "timeline.show": Operation(
        summary="What happened to a session",
        text="Every step from the request to the webhooks, with the time that it took.",
        replies=(
            Reply(
                status=200,
                what="The story.",
                model=Timeline,
                example={
                    "session_id": _ID,
                    "status": "connected",
                    "reason_code": None,
                    "reason_message": None,
                    "steps": [
                        {
                            "at": "2026-01-31T09:30:00.041Z",
                            "what": "qr_shown",
                            "after_ms": 41,
                            "since_previous_ms": 41,
                            "times": 1,
                            "node_id": "node-1",
                            "generation": 1,
                            "ignored": None,
                            "details": {"qr_generation_ms": 41},
                        }
                    ],
                    "truncated": False,
                },
            ),
        ),
        errors=("session_not_found",),
    ),
}
