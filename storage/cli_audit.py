"""The operator's part in the audit log: `python -m storage.cli audit export`, and what the operator did.

Rule: an export is JSON lines, oldest first, so that a line is a record wherever it is cut.
"""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Mapping
from datetime import datetime, timedelta

import click

from storage.audit import ActorKind, AuditEntry, AuditLog, entry_at
from storage.cli_registry import open_registry
from storage.clock import SystemClock, from_wire, to_wire
from storage.database import Database


def operator_did(database: Database, action: str, workspace_id: str | None, **subjects: str) -> None:
    """Write down what this command does; inside the transaction that does it."""
    AuditLog(database, SystemClock()).write(operators_entry(action, workspace_id, subjects))


def operators_entry(action: str, workspace_id: str | None, subjects: Mapping[str, str]) -> AuditEntry:
    """A line about this command, not written yet."""
    return entry_at(
        SystemClock().now(), ActorKind.OPERATOR, _user(), action, workspace_id=workspace_id, subjects=subjects
    )


def _user() -> str:
    """Who the machine says is at work; the environment could say anything."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


class Moment(click.ParamType[datetime]):
    """A time with a zone, a date, or a span such as 7d before now."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            if value.endswith("d") and value[:-1].isdecimal():
                return SystemClock().now() - timedelta(days=int(value[:-1]))
            return from_wire(f"{value}T00:00:00Z" if len(value) == len("2026-01-31") else value)
        except (ValueError, OverflowError):
            self.fail("give a time such as 2026-01-31, 2026-01-31T12:00:00Z or 7d", param, ctx)


@click.group()
def audit() -> None:
    """Who did what."""


@audit.command("export")
@click.option("--since", type=Moment(), help="From then on: 2026-01-31, 2026-01-31T12:00:00Z, or 7d.")
@click.option("--until", type=Moment(), help="Before then.")
@click.option("--workspace", "workspace_id", help="Only this workspace's.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on each line.")
def export(since: datetime | None, until: datetime | None, workspace_id: str | None, as_json: bool) -> None:
    """The audit log, oldest first."""
    with open_registry() as database:
        for entry in AuditLog(database, SystemClock()).export(since, until, workspace_id):
            if as_json:
                click.echo(json.dumps(entry.to_wire(), separators=(",", ":")))
                continue
            subjects = " ".join(f"{name}={value}" for name, value in entry.subjects.items())
            outcome = entry.outcome.value + (f" {entry.code}" if entry.code else "")
            click.echo(
                f"{to_wire(entry.at)}  {entry.actor_kind.value} {entry.actor}  {entry.action}  {outcome}  "
                f"{subjects}".rstrip()
            )
