"""One session's story: what happened, when, how long after what was before it. For backends and operators.

Rule: only what is named here is told of an event, so no number, ref or code can stand in a story.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storage.clock import from_wire, to_wire
from storage.database import Database
from storage.event_log import Outcome
from storage.events import EventType
from storage.sealed_text import read_json
from storage.sessions import Session

MOST_EVENTS = 300
"""The newest. A link has ten; one that nobody scans has one more every 20 s until it expires."""
MOST_WEBHOOKS = 100
TOLD = (
    *("phase", "reason_code", "message", "percent", "position", "estimated_wait_ms", "expires_at"),
    *("qr_generation_ms", "launch_ms", "load_ms", "retrieval_ms"),
    *("phone_extraction_ms", "phone_extraction_method", "snapshot_id", "size_bytes", "replaced_by"),
    *("what", "waited_ms", "failed_before"),
)
"""Of an event's data."""
NUMBER = "phone_number"
_NAMES = {
    EventType.SESSION_QUEUED: "queued",
    EventType.QR_CODE_GENERATED: "qr_shown",
    EventType.PAIRING_CODE_GENERATED: "pairing_code_shown",
    EventType.SESSION_AUTHENTICATED: "scanned",
    EventType.SESSION_READY: "ready",
    EventType.PHONE_RESOLVED: "number",
    EventType.SNAPSHOT_SAVED: "snapshot",
    EventType.PAGE_PAINTED: "painted",
}
_PHASES = {"launching": "launching", "loading": "launched", "waiting_for_qr": "loaded"}
"""What a phase says of the step before it: whoever loads has launched."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that happened."""

    at: datetime
    what: str
    """created, queued, launching, launched, loaded, qr_shown, painted, scanned, number, ready, snapshot,
    webhook; for everything else the event's own name."""
    node_id: str | None = None
    generation: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    ignored: str | None = None
    """Why it changed nothing: stale, does_not_fit, …"""
    times: int = 1
    """A QR that was renewed is one step; `at` is the first."""


@dataclass(frozen=True, kw_only=True)
class Story:
    """Steps in the order in which they happened."""

    steps: list[Step]
    truncated: bool
    """There is more before the first one, but for `created`."""

    def to_wire(self) -> list[dict[str, Any]]:
        """With the time since the start and since the step before."""
        wire = []
        for index, step in enumerate(self.steps):
            before = self.steps[index - 1] if index else step
            wire.append(
                {
                    "at": to_wire(step.at),
                    "what": step.what,
                    "after_ms": _ms(self.steps[0].at, step.at),
                    "since_previous_ms": _ms(before.at, step.at),
                    "times": step.times,
                    "node_id": step.node_id,
                    "generation": step.generation,
                    "ignored": step.ignored,
                    "details": dict(step.details),
                }
            )
        return wire


def story_of(database: Database, session: Session) -> Story:
    """Everything that the registry remembers of a session."""
    events = database.all("events_of_session", session_id=session.id, limit=MOST_EVENTS)
    webhooks = database.all("webhooks_of_session", session_id=session.id, limit=MOST_WEBHOOKS)
    steps = [Step(at=session.created_at, what="created")]
    number_told = False
    for row in reversed(events):
        step, has_number = _of_event(row)
        steps.append(step)
        if has_number and not number_told and step.ignored is None:
            number_told = True
            if step.what != "number":
                number = Step(at=step.at, what="number", node_id=step.node_id, generation=step.generation)
                steps.insert(len(steps) - (step.what == "ready"), number)  # a scan comes before its number
    steps += [_of_webhook(row) for row in webhooks]
    steps.sort(key=lambda step: step.at)  # stable: what happened in one millisecond stays in its order
    return Story(steps=_gathered(steps), truncated=len(events) == MOST_EVENTS)


def _of_event(row: Mapping[str, Any]) -> tuple[Step, bool]:
    data = read_json(row["data"])
    type_, phase = row["type"], data.get("phase")
    name = _NAMES.get(type_, type_)
    if type_ == EventType.SESSION_STARTING or (type_ == EventType.SESSION_PROGRESSED and phase in _PHASES):
        name = _PHASES.get(str(phase), name)
    outcome, said_by_name = row["outcome"], {"phase"} if name in _PHASES.values() else set()
    step = Step(
        at=from_wire(row["occurred_at"]),
        what=name,
        node_id=row["node_id"],
        generation=row["generation"],
        details={one: data[one] for one in TOLD if data.get(one) is not None and one not in said_by_name},
        ignored=None if outcome == Outcome.APPLIED else outcome,
    )
    return step, data.get(NUMBER) is not None and type_ != EventType.PAIRING_CODE_GENERATED


def _of_webhook(row: Mapping[str, Any]) -> Step:
    """When it was delivered; while it is not, when it was last tried or came to be owed."""
    at = row["delivered_at"] or row["last_attempt_at"] or row["created_at"]
    details = {
        "type": row["type"],
        "status": row["status"],
        "attempts": row["attempts"],
        "delivery_id": row["id"],
        "status_code": row["last_status_code"],
        "error": None if row["status"] == "delivered" else row["last_error"],
    }
    told = {name: value for name, value in details.items() if value is not None}
    return Step(at=from_wire(at), what="webhook", details=told)


def _gathered(steps: list[Step]) -> list[Step]:
    """A QR or a percentage that was renewed with nothing but webhooks in between is one step."""
    gathered: list[Step] = []
    open_step: dict[str, int] = {}
    for step in steps:
        index = open_step.get(step.what)
        if step.what in ("qr_shown", EventType.SESSION_PROGRESSED.value) and index is not None:
            first = gathered[index]
            latest = {**first.details, **step.details}
            gathered[index] = Step(**{**vars(first), "times": first.times + 1, "details": latest})
            continue
        if step.what != "webhook":
            open_step = {step.what: len(gathered)}
        gathered.append(step)
    return gathered


def _ms(earlier: datetime, later: datetime) -> int:
    return round((later - earlier).total_seconds() * 1000)
