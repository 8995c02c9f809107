"""`python -m storage.cli keys`: the operator's hand on API keys.

Rule: a key is printed once, when it is made.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import click

from storage.api_key_table import ApiKeys
from storage.api_keys import ApiKey, Scope
from storage.cli_audit import operator_did
from storage.cli_output import as_json, print_rows
from storage.cli_registry import open_registry
from storage.clock import SystemClock, to_wire


@click.group()
def keys() -> None:
    """API keys."""


@keys.command("create")
@click.argument("workspace_id")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=[Scope.ADMIN.value],
    type=click.Choice([scope.value for scope in Scope]),
    show_default=True,
    help="What it may do; each includes the ones before it.",
)
@click.option("--name", help="What it is for.")
@click.option("--expires-days", type=click.IntRange(1, 3650), help="When it ends by itself.")
@as_json
def create_key(
    workspace_id: str, scopes: tuple[str, ...], name: str | None, expires_days: int | None, as_json: bool
) -> None:
    """Another key for a workspace; printed for the only time."""
    clock = SystemClock()
    with open_registry() as database, database.transaction():
        new = ApiKeys(database, clock).create(
            workspace_id,
            [Scope(word) for word in dict.fromkeys(scopes)],
            name=name,
            expires_at=None if expires_days is None else clock.now() + timedelta(days=expires_days),
        )
        operator_did(database, "keys.create", workspace_id, prefix=new.key.prefix)
    click.echo(json.dumps({"api_key": new.api_key}) if as_json else new.api_key)


@keys.command("list")
@click.argument("workspace_id")
@as_json
def list_keys(workspace_id: str, as_json: bool) -> None:
    """A workspace's keys, the newest first, ended ones as well."""
    with open_registry() as database:
        found = ApiKeys(database, SystemClock()).page(workspace_id, limit=1000)
    print_rows([_row(key) for key in found], as_json)


@keys.command("rotate")
@click.argument("prefix")
@click.option(
    "--grace-hours",
    default=24,
    type=click.IntRange(0, 720),
    show_default=True,
    help="How long the present key works, too.",
)
@as_json
def rotate_key(prefix: str, grace_hours: int, as_json: bool) -> None:
    """A key in the place of lp_PREFIX_…; printed for the only time."""
    with open_registry() as database, database.transaction():
        rotated = ApiKeys(database, SystemClock()).rotate(prefix, timedelta(hours=grace_hours))
        operator_did(
            database,
            "keys.rotate",
            rotated.previous.workspace_id,
            prefix=prefix,
            replaced_by=rotated.new.key.prefix,
        )
    until = rotated.previous.expires_at and to_wire(rotated.previous.expires_at)
    made = {"api_key": rotated.new.api_key, "previous_valid_until": until}
    click.echo(json.dumps(made) if as_json else rotated.new.api_key)


@keys.command("revoke")
@click.argument("prefix")
def revoke_key(prefix: str) -> None:
    """End the key lp_PREFIX_…, at once."""
    with open_registry() as database, database.transaction():
        table = ApiKeys(database, SystemClock())
        if table.get(prefix).revoked_at is not None:
            raise click.ClickException(f"key {prefix} is revoked already")
        key = table.revoke(prefix, even_last=True)
        operator_did(database, "keys.revoke", key.workspace_id, prefix=prefix)
        alone = not table.has_admin(key.workspace_id)
    click.echo(f"revoked {prefix}")
    if alone:
        click.echo(
            "The workspace has no key with the scope admin left; make one with: "
            f"keys create {key.workspace_id}",
            err=True,
        )


def _row(key: ApiKey) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "name": key.name,
        "scopes": " ".join(key.scopes),
        "status": key.status(SystemClock().now()).value,
        "created_at": to_wire(key.created_at),
        "expires_at": key.expires_at and to_wire(key.expires_at),
        "last_used_at": key.last_used_at and to_wire(key.last_used_at),
        "replaced_by": key.replaced_by,
    }
