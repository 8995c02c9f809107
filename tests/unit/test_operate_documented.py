"""What docs/operate.md tells whoever is woken to type, read and look for exists."""

import re
import shlex

import click
import pytest

from browser_pool.commands import _parser
from deploy.settings import ROOT
from storage.cli import cli

PAGE = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`\n]+)`", PAGE)
COMMANDS = sorted({line.partition("python -m storage.cli ")[2] for line in CODE} - {""})
ON_NODES = sorted({line.partition("python -m browser_pool ")[2] for line in CODE} - {""})
SOURCES = "".join(
    path.read_text(encoding="utf-8")
    for folder in ("functions", "browser_pool", "storage")
    for path in sorted((ROOT / folder).rglob("*.py"))
)
SETTINGS = (ROOT / ".env.example").read_text(encoding="utf-8")


def test_the_page_has_commands() -> None:
    assert len(COMMANDS) > 5
    assert len(ON_NODES) > 2


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_understood(line: str) -> None:
    command: click.Command = cli
    arguments = shlex.split(line)
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), arguments.pop(0))
        assert found is not None
        command = found
    with command.make_context(command.name, arguments):
        pass


@pytest.mark.parametrize("line", ON_NODES)
def test_a_command_of_a_node_is_understood(line: str) -> None:
    _parser().parse_args(shlex.split(line))


def test_what_is_looked_for_in_logs_and_metrics_is_written_there() -> None:
    events = {one for one in CODE if re.fullmatch(r"[a-z]+(_[a-z]+){1,3}|[A-Z]+(_[A-Z]+){2}", one)}
    assert len(events) > 20
    parts = {
        f"qr_{part}_time_seconds" for part in ("launch", "load", "retrieval")
    }  # put together in metrics.py
    names = {one.removesuffix("_total") for one in events - parts}
    assert {one for one in names if one not in SOURCES and f"{one}=" not in SETTINGS} == set()


def test_settings_are_those_of_the_example() -> None:
    named = {one.partition("=")[0] for one in CODE if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+(=.*)?", one)}
    assert len(named) > 15
    known = set(re.findall(r"^([A-Z0-9_]+)=", SETTINGS, re.MULTILINE))
    assert {name for name in named - known if name not in SOURCES} == set()


def test_addresses_are_routes() -> None:
    asked = {
        re.sub(r"\b(ID|SESSION)\b", "<session_id>", one) for one in re.findall(r"POST (/api/[\w/]+)", PAGE)
    }
    tails = {path.removeprefix("/api/sessions").removeprefix("/api/deliveries") for path in asked}
    assert tails
    assert {tail for tail in tails if f'"{tail}"' not in SOURCES} == set()


def test_links_and_files_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGE):
        assert (ROOT / "docs" / target).is_file(), target
    for path in re.findall(r"`((?:deploy|bench|browser_pool|docs)/[\w./-]+\.\w+)`", PAGE):
        assert (ROOT / path).is_file(), path
    headings = {
        heading.lower().replace(" ", "-") for heading in re.findall(r"^##+ (.+)$", PAGE, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= headings
