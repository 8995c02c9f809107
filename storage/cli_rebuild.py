"""`snapshots rebuild-registry`: what to do when the registry is gone and the object store is not.

Rule: a store that fails ends it before anything is written: half a registry would be taken for a whole one.
"""

from __future__ import annotations

from typing import Any

import click

from storage.ages import age_text
from storage.cli_audit import operator_did
from storage.cli_output import as_json, bar, print_json, print_rows
from storage.cli_registry import open_registry, registry_exists
from storage.cli_vault import newest_of, open_vault
from storage.clock import SystemClock, to_wire
from storage.errors import Conflict
from storage.logs import mask_phone
from storage.registry_rebuild import Rebuild, must_be_empty, plan, rebuild
from storage.snapshot_errors import SnapshotCorrupt, SnapshotNewer
from storage.workspaces import Workspace


@click.command("rebuild-registry")
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@click.option(
    "--skip-unreadable", is_flag=True, help="Go on without sessions whose snapshots cannot be read."
)
@as_json
def rebuild_registry(dry_run: bool, skip_unreadable: bool, as_json: bool) -> None:
    """Make workspaces and linked sessions anew in an empty registry, from the newest snapshot of each.

    Stop every pool first. API keys and webhook secrets are in no snapshot, so they are new.
    """
    clock = SystemClock()
    if registry_exists():
        with open_registry() as database:
            must_be_empty(database, clock)
    planned, unreadable = _read(hidden=as_json)
    if unreadable and not skip_unreadable and not dry_run:
        raise Conflict(
            f"{len(unreadable)} sessions cannot be read: {'; '.join(unreadable)}. Nothing was written; put"
            " their objects back from a copy of the bucket, or say --skip-unreadable"
        )
    made: list[Workspace] = []
    if not dry_run:
        with open_registry() as database, database.transaction():
            made = rebuild(database, clock, planned)
            counts = {"workspaces": str(len(planned.workspaces)), "sessions": str(len(planned.sessions))}
            operator_did(database, "registry.rebuild", None, **counts)
    if as_json:
        print_json(_exact(planned, made, unreadable, dry_run=dry_run))
    else:
        _say(planned, made, unreadable, dry_run=dry_run)


def _read(*, hidden: bool) -> tuple[Rebuild, list[str]]:
    found, unreadable = [], []
    vaults = list(open_vault().sessions())
    with bar("reading heads", len(vaults), hidden=hidden) as done:
        for vault in vaults:
            try:
                newest = newest_of(vault)
            except (SnapshotCorrupt, SnapshotNewer) as error:
                unreadable.append(str(error))
                newest = None
            if newest is not None:
                found.append(newest)
            done(1)
    return plan(found), unreadable


def _exact(
    planned: Rebuild, made: list[Workspace], unreadable: list[str], *, dry_run: bool
) -> dict[str, Any]:
    secrets = {one.id: one.webhook_secret for one in made}
    return {
        "dry_run": dry_run,
        "workspaces": [
            {"workspace_id": one, "name": name, "webhook_secret": secrets.get(one)}
            for one, name in planned.workspaces.items()
        ],
        "sessions": [
            {
                "session_id": one.id,
                "workspace_id": one.workspace_id,
                "phone_number": mask_phone(one.phone_number),
                "generation": one.generation,
                "snapshot_id": one.snapshot_id,
                "saved_at": None if one.snapshot_saved_at is None else to_wire(one.snapshot_saved_at),
            }
            for one in planned.sessions
        ],
        "older_links_of_a_number": planned.shared_numbers,
        "unreadable": unreadable,
    }


def _say(planned: Rebuild, made: list[Workspace], unreadable: list[str], *, dry_run: bool) -> None:
    now = SystemClock().now()
    rows = [
        {
            "session": one.id,
            "workspace": one.workspace_id,
            "phone": mask_phone(one.phone_number),
            "reference": one.reference,
            "saved": None if one.snapshot_saved_at is None else age_text(one.snapshot_saved_at, now),
        }
        for one in planned.sessions
    ]
    print_rows(rows, as_json=False)
    for problem in unreadable:
        click.echo(f"unreadable: {problem}", err=True)
    for session_id in planned.shared_numbers:
        click.echo(f"{session_id} is an older link of a number that another session holds", err=True)
    count = f"{len(planned.workspaces)} workspaces and {len(planned.sessions)} sessions"
    if dry_run:
        click.echo(f"{count} would be written; nothing was: this was a dry run")
        return
    click.echo(f"{count} were written. Each session connects by itself once a pool reports.")
    click.echo("\nShown only now, new webhook secrets:")
    for one in made:
        click.echo(f"  {one.id}  {one.name}  {one.webhook_secret}")
    click.echo(
        "\nStill to do for each workspace:\n"
        "  python -m storage.cli keys create WORKSPACE            the old API keys are gone\n"
        "  python -m storage.cli webhooks add WORKSPACE URL       so are the addresses of webhooks"
    )
