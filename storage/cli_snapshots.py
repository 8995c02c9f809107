"""`python -m storage.cli snapshots`: what is in the object store, and whether it is whole.

Rule: what is damaged is said beside what is good; a store that fails ends the command, because it says
nothing about snapshots. Exit code 1: something is bad. 2: we could not look, and the line says what to do.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import Any

import click

from storage.cli_deeds import written_down
from storage.cli_output import as_json, bar, print_fields, print_json, print_rows, size_text
from storage.cli_rebuild import rebuild_registry
from storage.cli_restore import drill, restore
from storage.cli_snapshot_keys import rewrap_keys
from storage.cli_snapshot_rows import exact, in_history, judged, short
from storage.cli_vault import chosen, history_of, newest_of, open_vault, session_argument
from storage.clock import SystemClock
from storage.logs import mask_phone
from storage.snapshot_errors import NoSnapshot, SnapshotCorrupt, SnapshotNewer
from storage.snapshot_record import Snapshot
from storage.vault import SessionVault

DAMAGE = (SnapshotCorrupt, SnapshotNewer)
"""What concerns one snapshot and says nothing about the next."""
KEEP = 5
"""As SNAPSHOT_KEEP of the pool."""


@click.group()
def snapshots() -> None:
    """Logins in the object store (SNAPSHOT_URL, or DATA_DIR/snapshots; SNAPSHOT_KEY, SNAPSHOT_KEY_OLD)."""


snapshots.add_command(restore)
snapshots.add_command(drill)
snapshots.add_command(rebuild_registry)
snapshots.add_command(rewrap_keys)

session_id_argument = click.argument("session_id", metavar="SESSION", callback=session_argument)
session_or_all = click.argument("session_id", metavar="[SESSION]", required=False, callback=session_argument)


def _vaults(session_id: str | None) -> list[SessionVault]:
    """Of one session, or of all."""
    vault = open_vault()
    return [vault.session(session_id)] if session_id is not None else list(vault.sessions())


def _one_or_all(session_id: str | None, every: bool) -> list[SessionVault]:
    if (session_id is None) == (not every):
        raise click.UsageError("name a session, or say --all")
    return _vaults(session_id)


def _problem(name: str, error: Exception) -> dict[str, Any]:
    return {"session": name, "problem": str(error)}


@snapshots.command("list")
@click.option("--session", "session_id", callback=session_argument, help="Only this session's newest.")
@click.option("--workspace", "workspace_id", help="Only this workspace's.")
@as_json
def list_snapshots(session_id: str | None, workspace_id: str | None, as_json: bool) -> None:
    """The newest snapshot of every session."""
    found: list[Snapshot] = []
    unreadable: list[dict[str, Any]] = []
    vaults = _vaults(session_id)
    with bar("reading heads", len(vaults), hidden=as_json) as done:
        for vault in vaults:
            try:
                newest = history_of(vault, session_id)[0] if session_id else newest_of(vault)
            except DAMAGE as error:
                unreadable.append(_problem(vault.name, error))
                newest = None
            done(1)
            if newest is not None and workspace_id in {None, newest.about.workspace_id}:
                found.append(newest)
    found.sort(key=lambda one: one.saved_at, reverse=True)
    if as_json:
        print_json({"snapshots": [exact(one) for one in found], "unreadable": unreadable})
        return
    now = SystemClock().now()
    print_rows([short(one, now) for one in found], as_json=False)
    for one in unreadable:
        click.echo(f"unreadable: {one['problem']}", err=True)


@snapshots.command("show")
@session_id_argument
@click.argument("snapshot_id", metavar="[SNAPSHOT]", required=False)
@as_json
def show(session_id: str, snapshot_id: str | None, as_json: bool) -> None:
    """The snapshots of a session, or one of them with its files."""
    vault = open_vault().session(session_id)
    now = SystemClock().now()
    if snapshot_id is None:
        history = history_of(vault, session_id)
        if as_json:
            print_json([exact(one) for one in history])
            return
        about = history[0].about
        print_fields(
            {"session": session_id, "workspace": about.workspace_id, "phone": mask_phone(about.phone_number)}
        )
        print_rows([in_history(one, now) for one in history], as_json=False)
        return
    snapshot = chosen(vault, session_id, snapshot_id)
    files = vault.files(snapshot.id)
    if as_json:
        listed = [{"path": file.path, "size_bytes": file.size} for file in files]
        print_json({**exact(snapshot), "contents": listed})
        return
    print_fields(short(snapshot, now))
    print_rows([{"path": file.path, "size": size_text(file.size)} for file in files], as_json=False)


@snapshots.command("verify")
@session_or_all
@click.option(
    "--all", "every", is_flag=True, help="Every session's newest; with SESSION, all of its snapshots."
)
@as_json
def verify(session_id: str | None, every: bool, as_json: bool) -> None:
    """Read snapshots to the end and compare every hash. Writes nothing."""
    if session_id is None and not every:
        raise click.UsageError("name a session, or say --all")
    rows: list[dict[str, Any]] = []
    wanted: list[tuple[SessionVault, Snapshot]] = []
    for vault in _vaults(session_id):
        try:
            history = history_of(vault, session_id or vault.name)
        except NoSnapshot:
            if session_id is not None:
                raise
            continue  # its snapshots are being destroyed, or its first one is being saved
        except DAMAGE as error:
            rows.append({"session": vault.name, "snapshot": None, "size": None, "problem": str(error)})
            continue
        wanted += [(vault, one) for one in (history if session_id and every else history[:1])]
    with bar("verifying", sum(one.size_bytes for _, one in wanted), hidden=as_json) as done:
        for vault, one in wanted:
            problem = None
            try:
                vault.verify(one.id, progress=done)
            except (*DAMAGE, NoSnapshot) as error:
                problem = str(error)
            size = one.size_bytes if as_json else size_text(one.size_bytes)
            rows.append(
                {"session": one.about.session_id, "snapshot": one.id, "size": size, "problem": problem}
            )
    sys.exit(judged(rows, as_json))


@snapshots.command("prune")
@session_or_all
@click.option("--all", "every", is_flag=True, help="Every session.")
@click.option("--keep", default=KEEP, type=click.IntRange(1, 1000), show_default=True, help="So many stay.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@as_json
def prune(session_id: str | None, every: bool, keep: int, dry_run: bool, as_json: bool) -> None:
    """Remove old snapshots. The newest always stays."""
    vaults = _one_or_all(session_id, every)
    rows: list[dict[str, Any]] = []
    with bar("pruning", len(vaults), hidden=as_json) as done:
        for vault in vaults:
            row: dict[str, Any] = {"session": session_id or vault.name, "removed": 0, "kept": 0, "freed": 0}
            try:
                newest = newest_of(vault)
                row["session"] = row["session"] if newest is None else newest.about.session_id
                workspace_id = None if newest is None else newest.about.workspace_id
                about = written_down("snapshots.prune", workspace_id, session_id=row["session"])
                with nullcontext() if dry_run else about:
                    pruned = vault.prune(keep=keep, dry_run=dry_run)
            except DAMAGE as error:
                rows.append({**row, "problem": str(error)})
            else:
                freed = pruned.freed_bytes if as_json else size_text(pruned.freed_bytes)
                row |= {"removed": len(pruned.snapshots), "kept": len(pruned.kept), "freed": freed}
                rows.append({**row, "problem": None})
            done(1)
    code = judged(rows, as_json)
    if dry_run and not as_json:
        click.echo("Nothing was removed: this was a dry run.", err=True)
    sys.exit(code)
