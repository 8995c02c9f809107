"""A snapshot as the command line shows it: exact for machines, short for people, numbers masked for both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from storage.ages import age_text
from storage.cli_output import print_rows, size_text
from storage.clock import to_wire
from storage.logs import mask_phone
from storage.snapshot_record import Snapshot


def exact(snapshot: Snapshot) -> dict[str, Any]:
    """For --json."""
    about = snapshot.about
    return {
        "session_id": about.session_id,
        "workspace_id": about.workspace_id,
        "snapshot_id": snapshot.id,
        "phone_number": mask_phone(about.phone_number),
        "reference": about.record.get("reference"),
        "captured_at": to_wire(about.captured_at),
        "saved_at": to_wire(snapshot.saved_at),
        "size_bytes": snapshot.size_bytes,
        "new_bytes": snapshot.new_bytes,
        "files": snapshot.files,
        "generation": about.generation,
        "node_id": about.node_id,
        "chromium": about.chromium,
        "web_version": about.web_version,
    }


def short(snapshot: Snapshot, now: datetime) -> dict[str, Any]:
    """For people: whose it is, how old, how large."""
    return {
        "session": snapshot.about.session_id,
        "workspace": snapshot.about.workspace_id,
        "phone": mask_phone(snapshot.about.phone_number),
        **in_history(snapshot, now),
    }


def in_history(snapshot: Snapshot, now: datetime) -> dict[str, Any]:
    """For people who know whose it is."""
    return {
        "snapshot": snapshot.id,
        "saved": age_text(snapshot.saved_at, now),
        "size": size_text(snapshot.size_bytes),
        "new": size_text(snapshot.new_bytes),
        "files": snapshot.files,
        "generation": snapshot.about.generation,
        "node": snapshot.about.node_id,
    }


def judged(rows: Sequence[dict[str, Any]], as_json: bool) -> int:
    """Print what was checked, each with its `problem` or none; give the exit code."""
    print_rows(rows, as_json)
    return 1 if any(row["problem"] for row in rows) else 0
