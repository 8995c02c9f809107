"""The operator's command line: `python -m storage.cli`. A composition root.

Rule: every noun has a file of its own, `cli_NOUN.py`; here they come together, and wrong input becomes one
line on stderr and exit code 2.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from storage.cli_audit import audit
from storage.cli_keys import keys
from storage.cli_nodes import nodes
from storage.cli_numbers import numbers
from storage.cli_registry_copy import registry
from storage.cli_sessions import sessions
from storage.cli_webhooks import endpoints, webhooks
from storage.cli_workspaces import workspaces
from storage.errors import LinkpoolError


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


cli.add_command(workspaces)
cli.add_command(webhooks)
cli.add_command(endpoints)
cli.add_command(sessions)
cli.add_command(nodes)
cli.add_command(registry)
cli.add_command(keys)
cli.add_command(audit)
cli.add_command(numbers)


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
