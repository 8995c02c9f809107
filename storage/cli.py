"""The operator's command line: `python -m storage.cli`. A composition root.

Rule: an API key and a webhook secret are printed once, when they are made. Wrong input is one line on
stderr and exit code 2.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import click

from storage.cli_audit import audit, operator_did
from storage.cli_diagnosis import fetch_diagnosis
from storage.cli_erase import erase_workspace
from storage.cli_keep_days import AS_ALL, ENDED_KEEP_HELP, EVENTS_KEEP_HELP, KeepDays
from storage.cli_keys import keys
from storage.cli_nodes import move_session, nodes
from storage.cli_numbers import numbers
from storage.cli_output import as_json, print_rows
from storage.cli_quotas import QUOTA, QUOTA_NAMES, change_quotas, quota_row
from storage.cli_registry import open_registry
from storage.cli_registry_copy import registry
from storage.cli_sessions import show_session
from storage.clock import SystemClock, to_wire
from storage.deliveries import Deliveries
from storage.duplicates import DuplicatePolicy
from storage.endpoints import Endpoints
from storage.errors import LinkpoolError
from storage.logs import mask_phone
from storage.page_settings import logo_origin
from storage.registry import Registry
from storage.workspaces import Workspace, Workspaces


def _name(_: click.Context, __: click.Parameter, value: str) -> str:
    if not value.strip() or len(value) > 200 or not value.isprintable():
        raise click.BadParameter("a name has 1 to 200 printable characters")
    return value


def _name_if_given(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    return None if value is None else _name(context, parameter, value)


def _url(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Whether it may be sent to is decided when it is sent to; here it only has to be a web address."""
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        wrong = parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or not value.isascii() or not value.isprintable() or " " in value:
        raise click.BadParameter("give an http or https address, such as https://example.com/hooks")
    return value


_POLICIES = click.Choice([policy.value for policy in DuplicatePolicy])
_DUPLICATES = (
    "What happens when an account is linked again: the older link ends, both stay, or the newer ends."
)
_LISTS = 'Give it once for each; together they replace the list; "" empties it.'


class _Cli(click.Group):
    """Loads `snapshots` when it is asked for: the archive for Lambda lacks what seals and stores."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "snapshots"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "snapshots":
            return super().get_command(ctx, cmd_name)
        try:
            from storage.cli_snapshots import snapshots
        except ImportError as error:
            raise click.UsageError(f"snapshots are looked after on a node: {error}") from error
        return snapshots


@click.group(cls=_Cli)
def cli() -> None:
    """Work on the registry (DATABASE_URL, or DATA_DIR, ./data) and on snapshots (SNAPSHOT_URL)."""


@cli.group()
def workspaces() -> None:
    """Customers of the backend."""


@workspaces.command("create")
@click.argument("name", callback=_name)
@click.option("--webhook-url", callback=_url, help="Where events are sent.")
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


workspaces.add_command(erase_workspace)


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


@cli.group()
def webhooks() -> None:
    """Where webhooks go, and what signs them."""


@webhooks.command("list")
@as_json
def list_endpoints(as_json: bool) -> None:
    """Every endpoint, whether it was switched off, and how it does."""
    with open_registry() as database:
        found = Endpoints(database, SystemClock()).page()
    now = SystemClock().now()
    print_rows(
        [
            {
                "id": one.id,
                "workspace_id": one.workspace_id,
                "session_id": one.session_id,
                "url": one.url,
                "disabled_at": None if one.disabled_at is None else to_wire(one.disabled_at),
                "circuit": one.state(now),
            }
            for one in found
        ],
        as_json,
    )


@webhooks.command("add")
@click.argument("workspace_id")
@click.argument("url", callback=_url)
def add_endpoint(workspace_id: str, url: str) -> None:
    """Send a workspace's events to this address, too."""
    with open_registry() as database, database.transaction():
        Workspaces(database, SystemClock()).get(workspace_id)
        endpoint = Endpoints(database, SystemClock()).add(workspace_id, url)
        operator_did(database, "webhooks.create", workspace_id, endpoint_id=endpoint.id)
    click.echo(endpoint.id)


@webhooks.command("enable")
@click.argument("endpoint_id")
def enable_endpoint(endpoint_id: str) -> None:
    """Send to an endpoint again that had answered 410 Gone."""
    with open_registry() as database, database.transaction():
        workspace_id = Endpoints(database, SystemClock()).enable(endpoint_id)
        operator_did(database, "webhooks.enable", workspace_id, endpoint_id=endpoint_id)
    click.echo(f"enabled {endpoint_id}")


@webhooks.command("rotate")
@click.argument("workspace_id")
@click.option(
    "--overlap-hours",
    default=24,
    type=click.IntRange(0, 168),
    show_default=True,
    help="How long the present secret signs, too.",
)
@as_json
def rotate_secret(workspace_id: str, overlap_hours: int, as_json: bool) -> None:
    """A new webhook secret for a workspace; printed for the only time."""
    with open_registry() as database, database.transaction():
        new = Workspaces(database, SystemClock()).rotate_webhook_secret(
            workspace_id, timedelta(hours=overlap_hours)
        )
        operator_did(database, "webhooks.rotate_secret", workspace_id)
    click.echo(json.dumps({"webhook_secret": new.webhook_secret}) if as_json else new.webhook_secret)


@cli.group()
def endpoints() -> None:
    """The older name of `webhooks`."""


endpoints.add_command(list_endpoints)
endpoints.add_command(enable_endpoint)


@cli.group()
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


cli.add_command(nodes)
cli.add_command(registry)
cli.add_command(keys)
cli.add_command(audit)
cli.add_command(numbers)
sessions.add_command(show_session)
sessions.add_command(fetch_diagnosis)
sessions.add_command(move_session)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, and turn what is wrong into one line."""
    try:
        cli.main(arguments, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.exceptions.Abort:
        sys.exit(130)
    except (click.ClickException, LinkpoolError) as error:
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"linkpool: {' '.join(message.split())}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
