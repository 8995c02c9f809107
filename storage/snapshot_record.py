"""What is said of a snapshot: what the node knew when it captured, and one line of the history.

Rule: times are kept to the millisecond from the start, so that a record read back equals the one saved.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.clock import from_wire, to_wire
from storage.ids import ID_FORM
from storage.strict_fields import Fields


@dataclass(frozen=True, kw_only=True)
class About:
    """What a node knows at capture."""

    session_id: str
    workspace_id: str
    generation: int
    node_id: str
    phone_number: str | None
    chromium: str
    web_version: str | None
    captured_at: datetime
    record: Mapping[str, Any]
    """What the functions want back when the registry is lost; opaque here, any JSON object."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One line of the history."""

    id: str
    about: About
    saved_at: datetime
    files: int
    size_bytes: int
    """What the files add up to, plain."""
    new_bytes: int
    """What was sent for it: pack and manifest, sealed."""


def about_to_wire(about: About) -> dict[str, Any]:
    """As JSON. Raises TypeError, ValueError when the record is none."""
    return {
        "session_id": about.session_id,
        "workspace_id": about.workspace_id,
        "generation": about.generation,
        "node_id": about.node_id,
        "phone_number": about.phone_number,
        "chromium": about.chromium,
        "web_version": about.web_version,
        "captured_at": to_wire(about.captured_at),
        "record": json.loads(json.dumps(dict(about.record), allow_nan=False)),
    }


def about_from_wire(fields: Fields) -> About:
    """Raises ValueError naming the field."""
    return About(
        session_id=fields.text("session_id"),
        workspace_id=fields.text("workspace_id"),
        generation=fields.number("generation"),
        node_id=fields.text("node_id"),
        phone_number=fields.text_or_none("phone_number"),
        chromium=fields.text("chromium"),
        web_version=fields.text_or_none("web_version"),
        captured_at=fields.moment("captured_at"),
        record=fields.mapping("record"),
    )


def settled(about: About) -> About:
    """The same as it will be read back. Raises TypeError, ValueError when it cannot be written."""
    return about_from_wire(Fields(about_to_wire(about), "about"))


def snapshot_to_wire(snapshot: Snapshot) -> dict[str, Any]:
    """As JSON."""
    return {
        "id": snapshot.id,
        "about": about_to_wire(snapshot.about),
        "saved_at": to_wire(snapshot.saved_at),
        "files": snapshot.files,
        "size_bytes": snapshot.size_bytes,
        "new_bytes": snapshot.new_bytes,
    }


def snapshot_from_wire(fields: Fields) -> Snapshot:
    """Raises ValueError naming the field."""
    return Snapshot(
        id=fields.text("id", ID_FORM),
        about=about_from_wire(fields.fields("about")),
        saved_at=fields.moment("saved_at"),
        files=fields.number("files"),
        size_bytes=fields.number("size_bytes"),
        new_bytes=fields.number("new_bytes"),
    )


def to_millisecond(moment: datetime) -> datetime:
    """As `to_wire` keeps it."""
    return from_wire(to_wire(moment))
