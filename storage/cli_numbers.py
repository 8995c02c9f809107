"""`numbers seal` and `numbers open`: the numbers that lie in the registry already, brought into another form.

Rule: the settings decide which form is written from now on, and these two bring what is there after them. So
neither does anything as long as the settings say the opposite.
"""

from __future__ import annotations

import click

from storage.cli_audit import operator_did
from storage.cli_output import as_json, print_rows
from storage.cli_registry import number_keys, open_registry, registry_url
from storage.database import is_postgres
from storage.errors import ConfigError

_DRY_RUN = click.option("--dry-run", is_flag=True, help="Only count what would change.")


@click.group()
def numbers() -> None:
    """Phone numbers, names and chats at rest (NUMBERS_KEY, NUMBERS_KEY_OLD)."""


@numbers.command("seal")
@_DRY_RUN
@as_json
def seal(dry_run: bool, as_json: bool) -> None:
    """Seal what is readable, and what was sealed with a key of NUMBERS_KEY_OLD, with NUMBERS_KEY."""
    if number_keys().sealing is None:
        raise ConfigError(
            ["NUMBERS_KEY is missing; make one with `openssl rand -base64 32`, give it to every process"]
        )
    _bring_over("numbers.seal", dry_run=dry_run, as_json=as_json)


@numbers.command("open")
@_DRY_RUN
@as_json
def open_numbers(dry_run: bool, as_json: bool) -> None:
    """Make readable again what was sealed with a key of NUMBERS_KEY_OLD."""
    keys = number_keys()
    if keys.sealing is not None:
        raise ConfigError(
            [
                "NUMBERS_KEY is set, so numbers go on being sealed; rename it to NUMBERS_KEY_OLD, start "
                "every process again, then run this"
            ]
        )
    if not keys:
        raise ConfigError(["NUMBERS_KEY_OLD is missing; give it the key that the numbers are sealed with"])
    _bring_over("numbers.open", dry_run=dry_run, as_json=as_json)


def _bring_over(action: str, *, dry_run: bool, as_json: bool) -> None:
    from storage.number_sealing import NumberSealing  # and with it what encrypts
    from storage.sealed_database import SealedDatabase

    with open_registry() as database:
        assert isinstance(database, SealedDatabase), "there are keys"
        sealing = NumberSealing(database)
        if dry_run:
            rows = sealing.left()
        else:
            with database.transaction():
                operator_did(database, action, None)
            rows = sealing.finish()
    print_rows([{"table": table, "rows": count} for table, count in rows.items()], as_json)
    if dry_run:
        click.echo("Nothing was changed: this was a dry run.", err=True)
    elif is_postgres(registry_url()):
        click.echo(
            "The server keeps what the rows were until it is vacuumed (VACUUM FULL takes it out of its files "
            "at once), and in its log and backups.",
            err=True,
        )
