"""`python -m storage.cli sessions`: links between workspaces and accounts; `show` tells one's whole story.

Rule: numbers are masked; refs, codes and tokens are not in the registry's history in the first place.
"""

from __future__ import annotations

from typing import Any

import click

from storage.ages import age_text
from storage.cli_diagnosis import fetch_diagnosis
from storage.cli_nodes import move_session
from storage.cli_output import as_json, print_fields, print_json, print_rows
from storage.cli_registry import open_registry
from storage.clock import SystemClock, from_wire, to_wire
from storage.deliveries import Deliveries
from storage.logs import mask_phone
from storage.registry import Registry
from storage.sessions import Session
from storage.timeline import Story, story_of


@click.group()
def sessions() -> None:
    """Links between workspaces and accounts."""


@sessions.command("list")
@click.option("--workspace", "workspace_id", help="Only this workspace's.")
@click.option("--limit", default=50, type=click.IntRange(1, 1000), show_default=True)
@as_json
def list_sessions(workspace_id: str | None, limit: int, as_json: bool) -> None:
    """The newest sessions, with masked numbers."""
    with open_registry() as database:
        clock = SystemClock()
        registry = Registry(database, clock, Deliveries(database, clock))
        found = registry.sessions.recent(workspace_id=workspace_id, limit=limit)
    print_rows(
        [
            {
                "id": one.id,
                "workspace_id": one.workspace_id,
                "status": one.status.value,
                "reason_code": one.reason_code,
                "wanted": one.wanted.value,
                "node_id": one.node_id,
                "generation": one.generation,
                "phone_number": mask_phone(one.phone_number),
                "last_activity_at": to_wire(one.last_activity_at),
            }
            for one in found
        ],
        as_json,
    )


@sessions.command("show")
@click.argument("session_id", metavar="SESSION")
@as_json
def show_session(session_id: str, as_json: bool) -> None:
    """Everything that is known of a session, and everything that happened to it."""
    with open_registry() as database:
        clock = SystemClock()
        registry = Registry(database, clock, Deliveries(database, clock))
        session = registry.sessions.get(session_id)
        story = story_of(database, session)
        node = database.one("node_by_id", id=session.node_id) if session.node_id else None
    facts = _facts(session) | {"node_last_seen_at": None if node is None else node["last_seen_at"]}
    if as_json:
        print_json({**facts, "steps": story.to_wire(), "truncated": story.truncated})
        return
    if node is not None:
        facts["node_last_seen_at"] = age_text(from_wire(node["last_seen_at"]), clock.now())
    print_fields({name: value for name, value in facts.items() if value is not None})
    click.echo()
    print_rows(_rows(story), as_json=False)
    if session.status.value == "failed":
        click.echo(f"\nScreenshot and all: python -m storage.cli sessions diagnosis {session.id} -o x.tar.gz")


def _facts(session: Session) -> dict[str, Any]:
    return {
        "id": session.id,
        "workspace_id": session.workspace_id,
        "reference": session.reference,
        "status": session.status.value,
        "phase": None if session.phase is None else session.phase.value,
        "reason_code": session.reason_code,
        "reason_message": session.reason_message,
        "wanted": session.wanted.value,
        "version": session.version,
        "generation": session.generation,
        "start_seq": session.start_seq,
        "node_id": session.node_id,
        "phone_number": mask_phone(session.phone_number),
        "is_primary": session.is_primary,
        "keep_alive": session.keep_alive,
        "created_at": to_wire(session.created_at),
        "last_activity_at": to_wire(session.last_activity_at),
        "connected_at": None if session.connected_at is None else to_wire(session.connected_at),
        "qr_generation_ms": session.qr_generation_ms,
        "phone_extraction_ms": session.phone_extraction_ms,
        "snapshot_id": session.snapshot_id,
        "snapshot_saved_at": None
        if session.snapshot_saved_at is None
        else to_wire(session.snapshot_saved_at),
        "snapshot_size_bytes": session.snapshot_size_bytes,
        "chats_count": session.chats_count,
        "deleted_at": None if session.deleted_at is None else to_wire(session.deleted_at),
    }


def _rows(story: Story) -> list[dict[str, Any]]:
    rows = []
    for step in story.to_wire():
        details = [f"{name}={value}" for name, value in step["details"].items()]
        if step["times"] > 1:
            details.append(f"{step['times']} times")
        if step["ignored"]:
            details.append(f"IGNORED: {step['ignored']}")
        rows.append(
            {
                "at": step["at"],
                "after": _seconds(step["after_ms"]),
                "what": step["what"],
                "node": step["node_id"],
                "gen": step["generation"],
                "details": " ".join(details) or None,
            }
        )
    return rows


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds} ms" if abs(milliseconds) < 10_000 else f"{milliseconds / 1000:.0f} s"


sessions.add_command(fetch_diagnosis)
sessions.add_command(move_session)
