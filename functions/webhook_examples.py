"""The generated parts of docs/webhooks.md: `python -m functions.webhook_examples` writes them anew.

Rule: every example is made by the code that makes the real webhook, so the document cannot say what is not
so. A test fails when the document and the code differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from functions.config import EVENTS_KEEP_DAYS
from functions.guarded_http import TIMEOUT_SECONDS
from functions.retry_schedule import LONGEST_RETRY_AFTER, SCHEDULE
from functions.webhook_sender import body_of
from storage.attempts import LONGEST_ANSWER_BYTES
from storage.circuit import FAILURES_TO_OPEN, FIRST_PAUSE, LONGEST_PAUSE, QUICK
from storage.clock import to_wire
from storage.deliveries import QUICK_TURNS, SLOW_TURNS
from storage.delivery import Delivery, DeliveryStatus
from storage.events import INTERNAL, EventType, NodeEvent
from storage.lifecycle import after_event
from storage.models import LINKED, SessionStatus
from storage.public_events import public_data
from storage.retention import DEAD_KEPT
from storage.sessions import Session

DOCUMENT = Path(__file__).parent.parent / "docs" / "webhooks.md"

_NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
_PHONE = "+6281234567890"
_SESSION_ID, _WORKSPACE_ID = "01JD3Z0V5M8Q4T2X9Y7W6R1K0B", "01JD3YZZ7N6P5Q4R3S2T1V0W9X"
_E, _S = EventType, SessionStatus


@dataclass(frozen=True, kw_only=True)
class _Sample:
    """What an event means to a backend, the state it meets, and its data as a node reports it."""

    when: str
    before: SessionStatus
    data: Mapping[str, Any] = field(default_factory=dict)


def _in(seconds: int) -> str:
    return to_wire(_NOW + timedelta(seconds=seconds))


SAMPLES: dict[EventType, _Sample] = {
    _E.QR_CODE_GENERATED: _Sample(
        when="A QR can be scanned. Comes again each time WhatsApp replaces it.",
        before=_S.STARTING,
        data={"ref": "2@example,of,a,ref", "expires_at": _in(60)},
    ),
    _E.PAIRING_CODE_GENERATED: _Sample(
        when="A code can be typed on the phone instead of scanning.",
        before=_S.QR_SCANNING,
        data={"code": "ABCD-EFGH", "phone_number": _PHONE, "expires_at": _in(180)},
    ),
    _E.PASSKEY_REQUIRED: _Sample(
        when="WhatsApp wants the person to confirm with a passkey on the phone.",
        before=_S.QR_SCANNING,
        data={"expires_at": _in(120)},
    ),
    _E.SESSION_AUTHENTICATED: _Sample(
        when="The QR was scanned or the code typed. The link is being made.",
        before=_S.QR_SCANNING,
    ),
    _E.SESSION_READY: _Sample(
        when="Linked and connected. `phone_number` is null when WhatsApp is late; `phone_resolved` follows.",
        before=_S.AUTHENTICATED,
        data={"phone_number": _PHONE, "display_name": "Ayu", "platform": "android"},
    ),
    _E.PHONE_RESOLVED: _Sample(
        when="The number that `session_ready` did not know yet.",
        before=_S.CONNECTED,
        data={"phone_number": _PHONE, "display_name": "Ayu"},
    ),
    _E.SESSION_DISCONNECTED: _Sample(
        when="The connection to WhatsApp or the browser was lost. The account stays linked; we reconnect.",
        before=_S.CONNECTED,
        data={"reason_code": "socket_lost"},
    ),
    _E.SESSION_RECONNECTED: _Sample(when="Connected again.", before=_S.RECONNECTING),
    _E.SESSION_HIBERNATED: _Sample(
        when="Nobody used the session for a while; its browser was closed. It wakes on demand, without a QR.",
        before=_S.CONNECTED,
    ),
    _E.SESSION_WOKEN: _Sample(when="Back from hibernation.", before=_S.HIBERNATED),
    _E.SESSION_RESTORED: _Sample(
        when="The login was put back from a snapshot, on this machine or another.", before=_S.RECONNECTING
    ),
    _E.SESSION_LOGGED_OUT: _Sample(
        when="The device was removed from the account: on the phone, by WhatsApp, or by your call.",
        before=_S.CONNECTED,
        data={"reason_code": "wa_logout"},
    ),
    _E.SESSION_EXPIRED: _Sample(
        when="Nobody scanned in time. POST …/qr starts again.",
        before=_S.QR_SCANNING,
        data={"reason_code": "qr_timeout"},
    ),
    _E.SESSION_FAILED: _Sample(
        when=(
            "It could not be started or kept. `reason_code` says why; POST …/restart tries again. With"
            " `duplicate`, a workspace that refuses a second link of a number has one already:"
            " `duplicate_of` names it. With `wrong_number`, another account was linked than `expected_phone`"
            " says, and was logged out again."
        ),
        before=_S.STARTING,
        data={"reason_code": "load_timeout"},
    ),
    _E.SESSION_REPLACED: _Sample(
        when="The same number was linked again by a newer session of yours; this one ended.",
        before=_S.CONNECTED,
        data={"reason_code": "duplicate", "phone_number": _PHONE},
    ),
    _E.SNAPSHOT_SAVED: _Sample(
        when="A verified copy of the login was stored.",
        before=_S.CONNECTED,
        data={
            "snapshot_id": "01JD3Z9A6C4R8T2X9Y7W6R1K0B",
            "saved_at": "2026-11-21T10:00:00.000Z",
            "size_bytes": 1846203,
        },
    ),
    _E.CHATS_SYNCED: _Sample(when="A sync that you asked for is done.", before=_S.CONNECTED),
}
"""Every public event."""

FIELDS = {
    "session_id": "the session",
    "workspace_id": "your workspace",
    "reference": "what you gave when you created the session, or null",
    "status": "where the session stands after this event",
    "version": "grows with every change of the session: a smaller one is older",
    "qr_code": "the QR as a PNG data URL, 256 pixels, margin 2, error correction M",
    "expires_at": "until when it can be used",
    "expires_in": "the same in whole seconds from the moment of sending; 0 when it is over",
    "pairing_code": "the code to type on the phone",
    "phone_number": "E.164 with +, or null while it is not known",
    "reason_code": "why, in one word",
    "display_name": "the account's name, or null",
    "platform": "of the phone, or null",
    "replaced_by": "the newer session of the same number",
    "chats_count": "how many there are; GET …/chats lists them",
    "synced_at": "when the page was read",
    "snapshot_id": "the copy, as `storage.cli snapshots` names it",
    "saved_at": "when it was complete",
    "size_bytes": "what a restore writes",
    "is_primary": "whether this is the workspace's first account",
}
"""What the fields of `data` mean."""


def example(type_: EventType) -> dict[str, Any]:
    """The body of a webhook of this type, with a shortened picture."""
    sample = SAMPLES[type_]
    linked = sample.before in LINKED
    before = Session(
        id=_SESSION_ID,
        workspace_id=_WORKSPACE_ID,
        created_at=_NOW,
        last_activity_at=_NOW,
        reference="customer-7",
        status=sample.before,
        version=6,
        phone_number=_PHONE if linked and type_ is not _E.PHONE_RESOLVED else None,
    )
    event = NodeEvent(
        id="01JD3Z12ABCDEFGHJKMNPQRSTV",
        session_id=_SESSION_ID,
        generation=0,
        seq=1,
        type=type_,
        occurred_at=_NOW,
        data=sample.data,
    )
    after = after_event(before, event, _NOW)
    if after is None:
        raise ValueError(f"{type_} does not fit {sample.before}")
    # the registry's part
    if after.status in LINKED:
        after = replace(after, is_primary=True)
    if type_ is _E.SESSION_REPLACED:
        after = replace(after, replaced_by="01JD3ZB7M2V9K5W3H8T6N4Q1XF")
    if type_ is _E.CHATS_SYNCED:
        after = replace(after, chats_count=112, chats_synced_at=_NOW)
    body: dict[str, Any] = json.loads(body_of(_delivery(event, public_data(after, event)), _NOW))
    if "qr_code" in body["data"]:
        body["data"]["qr_code"] = body["data"]["qr_code"][:40] + "…"
    return body


def _delivery(event: NodeEvent, data: Mapping[str, Any]) -> Delivery:
    return Delivery(
        position=1,
        id="msg_01JD3Z12ABCDEFGHJKMNPQRSTV",
        endpoint_id="01JD3Z00000000000000000000",
        endpoint_url="https://example.com/hooks",
        workspace_id=_WORKSPACE_ID,
        session_id=event.session_id,
        event_id=event.id,
        type=event.type.value,
        occurred_at=event.occurred_at,
        data=data,
        status=DeliveryStatus.PENDING,
        attempts=0,
        created_at=_NOW,
        next_attempt_at=_NOW,
        last_attempt_at=None,
        last_status_code=None,
        last_error=None,
        delivered_at=None,
    )


def _events() -> str:
    parts = []
    common = ("session_id", "workspace_id", "reference", "status", "version")
    parts.append("`data` of every event:\n\n" + _table(common))
    for type_ in EventType:
        if type_ in INTERNAL:
            continue
        body = example(type_)
        adds = [name for name in body["data"] if name not in common]
        parts.append(f"### {type_}\n\n{SAMPLES[type_].when}")
        parts.append(f"Adds:\n\n{_table(adds)}" if adds else "Adds nothing to the fields above.")
        parts.append(f"```json\n{json.dumps(body, indent=2, ensure_ascii=False)}\n```")
    return "\n\n".join(parts)


def _table(names: list[str] | tuple[str, ...]) -> str:
    return "\n".join(["| field | |", "|---|---|", *(f"| `{name}` | {FIELDS[name]} |" for name in names)])


def _numbers() -> str:
    pauses = ", ".join(_spell(pause) for pause in SCHEDULE)
    rest = f"{_spell(FIRST_PAUSE)} to {_spell(LONGEST_PAUSE)}"
    return "\n".join(
        [
            "| what | how much |",
            "|---|---|",
            f"| an attempt, from connecting to your whole answer | {TIMEOUT_SECONDS:g} s |",
            f"| pauses between attempts, plus up to a tenth | {pauses} |",
            f"| the longest `Retry-After` that is heeded | {_spell(LONGEST_RETRY_AFTER)} |",
            f"| failures in a row until an endpoint is left alone | {FAILURES_TO_OPEN} |",
            f"| for how long; doubles with every try that fails | {rest} |",
            f"| under way to an endpoint at a time, answering within {_spell(QUICK)} | {QUICK_TURNS} |",
            f"| the same while it is slow, failing or new | {SLOW_TURNS} |",
            f"| kept of an answer | {LONGEST_ANSWER_BYTES} bytes |",
            f"| delivered webhooks are kept | your `events_keep_days`, else {EVENTS_KEEP_DAYS} days |",
            f"| webhooks that were given up are kept | your `events_keep_days`, else {DEAD_KEPT.days} days |",
        ]
    )


def _spell(pause: timedelta) -> str:
    seconds = int(pause.total_seconds())
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def render(document: str) -> str:
    """The document with its generated parts as they should be. Raises ValueError when a marker is missing."""
    for name, text in (("numbers", _numbers()), ("events", _events())):
        begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        document, count = pattern.subn(lambda _, part=f"{begin}\n{text}\n{end}": part, document)  # type: ignore[misc]
        if count != 1:
            raise ValueError(f"the document lacks the markers of {name}")
    return document


def main() -> None:
    """Write the document anew."""
    DOCUMENT.write_text(render(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
