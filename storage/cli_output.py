"""How the command line speaks: JSON for machines; tables, sizes and ages for people; bars on a terminal.

Rule: what people read goes through here, and no bar is drawn where nobody looks.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(document: object) -> None:
    """One document."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def print_rows(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """One JSON document, or aligned columns."""
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("none")
        return
    table = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_fields(fields: Mapping[str, Any]) -> None:
    """One thing: a name and a value on each line."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        click.echo(f"{name:<{width}}  {_cell(value)}")


def _cell(value: object) -> str:
    return "-" if value is None else str(value)


def size_text(size_bytes: int) -> str:
    """1800000 becomes 1.8 MB."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


@contextmanager
def bar(what: str, length: int, *, hidden: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr; call what it gives with how much more is done."""
    hidden = hidden or not sys.stderr.isatty()
    with click.progressbar(length=length, label=what, file=sys.stderr, hidden=hidden) as drawn:
        yield drawn.update
