"""`registry copy`: the one command that moves the registry from SQLite to PostgreSQL."""

from __future__ import annotations

import click

from storage.cli_audit import operator_did
from storage.cli_output import as_json, print_rows
from storage.cli_registry import registry_url
from storage.database import check_database_url, is_postgres, open_database, sqlite_path
from storage.errors import ConfigError, NotFound


@click.group()
def registry() -> None:
    """The registry as a whole."""


@registry.command("copy")
@click.option(
    "--to",
    "target_url",
    required=True,
    help="postgresql://user@host/name of an empty database; a password may stand in PGPASSWORD or ~/.pgpass.",
)
@as_json
def copy(target_url: str, as_json: bool) -> None:
    """Copy the registry (DATABASE_URL, or DATA_DIR) into PostgreSQL, all or nothing, and count the rows.

    Stop functions, deliverer and pools first, and give them the new DATABASE_URL before they start again:
    what is written to the old one afterwards is not in the new one. The old one is left as it is.
    """
    source_url = registry_url()
    check_database_url(target_url)
    if not is_postgres(target_url) or is_postgres(source_url):
        raise ConfigError(["registry copy goes from sqlite:///… (DATABASE_URL) to postgresql://… (--to)"])
    if not sqlite_path(source_url).exists():
        raise NotFound(f"there is no registry {sqlite_path(source_url)}")
    from storage.database import CONNECTIONS
    from storage.postgres_database import PostgresDatabase
    from storage.registry_copy import copy_registry
    from storage.sqlite_database import SqliteDatabase

    source, target = SqliteDatabase(source_url), PostgresDatabase(target_url, connections=CONNECTIONS)
    try:
        copied = copy_registry(source, target, lambda table: click.echo(f"copied {table}", err=True))
        rows = sum(one.rows for one in copied)
        operator_did(target, "registry.copy", None, rows=str(rows))
    finally:
        source.close()
        target.close()
    print_rows([{"table": one.table, "rows": one.rows} for one in copied], as_json)
    if not as_json:
        click.echo("Every row was counted. Set DATABASE_URL to the new address before anything starts again.")


@registry.command("migrate")
@as_json
def migrate(as_json: bool) -> None:
    """Bring the tables up to date, and say what was done. Servers do it themselves; Lambdas do not."""
    database = open_database(registry_url())
    try:
        applied = database.migrate()
        if applied:
            operator_did(database, "registry.migrate", None, migrations=str(len(applied)), last=applied[-1])
    finally:
        database.close()
    print_rows([{"migration": name, "applied": True} for name in applied], as_json)
    if not applied and not as_json:
        click.echo("Nothing to do.")
