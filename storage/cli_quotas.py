"""Quotas of a workspace on the command line. Rule: what is not named stays; `none` takes a limit away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import click

from storage.database import Database
from storage.quotas import Quotas, QuotaTable

_NONE = -1


class _Quota(click.ParamType[int]):
    """A number from 0 on, or none."""

    name = "number|none"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if value == "none":
            return _NONE
        text = str(value)
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            self.fail(f"{text!r} is neither a number from 0 on nor none", param, ctx)
        return int(text)


QUOTA = _Quota()
QUOTA_NAMES = ("max_sessions", "max_starting", "max_linked")


def change_quotas(database: Database, workspace_id: str, named: Mapping[str, int | None]) -> None:
    """Change those that were named. Raises NotFound."""
    table = QuotaTable(database)
    with database.transaction():
        values = asdict(table.get(workspace_id))
        for name, value in named.items():
            if value is not None:
                values[name] = None if value == _NONE else value
        table.set(workspace_id, Quotas(**values))


def quota_row(database: Database, workspace_id: str) -> dict[str, int | None]:
    """For printing. Raises NotFound."""
    return asdict(QuotaTable(database).get(workspace_id))
