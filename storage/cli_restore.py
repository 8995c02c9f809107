"""`snapshots restore` and `snapshots drill`: a login back on a disk, or only looked at.

Rule: what is restored was checked to the last byte before it gets its name, and nothing that lay there is
destroyed.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from storage.ages import age_text
from storage.cli_deeds import written_down
from storage.cli_output import as_json, bar, print_fields, print_json, size_text
from storage.cli_snapshot_rows import exact
from storage.cli_vault import chosen, data_dir, open_vault, session_argument
from storage.clock import SystemClock
from storage.drill_process import drill_ground, look_into
from storage.profile_place import ProfilePlace
from storage.snapshot_record import Snapshot

session_id_argument = click.argument("session_id", metavar="SESSION", callback=session_argument)
snapshot_id_argument = click.argument("snapshot_id", metavar="[SNAPSHOT]", required=False)


@click.command("restore")
@session_id_argument
@snapshot_id_argument
@click.option("--to", "to", type=click.Path(path_type=Path), help="A directory that does not exist yet.")
@click.option(
    "--in-place", is_flag=True, help="As the session's profile in DATA_DIR; the old one goes aside."
)
@click.option("--dry-run", is_flag=True, help="Check everything, write nothing.")
@as_json
def restore(
    session_id: str, snapshot_id: str | None, to: Path | None, in_place: bool, dry_run: bool, as_json: bool
) -> None:
    """Write a snapshot to the disk; the newest one, unless SNAPSHOT is named."""
    if (to is None) == (not in_place):
        raise click.UsageError("say where: --to DIR or --in-place")
    place = ProfilePlace(data_dir(), session_id, SystemClock())
    target = place.path if to is None else to.absolute()
    if to is not None and (os.path.lexists(target) or not target.parent.is_dir()):
        raise click.UsageError(f"{target} must not exist yet, and its parent directory must")
    if in_place:
        place.check()
    vault = open_vault().session(session_id)
    snapshot = chosen(vault, session_id, snapshot_id)
    aside: Path | None = None
    deed = nullcontext() if dry_run else _about("snapshots.restore", snapshot)
    with deed, bar("checking" if dry_run else "restoring", snapshot.size_bytes, hidden=as_json) as done:
        if dry_run:
            vault.verify(snapshot.id, progress=done)
            aside = target if in_place and target.exists() else None
        elif in_place:
            aside = place.fill(lambda path: vault.restore(snapshot.id, path, progress=done))
        else:
            vault.restore(snapshot.id, target, progress=done)
    if as_json:
        moved = None if aside is None or dry_run else str(aside)
        print_json({**exact(snapshot), "target": str(target), "dry_run": dry_run, "moved_aside": moved})
        return
    _say_restored(snapshot, target, aside, dry_run=dry_run)


def _about(action: str, snapshot: Snapshot) -> AbstractContextManager[None]:
    about = snapshot.about
    return written_down(action, about.workspace_id, session_id=about.session_id, snapshot_id=snapshot.id)


def _say_restored(snapshot: Snapshot, target: Path, aside: Path | None, *, dry_run: bool) -> None:
    age = age_text(snapshot.saved_at, SystemClock().now())
    what = f"snapshot {snapshot.id} ({size_text(snapshot.size_bytes)}, saved {age})"
    if dry_run:
        click.echo(f"{what} is whole and would go to {target}")
        if aside is not None:
            click.echo("the profile that lies there would be moved aside")
        return
    click.echo(f"{what} is in {target}")
    if aside is not None:
        click.echo(f"the profile that lay there is in {aside}")


@click.command("drill")
@session_id_argument
@snapshot_id_argument
@as_json
def drill(session_id: str, snapshot_id: str | None, as_json: bool) -> None:
    """Open a snapshot in a real browser without network, and say whether the login can be read.

    The session itself is not disturbed: nothing leaves that browser. Exit code 1: it cannot be read.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or the restored login would stay on the disk
    vault = open_vault().session(session_id)
    snapshot = chosen(vault, session_id, snapshot_id)
    parent = Path(os.environ["TMPDIR"]) if os.environ.get("TMPDIR") else data_dir() / "tmp"
    with _about("snapshots.drill", snapshot), drill_ground(parent) as ground:
        with bar("restoring", snapshot.size_bytes, hidden=as_json) as done:
            vault.restore(snapshot.id, ground / "profile", progress=done)
        said = look_into(ground / "profile", {**os.environ, "DATA_DIR": str(data_dir())})
    if as_json:
        print_json({**exact(snapshot), "drill": said})
    else:
        _say_drilled(snapshot, said)
    sys.exit(0 if said["ok"] else 1)


def _say_drilled(snapshot: Snapshot, said: dict[str, Any]) -> None:
    counted = [
        f"{database}: "
        + (", ".join(f"{name} {store['records']}" for name, store in stores.items()) or "empty")
        for database, stores in said["databases"].items()
    ]
    print_fields(
        {
            "snapshot": f"{snapshot.id}, saved {age_text(snapshot.saved_at, SystemClock().now())}",
            "site": said["origin"],
            "records": "; ".join(counted) or "none",
            "keys": f"{said['crypto_keys']} found, {said['crypto_keys_used']} used",
            "localStorage": f"{said['local_storage_items']} items",
            "not there": ", ".join(said["missing"]) or "nothing",
            "network": said["network"],
            "verdict": "the login can be read" if said["ok"] else "THE LOGIN CANNOT BE READ",
        }
    )
    for problem in said["problems"]:
        click.echo(f"problem: {problem}", err=True)
