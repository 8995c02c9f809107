"""What an event's `data` says about its session, read into typed columns.

Rule: a field of the wrong type is refused by name before anything is stored; a field we do not know is
left alone, so that a newer node can talk to older functions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from storage.clock import from_wire
from storage.errors import BadMessage
from storage.events import EventType, NodeEvent
from storage.models import Phase

_REASON = re.compile(r"[a-z][a-z0-9_]{0,39}")
_E164 = re.compile(r"\+[1-9][0-9]{5,14}")
_LONGEST_TEXT = 2000
"""A QR has about 240 characters, a failure's message a few lines; more is not what it says it is."""


SNAPSHOT_COLUMNS = ("snapshot_id", "snapshot_saved_at", "snapshot_verified_at", "snapshot_size_bytes")

Facts = dict[str, Any]
"""Columns of `storage.sessions.Session` that an event sets."""


class _Reader:
    """Takes typed values out of one event's data."""

    def __init__(self, event: NodeEvent) -> None:
        self._data: Mapping[str, Any] = event.data
        self._type = event.type

    def _refuse(self, name: str, wanted: str) -> BadMessage:
        return BadMessage(
            f"field 'data.{name}' of {self._type} must be {wanted}, got {self._data.get(name)!r:.60}"
        )

    def text(self, name: str) -> str | None:
        value = self._data.get(name)
        if value is None or (isinstance(value, str) and len(value) <= _LONGEST_TEXT):
            return value or None
        raise self._refuse(name, f"a string of at most {_LONGEST_TEXT} characters or null")

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise self._refuse(name, "a string")
        return value

    def number(self, name: str, most: int = 2**53) -> int | None:
        value = self._data.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise self._refuse(name, f"a number from 0 to {most} or null")
        return round(value)

    def moment(self, name: str) -> datetime | None:
        value = self._data.get(name)
        if value is None:
            return None
        try:
            return from_wire(value)
        except (TypeError, ValueError) as error:
            raise self._refuse(name, "an RFC 3339 time") from error

    def required_moment(self, name: str) -> datetime:
        value = self.moment(name)
        if value is None:
            raise self._refuse(name, "an RFC 3339 time")
        return value

    def phone(self, name: str) -> str | None:
        value = self._data.get(name)
        if value is None or (isinstance(value, str) and _E164.fullmatch(value)):
            return value
        raise BadMessage(f"field 'data.{name}' of {self._type} must be E.164 with + or null")  # never quoted

    def phase(self) -> Phase | None:
        value = self._data.get("phase")
        try:
            return None if value is None else Phase(value)
        except ValueError as error:
            raise self._refuse("phase", f"one of {', '.join(Phase)}") from error

    def reason(self, name: str = "reason_code") -> str | None:
        value = self._data.get(name)
        if value is None or (isinstance(value, str) and _REASON.fullmatch(value)):
            return value
        raise self._refuse(name, "a word in small letters or null")


def facts_of(event: NodeEvent) -> Facts:
    """The columns that this event sets. Raises BadMessage naming the field."""
    data = _Reader(event)
    match event.type:
        case EventType.SESSION_QUEUED:
            return {
                "queue_position": data.number("position"),
                "queue_estimated_wait_ms": data.number("estimated_wait_ms"),
            }
        case EventType.SESSION_STARTING:
            data.reason("failed_before")  # kept with the event, for its story
            return {"phase": data.phase() or Phase.LAUNCHING}
        case EventType.SESSION_PROGRESSED:
            data.reason("failed_before")
            facts: Facts = {"progress_percent": data.number("percent", most=100)}
            phase = data.phase()
            return facts if phase is None else {**facts, "phase": phase}
        case EventType.QR_CODE_GENERATED:
            return {
                "phase": Phase.WAITING_FOR_SCAN,
                "qr_text": data.required_text("ref"),
                "qr_expires_at": data.required_moment("expires_at"),
                **_timings(data, "qr_generation_ms", "launch_ms", "load_ms", "retrieval_ms"),
            }
        case EventType.PAIRING_CODE_GENERATED:
            return {
                "phase": Phase.WAITING_FOR_SCAN,
                "pairing_code": data.required_text("code"),
                "pairing_phone_number": data.phone("phone_number"),
                "pairing_expires_at": data.required_moment("expires_at"),
            }
        case EventType.PASSKEY_REQUIRED:
            return {"passkey_expires_at": data.moment("expires_at")}
        case EventType.SESSION_AUTHENTICATED:
            # the number is often readable before the socket is connected: nobody should wait for it
            early = {"phone_number": data.phone("phone_number"), "display_name": data.text("display_name")}
            return {name: value for name, value in early.items() if value is not None}
        case EventType.SESSION_READY:
            return {
                "phone_number": data.phone("phone_number"),
                "display_name": data.text("display_name"),
                "platform": data.text("platform"),
                **_timings(data, "phone_extraction_ms"),
            }
        case EventType.PHONE_RESOLVED:
            phone_number = data.phone("phone_number")
            if phone_number is None:
                raise BadMessage("field 'data.phone_number' of phone_resolved must be E.164 with +")
            resolved: Facts = {
                "phone_number": phone_number,
                "phase": None,
                **_timings(data, "phone_extraction_ms"),
            }
            name = data.text("display_name")
            return resolved if name is None else {**resolved, "display_name": name}
        case EventType.SNAPSHOT_SAVED:
            saved_at = data.required_moment("saved_at")
            return {
                "snapshot_id": data.required_text("snapshot_id"),
                "snapshot_saved_at": saved_at,
                "snapshot_verified_at": data.moment("verified_at"),
                "snapshot_size_bytes": data.number("size_bytes"),
            }
        case EventType.SNAPSHOT_VERIFIED:
            return {"snapshot_verified_at": data.required_moment("verified_at")}
        case EventType.SNAPSHOTS_DESTROYED:
            return dict.fromkeys(SNAPSHOT_COLUMNS)
        case (
            EventType.SESSION_DISCONNECTED
            | EventType.SESSION_LOGGED_OUT
            | EventType.SESSION_EXPIRED
            | EventType.SESSION_FAILED
            | EventType.SESSION_REPLACED
        ):
            return {"reason_code": data.reason(), "reason_message": data.text("message")}
        case _:
            return {}


def _timings(data: _Reader, *names: str) -> Facts:
    """Durations, where they were measured: a missing one does not erase an earlier one."""
    measured = {name: data.number(name) for name in names}
    return {name: ms for name, ms in measured.items() if ms is not None}
