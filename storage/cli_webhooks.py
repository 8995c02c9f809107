"""`python -m storage.cli webhooks`: where a workspace's events are sent, and the secret that signs them.

Rule: a webhook secret is printed once, when it is made.
"""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import urlsplit

import click

from storage.cli_audit import operator_did
from storage.cli_output import as_json, print_rows
from storage.cli_registry import open_registry
from storage.clock import SystemClock, to_wire
from storage.endpoints import Endpoints
from storage.workspaces import Workspaces


def web_address(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
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


@click.group()
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
@click.argument("url", callback=web_address)
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


@click.group()
def endpoints() -> None:
    """The older name of `webhooks`."""


endpoints.add_command(list_endpoints)
endpoints.add_command(enable_endpoint)
