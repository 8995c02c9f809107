"""`snapshots rewrap`: the keys that lie in the store already, brought after a SNAPSHOT_KEY that was replaced.

Rule: nothing is written before the keyring was opened, so that wrong keys are told at once. Exit code 0 means
that every key is wrapped with SNAPSHOT_KEY, so that SNAPSHOT_KEY_OLD may go.
"""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import click

from storage.cli_deeds import written_down
from storage.cli_output import as_json, bar, print_fields, print_json
from storage.cli_vault import open_place
from storage.clock import SystemClock
from storage.errors import ConfigError
from storage.keyring import KEYRING
from storage.objects import ObjectStore
from storage.snapshot_rewrap import PARTS, Rewrapped, rewrap
from storage.vault import Vault


@click.command("rewrap")
@click.option("--dry-run", is_flag=True, help="Only count the keys that another key has wrapped.")
@as_json
def rewrap_keys(dry_run: bool, as_json: bool) -> None:
    """Wrap every key of the store that a key of SNAPSHOT_KEY_OLD has wrapped anew, with SNAPSHOT_KEY.

    Pools go on meanwhile; all of them need both keys first (docs/rotation.md). It can be ended at any moment
    and run again. Exit code 1: keys are left that another key has wrapped.
    """
    store, keys = open_place()
    Vault.open(store, keys, SystemClock())  # raises WrongKey
    if not dry_run:
        _must_own_files(store)
    deed = nullcontext() if dry_run else written_down("snapshots.rewrap", None, key_id=keys.key_id)
    with deed, bar("wrapping keys", len(PARTS) + 1, hidden=as_json) as done:
        found = rewrap(store, keys, dry_run=dry_run, progress=done)
    if as_json:
        print_json({"key_id": keys.key_id, "dry_run": dry_run, **asdict(found)})
    else:
        _say(keys.key_id, found)
    if found.left:
        click.echo(_what_to_do(found, dry_run=dry_run), err=True)
    sys.exit(1 if found.left else 0)


def _must_own_files(store: ObjectStore) -> None:
    """A file is written anew by whoever runs this, and pools could not read what is not theirs."""
    if not store.url.startswith("file://"):
        return
    owner = (Path(store.url.removeprefix("file://")) / KEYRING).stat().st_uid
    if owner != os.geteuid():
        raise ConfigError(
            [f"the files of {store.url} belong to user {owner}, as whom pools run; run this as that user"]
        )


def _say(key_id: str, found: Rewrapped) -> None:
    print_fields(
        {
            "key": key_id,
            "rewrapped": found.rewrapped,
            "already": found.already,
            "failed": found.failed,
            "left in another key": found.left,
        }
    )
    for problem in found.problems:
        click.echo(f"failed: {problem}", err=True)
    if found.failed > len(found.problems):
        click.echo(f"and {found.failed - len(found.problems)} more", err=True)


def _what_to_do(found: Rewrapped, *, dry_run: bool) -> str:
    if not found.failed:
        return f"{found.left} keys would be wrapped anew. Nothing was changed: this was a dry run."
    tried = "Nothing was changed: this was a dry run. " if dry_run else ""
    return (
        f"{tried}{found.left} keys are left. Keep SNAPSHOT_KEY_OLD everywhere, do what is said of each (or "
        "delete its session, if the key cannot be put back), and run this again."
    )
