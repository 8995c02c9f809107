"""Every command of docs/restore.md is one that the command line takes."""

import re
import shlex

import click
import pytest

from deploy.settings import ROOT
from storage.cli import cli

PAGE = (ROOT / "docs" / "restore.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"python -m storage\.cli ([^|#)\n]+)", PAGE)))


def test_the_page_has_commands() -> None:
    assert len(COMMANDS) > 12


@pytest.mark.parametrize("line", COMMANDS)
def test_a_documented_command_is_understood(line: str) -> None:
    command: click.Command = cli
    arguments = [one.rstrip(";") for one in shlex.split(line.replace("$session", "SESSION"))]
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), arguments.pop(0))
        assert found is not None
        command = found
    with command.make_context(command.name, arguments):
        pass


def test_links_lead_to_headings_of_the_page() -> None:
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.+)$", PAGE, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= headings
