"""`python -m storage.cli workspaces`: customers of the backend, and what each has chosen.

Rule: an API key and a webhook secret are printed once, when they are made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from storage.cli_audit import operator_did
from storage.cli_erase import erase_workspace
from storage.cli_keep_days import AS_ALL, ENDED_KEEP_HELP, EVENTS_KEEP_HELP, KeepDays
from storage.cli_output import as_json, print_rows
from storage.cli_quotas import QUOTA, QUOTA_NAMES, change_quotas, quota_row
from storage.cli_registry import open_registry
from storage.cli_webhooks import web_address
from storage.clock import SystemClock, to_wire
from storage.duplicates import DuplicatePolicy
from storage.page_settings import logo_origin
from storage.workspaces import Workspace, Workspaces

_POLICIES = click.Choice([policy.value for policy in DuplicatePolicy])
_DUPLICATES = (
    "What happens when an account is linked again: the older link ends, both stay, or the newer ends."
)
_LISTS = 'Give it once for each; together they replace the list; "" empties it.'


def _name(_: click.Context, __: click.Parameter, value: str) -> str:
    if not value.strip() or len(value) > 200 or not value.isprintable():
        raise click.BadParameter("a name has 1 to 200 printable characters")
    return value


def _name_if_given(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    return None if value is None else _name(context, parameter, value)


@click.group()
def workspaces() -> None:
    """Customers of the backend."""


@workspaces.command("create")
@click.argument("name", callback=_name)
@click.option("--webhook-url", callback=web_address, help="Where events are sent.")
@click.option("--duplicates", type=_POLICIES, default=DuplicatePolicy.REPLACE.value, help=_DUPLICATES)
@as_json
def create_workspace(name: str, webhook_url: str | None, duplicates: str, as_json: bool) -> None:
    """Make a workspace; print its key and its webhook secret, for the only time."""
    with open_registry() as database, database.transaction():
        new = Workspaces(database, SystemClock()).create(name, webhook_url, DuplicatePolicy(duplicates))
        operator_did(database, "workspace.create", new.workspace.id)
    secrets = {
        "workspace_id": new.workspace.id,
        "api_key": new.api_key,
        "webhook_secret": new.workspace.webhook_secret,
    }
    if as_json:
        click.echo(json.dumps(secrets))
        return
    for label, value in secrets.items():
        click.echo(f"{label:<15} {value}")
    click.echo("Keep them now: they are not shown again.", err=True)


@workspaces.command("list")
@as_json
def list_workspaces(as_json: bool) -> None:
    """Every workspace."""
    with open_registry() as database:
        found = Workspaces(database, SystemClock()).all()
        rows = [_workspace(one) | quota_row(database, one.id) for one in found]
    print_rows(rows, as_json)


@workspaces.command("set")
@click.argument("workspace_id")
@click.option("--name", callback=_name_if_given, help="What it is called on hosted pages.")
@click.option("--duplicates", type=_POLICIES, help=_DUPLICATES)
@click.option("--accent-color", help='Of hosted pages, as #rrggbb; "" for ours.')
@click.option("--logo-url", help='Shown on hosted pages, from a --logo-origin; "" for none.')
@click.option("--logo-origin", "logo_origins", multiple=True, help=f"Where a logo may come from. {_LISTS}")
@click.option("--allow-origin", "allowed_origins", multiple=True, help=f"Who may frame pages. {_LISTS}")
@click.option("--max-sessions", type=QUOTA, help="Sessions that are not deleted: a number, or none.")
@click.option("--max-starting", type=QUOTA, help="Sessions between start and link: a number, or none.")
@click.option("--max-linked", type=QUOTA, help="Links, with QRs on display: a number, or none.")
@click.option("--events-keep-days", type=KeepDays(least=1), help=EVENTS_KEEP_HELP)
@click.option("--ended-keep-days", type=KeepDays(least=0), help=ENDED_KEEP_HELP)
@as_json
def set_workspace(workspace_id: str, as_json: bool, **given: Any) -> None:
    """Change a workspace, from its next link on; what is not given stays."""
    wanted = {name: value for name, value in given.items() if value not in {None, ()}}
    if not wanted:
        raise click.UsageError("say what to change; --help lists it")
    quotas = {name: wanted.pop(name, None) for name in QUOTA_NAMES}
    changes = {name: _cleared(value) for name, value in wanted.items()}
    if "duplicates" in changes:
        changes["duplicate_policy"] = DuplicatePolicy(changes.pop("duplicates"))
    with open_registry() as database, database.transaction():
        changed = Workspaces(database, SystemClock()).change(
            workspace_id, lambda before: _without_foreign_logo(replace(before, **changes), changes)
        )
        change_quotas(database, workspace_id, quotas)
        operator_did(database, "workspace.change", workspace_id)
        row = _workspace(changed) | quota_row(database, workspace_id)
    print_rows([row], as_json)


def _cleared(value: Any) -> Any:
    """An empty text takes a setting away, alone or as the one member of a list; and so does AS_ALL."""
    return None if value in {"", AS_ALL} else () if value == ("",) else value


def _without_foreign_logo(workspace: Workspace, changes: Mapping[str, Any]) -> Workspace:
    """A logo goes with the origin that it came from, unless it is being set."""
    url = workspace.logo_url
    if url is None or "logo_url" in changes or logo_origin(url) in workspace.logo_origins:
        return workspace
    return replace(workspace, logo_url=None)


def _workspace(one: Workspace) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "duplicates": one.duplicate_policy.value,
        "accent_color": one.accent_color,
        "logo_url": one.logo_url,
        "logo_origins": " ".join(one.logo_origins),
        "allowed_origins": " ".join(one.allowed_origins),
        "events_keep_days": one.events_keep_days,
        "ended_keep_days": one.ended_keep_days,
        "created_at": to_wire(one.created_at),
    }


workspaces.add_command(erase_workspace)
