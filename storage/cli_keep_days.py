"""How long a workspace's past is kept, on the command line. Rule: `default` follows the environment."""

from __future__ import annotations

import click

from storage.workspaces import MOST_DAYS

AS_ALL = -1
EVENTS_KEEP_HELP = "How long its events and webhooks are remembered: days, or default for EVENTS_KEEP_DAYS."
ENDED_KEEP_HELP = "When its ended sessions are erased: days, 0 for never, or default for ENDED_KEEP_DAYS."


class KeepDays(click.ParamType[int]):
    """A number of days, or default."""

    name = "days|default"

    def __init__(self, *, least: int) -> None:
        self._least = least

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if value == "default":
            return AS_ALL
        text = str(value)
        if not (text.isascii() and text.isdecimal() and self._least <= int(text[:9]) <= MOST_DAYS):
            self.fail(
                f"{text!r} is neither default nor a number from {self._least} to {MOST_DAYS}", param, ctx
            )
        return int(text)
