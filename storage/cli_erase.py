"""`python -m storage.cli workspaces erase`: a workspace that leaves, with everything that is kept of it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict

import click

from storage.cli_audit import operator_did
from storage.cli_output import as_json
from storage.cli_registry import open_registry
from storage.clock import SystemClock
from storage.deliveries import Deliveries
from storage.registry import Registry
from storage.workspace_erasure import Remains, WorkspaceErasure

LOOK_EVERY_SECONDS = 0.5
"""Nodes report every two seconds."""
STILL_HELD = 3
"""Exit code: the devices are being removed; run it again."""


@click.command("erase")
@click.argument("workspace_id")
@click.option("--dry-run", is_flag=True, help="Say what there is, change nothing.")
@click.option("--wait", default=60.0, show_default=True, help="Seconds to wait for the nodes.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def erase_workspace(workspace_id: str, dry_run: bool, wait: float, yes: bool, as_json: bool) -> None:
    """Remove a workspace's devices, logins, snapshots, webhooks and rows. There is no way back."""
    with open_registry() as database:
        clock = SystemClock()
        registry = Registry(database, clock, Deliveries(database, clock))
        erasure = WorkspaceErasure(database, registry, clock)
        _show(erasure.remains(workspace_id), erased=False, as_json=as_json and dry_run)
        if dry_run:
            return
        if not yes:
            click.confirm("Erase all of it for good?", abort=True, err=True)
        with database.transaction():
            operator_did(database, "workspace.erase", workspace_id)
        erasure.begin(workspace_id)
        deadline = clock.monotonic() + wait
        while not (erased := erasure.finish(workspace_id)) and clock.monotonic() < deadline:
            time.sleep(LOOK_EVERY_SECONDS)
        if erased:
            with database.transaction():
                operator_did(database, "workspace.erased", workspace_id)
        if as_json:
            click.echo(json.dumps({"workspace_id": workspace_id, "erased": erased}))
        if not erased:
            held = erasure.remains(workspace_id).held
            click.echo(f"{held} sessions are still with their nodes; run this again", err=True)
            click.get_current_context().exit(STILL_HELD)
        if not as_json:
            click.echo("erased")


def _show(remains: Remains, *, erased: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**asdict(remains), "erased": erased}))
        return
    for name, count in asdict(remains).items():
        click.echo(f"{name.replace('_', ' '):<16} {count}", err=True)
