"""Nothing is changed unseen: every changing route and every changing command of the operator leaves a line.

A route or a command that stands in no table here fails.
"""

import base64
import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from functions.auth import GUARDS, Guard
from storage.audit import AuditEntry
from storage.cli import cli
from storage.cli_deeds import FILE
from storage.database import open_database
from tests.fakes.functions import POOL_SECRET, Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.fakes.snapshot_shop import SnapshotShop
from tests.postgres import PostgresServer

OPS_TOKEN = "ops-token-for-tests-0123456789abcdefghijk"
FROM_HOME = {"REMOTE_ADDR": "203.0.113.77"}

# ── routes ───────────────────────────────────────────────────────────────────

BODIES: dict[str, dict[str, Any]] = {
    "sessions.create": {"json": {}},
    "sessions.pairing_code": {"json": {"phone": "+6281234567890"}},
    "webhooks.create": {"json": {"url": "https://example.com/new"}},
    "webhooks.change": {"json": {"enabled": False}},
    "webhooks.rotate_secret": {"json": {}},
    "keys.create": {"json": {"scopes": ["read"]}},
    "keys.rotate": {"json": {}},
    "deliveries.replay": {"json": {"since": "2020-01-01T00:00:00Z"}},
    "workspace.change": {"json": {"name": "Toko"}},
    "pages.pairing": {"data": {"phone_number": "+6281234567890"}},
    "ops.login": {"data": {"token": OPS_TOKEN}},
}
"""What they are sent; nothing, where nothing is needed. What comes of it does not matter: it is told."""

NOT_DEEDS = {
    "nodes.webhook": "events are; the ones that an auditor asks for are told as the node's",
    "nodes.heartbeat": "every two seconds, and what it brings was wished for by somebody who is told",
}


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFunctions]:
    local = LocalFunctions(tmp_path_factory.mktemp("routes"), OPS_TOKEN=OPS_TOKEN)
    yield local
    local.close()


@pytest.fixture(scope="module")
def pool(functions: LocalFunctions) -> Iterator[FakePool]:
    with FakePool(POOL_SECRET) as pool:
        pool.heartbeat(functions.send)
        yield pool


@pytest.fixture(scope="module")
def backend(functions: LocalFunctions) -> Backend:
    return functions.workspace("Toko Bunga", "https://example.com/hooks")


def something_of_everything(backend: Backend, pool: FakePool) -> dict[str, str]:
    """A linked session and what else a route can be about, as new as if no route was called before."""
    session_id = backend.create()["id"]
    pool.scan(session_id)
    pool.relay(backend.functions.send)
    (delivery, *_) = backend.get("/api/deliveries").get_json()["deliveries"]
    endpoint = backend.post("/api/webhooks", json={"url": f"https://example.com/{session_id}"}).get_json()
    return {
        "session_id": session_id,
        "delivery_id": delivery["id"],
        "endpoint_id": endpoint["id"],
        "prefix": backend.post("/api/keys", json={"scopes": ["read"]}).get_json()["prefix"],
        "token": backend.create(start=False)["link_url"].rpartition("/")[2],
        "action": "snapshot",
    }


def changing(functions: LocalFunctions) -> list[tuple[Rule, str]]:
    return [
        (rule, method)
        for rule in functions.app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"GET", "HEAD", "OPTIONS"})
    ]


def send(backend: Backend, pool: FakePool, rule: Rule, method: str, request_id: str) -> TestResponse:
    ids = something_of_everything(backend, pool)
    path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: ids[found[1]], rule.rule)
    guard = GUARDS[rule.endpoint]
    headers = {"X-Request-Id": request_id, "Sec-Fetch-Site": "same-origin"}
    if guard in {Guard.WORKSPACE, Guard.OPERATOR}:
        headers["Authorization"] = f"Bearer {OPS_TOKEN if guard is Guard.OPERATOR else backend.api_key}"
    return backend.functions.app.test_client().open(
        path, method=method, headers=headers, environ_base=FROM_HOME, **BODIES.get(rule.endpoint, {})
    )


def lines_of(functions: LocalFunctions) -> list[AuditEntry]:
    return list(functions.services.audit.export(None, None, None))


def test_every_changing_route_leaves_one_line_that_says_whose_deed_it_was(
    functions: LocalFunctions, backend: Backend, pool: FakePool
) -> None:
    actors = {
        Guard.WORKSPACE: "key",
        Guard.LINK: "link",
        Guard.OPERATOR: "operator",
        Guard.OPERATOR_LOGIN: "operator",
    }
    wrong = {}
    for number, (rule, method) in enumerate(changing(functions)):
        if rule.endpoint in NOT_DEEDS:
            continue
        request_id = f"walk-{number}"
        answer = send(backend, pool, rule, method, request_id)
        told = [line for line in lines_of(functions) if line.request_id == request_id]
        found = [(line.action, line.actor_kind.value, line.address, line.outcome.value) for line in told]
        outcome = "done" if answer.status_code < 400 else "failed" if answer.status_code >= 500 else "refused"
        expected = [(rule.endpoint, actors[GUARDS[rule.endpoint]], "203.0.113.0/24", outcome)]
        concerned = None if rule.endpoint == "ops.login" else backend.workspace_id
        if found != expected or told[0].workspace_id != concerned:
            wrong[f"{method} {rule.rule}"] = (answer.status_code, found)
    assert wrong == {}


def test_most_of_the_walk_does_what_it_asks_for(functions: LocalFunctions, backend: Backend) -> None:
    """Or it would show refusals alone."""
    done = {line.action for line in lines_of(functions) if line.outcome.value == "done"}
    asked = {rule.endpoint for rule, _ in changing(functions)} - NOT_DEEDS.keys()
    assert len(done & asked) > len(asked) * 0.6, sorted(asked - done)


def test_an_operators_button_about_nothing_that_exists_is_told(functions: LocalFunctions) -> None:
    for path in ("/ops/sessions/x/wake", "/ops/sessions/%00/wake", "/ops/deliveries/msg_x/retry"):
        request_id = f"absent-{len(path)}"
        headers = {"Authorization": f"Bearer {OPS_TOKEN}", "X-Request-Id": request_id}
        assert functions.client.post(path, headers=headers).status_code == 404
        (line,) = [line for line in lines_of(functions) if line.request_id == request_id]
        assert (line.outcome.value, line.workspace_id) == ("refused", None)


def test_a_browser_that_takes_a_link_is_told_once(functions: LocalFunctions, backend: Backend) -> None:
    session = backend.create(start=False)
    path = "/link/" + session["link_url"].rpartition("/")[2]
    with functions.app.test_client() as browser:
        for _ in range(4):
            browser.get(path, environ_base=FROM_HOME)
        browser.get(f"{path}/status", environ_base=FROM_HOME)
    functions.app.test_client().get(path)  # another one, which is refused and changes nothing
    (line,) = [line for line in lines_of(functions) if line.action == "pages.bind"]
    assert (line.actor, line.outcome.value, line.address) == (session["id"], "done", "203.0.113.0/24")
    assert line.subjects == {"session_id": session["id"]}


def test_a_wrong_operators_token_writes_nothing(functions: LocalFunctions) -> None:
    before = len(lines_of(functions))
    assert functions.client.post("/ops/login", data={"token": "wrong"}).status_code == 401
    assert functions.client.post("/ops/sessions/x/wake").status_code == 401
    assert len(lines_of(functions)) == before


# ── commands ─────────────────────────────────────────────────────────────────


@dataclass
class Machine:
    """The operator's, with a registry, a store, and something of everything in them."""

    shop: SnapshotShop
    workspace_id: str = ""
    endpoint_id: str = ""
    session_id: str = ""
    saved_session: str = ""
    more: dict[str, str] = field(default_factory=dict)
    """Of the environment."""

    def run(self, *arguments: str) -> Result:
        environ = {"DATABASE_URL": "", "CHROMIUM_PATH": "/bin/false", **self.shop.environ, **self.more}
        return CliRunner().invoke(cli, arguments, env=environ, catch_exceptions=True)

    def key(self) -> str:
        return self.run("keys", "create", self.workspace_id).stdout.split("_")[1]

    def told(self) -> list[dict[str, Any]]:
        exported = self.run("audit", "export", "--json").stdout
        return [json.loads(line) for line in exported.splitlines()]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(SnapshotShop(tmp_path))
    local = LocalFunctions(machine.shop.data_dir)
    backend = local.workspace("Toko Bunga", "https://example.com/hooks")
    machine.workspace_id = backend.workspace_id
    with FakePool(POOL_SECRET) as pool:
        pool.heartbeat(local.send)
        machine.session_id = backend.create()["id"]
        (endpoint,) = backend.get("/api/webhooks").get_json()["webhooks"]
        machine.endpoint_id = endpoint["id"]
        machine.saved_session = machine.shop.save(workspace_id=backend.workspace_id).about.session_id
        yield machine
    local.close()


CHANGING: dict[str, tuple[str, Callable[[Machine], list[str]]]] = {
    "workspaces create": ("workspace.create", lambda _: ["Warung"]),
    "workspaces set": ("workspace.change", lambda one: [one.workspace_id, "--max-linked", "3"]),
    "workspaces erase": ("workspace.erase", lambda one: [one.workspace_id, "--yes", "--wait", "0"]),
    "webhooks add": ("webhooks.create", lambda one: [one.workspace_id, "https://example.com/more"]),
    "webhooks enable": ("webhooks.enable", lambda one: [one.endpoint_id]),
    "webhooks rotate": ("webhooks.rotate_secret", lambda one: [one.workspace_id]),
    "endpoints enable": ("webhooks.enable", lambda one: [one.endpoint_id]),
    "keys create": ("keys.create", lambda one: [one.workspace_id]),
    "keys rotate": ("keys.rotate", lambda one: [one.key()]),
    "keys revoke": ("keys.revoke", lambda one: [one.key()]),
    "nodes cordon": ("nodes.cordon", lambda _: ["node-1"]),
    "nodes uncordon": ("nodes.uncordon", lambda _: ["node-1"]),
    "nodes drain": ("nodes.drain", lambda _: ["node-1"]),
    "nodes lost": ("nodes.lost", lambda _: ["node-1", "--yes"]),
    "sessions move": ("sessions.move", lambda one: [one.session_id, "--to", "node-1"]),
    "snapshots restore": (
        "snapshots.restore",
        lambda one: [one.saved_session, "--to", str(one.shop.directory / "restored")],
    ),
    "snapshots drill": ("snapshots.drill", lambda one: [one.saved_session]),
    "snapshots prune": ("snapshots.prune", lambda one: [one.saved_session, "--keep", "1"]),
}
"""Command to what it is called in the log, and arguments with which it changes something."""

ELSEWHERE = {
    "registry copy": "test_a_copied_registry_tells_of_the_copy",
    "registry migrate": "test_a_new_registry_tells_who_made_its_tables",
    "numbers seal": "test_sealing_and_opening_numbers_is_told",
    "numbers open": "test_sealing_and_opening_numbers_is_told",
    "snapshots rewrap": "test_wrapping_keys_anew_is_told",
    "snapshots rebuild-registry": "test_a_registry_that_was_made_anew_tells_who_did_it",
}

READING = {
    "audit export",
    "endpoints list",
    "keys list",
    "nodes list",
    "sessions diagnosis",
    "sessions list",
    "sessions show",
    "snapshots list",
    "snapshots show",
    "snapshots verify",
    "webhooks list",
    "workspaces list",
}


def commands(group: click.Group, before: str = "") -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


def test_of_every_command_it_is_known_whether_it_changes_something() -> None:
    assert set(commands(cli)) == CHANGING.keys() | ELSEWHERE.keys() | READING


@pytest.mark.parametrize("command", CHANGING)
def test_every_changing_command_leaves_a_line(machine: Machine, command: str) -> None:
    action, arguments = CHANGING[command]
    given = arguments(machine)
    before = len(machine.told())
    done = machine.run(*command.split(), *given)
    told = machine.told()[before:]
    assert [(line["action"], line["actor"]["kind"]) for line in told] == [(action, "operator")], done.output
    (line,) = told
    if command == "snapshots drill":  # with a browser that is none
        assert (line["outcome"], line["code"]) == ("failed", "DrillFailed")
    else:
        assert line["outcome"] == "done", done.output
    if not command.startswith("nodes ") and command != "workspaces create":
        assert line["workspace_id"] == machine.workspace_id
    named = set(line["subjects"].values())
    about = set(given) - {machine.workspace_id}
    assert named & about or not about & {machine.session_id, machine.endpoint_id, machine.saved_session}
    assert not (machine.shop.data_dir / FILE).exists()


def test_sealing_and_opening_numbers_is_told(machine: Machine) -> None:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    before = len(machine.told())
    machine.more = {"NUMBERS_KEY": key}
    assert machine.run("numbers", "seal").exit_code == 0
    machine.more = {"NUMBERS_KEY_OLD": key}
    assert machine.run("numbers", "open").exit_code == 0
    assert [line["action"] for line in machine.told()[before:]] == ["numbers.seal", "numbers.open"]


def test_wrapping_keys_anew_is_told(machine: Machine) -> None:
    before = len(machine.told())
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    machine.more = {"SNAPSHOT_KEY": key, "SNAPSHOT_KEY_OLD": machine.shop.environ["SNAPSHOT_KEY"]}
    assert machine.run("snapshots", "rewrap", "--dry-run").exit_code == 1  # something is left to do
    assert machine.run("snapshots", "rewrap").exit_code == 0
    (line,) = machine.told()[before:]
    assert (line["action"], line["outcome"]) == ("snapshots.rewrap", "done")
    assert line["subjects"]["key_id"].startswith("local:")


def test_what_is_only_tried_leaves_none(machine: Machine) -> None:
    before = len(machine.told())
    for dry in (
        ["snapshots", "restore", machine.saved_session, "--in-place", "--dry-run"],
        ["snapshots", "prune", "--all", "--dry-run"],
        ["workspaces", "erase", machine.workspace_id, "--dry-run"],
    ):
        assert machine.run(*dry).exit_code == 0
    assert machine.run("nodes", "drain", "nobody").exit_code != 0
    assert len(machine.told()) == before


def test_the_end_of_an_erasure_is_told_as_well(tmp_path: Path) -> None:
    machine = Machine(SnapshotShop(tmp_path))
    machine.workspace_id = json.loads(machine.run("workspaces", "create", "A", "--json").stdout)[
        "workspace_id"
    ]
    assert machine.run("workspaces", "erase", machine.workspace_id, "--yes").exit_code == 0
    told = [(line["action"], line["workspace_id"]) for line in machine.told()][1:]
    assert told == [("workspace.erase", machine.workspace_id), ("workspace.erased", machine.workspace_id)]


@pytest.mark.parametrize("registry", ["none", "broken", "old"])
def test_a_node_without_a_registry_keeps_the_line_itself(tmp_path: Path, registry: str) -> None:
    machine = Machine(SnapshotShop(tmp_path))
    session_id = machine.shop.save().about.session_id
    database = tmp_path / "elsewhere.db"
    machine.more["DATABASE_URL"] = f"sqlite:///{database}"
    if registry == "broken":
        database.write_bytes(b"this is no database " * 500)
    if registry == "old":
        open_database(f"sqlite:///{database}").close()
    where = str(tmp_path / "restored")
    done = machine.run("snapshots", "restore", session_id, "--to", where)
    assert done.exit_code == 0, done.output
    machine.run("snapshots", "restore", session_id, "--to", str(tmp_path / "no" / "place"))
    kept = machine.shop.data_dir / FILE
    assert kept.stat().st_mode & 0o777 == 0o600
    (line,) = [json.loads(line) for line in kept.read_text().splitlines()]
    assert (line["action"], line["subjects"]["session_id"]) == ("snapshots.restore", session_id)
    if registry == "none":
        assert not database.exists()  # looking makes nothing


def test_a_restore_that_fails_is_told_as_failed(tmp_path: Path) -> None:
    machine = Machine(SnapshotShop(tmp_path))
    session_id = machine.shop.save().about.session_id
    (pack,) = machine.shop.packs(session_id)
    pack.write_bytes(b"x")
    done = machine.run("snapshots", "restore", session_id, "--to", str(tmp_path / "restored"))
    assert done.exit_code != 0
    lines = [json.loads(line) for line in (machine.shop.data_dir / FILE).read_text().splitlines()]
    assert [(line["outcome"], line["code"]) for line in lines] == [
        ("done", None),
        ("failed", "SnapshotCorrupt"),
    ]
    assert lines[0]["id"] == lines[1]["id"]


def test_a_registry_that_was_made_anew_tells_who_did_it(tmp_path: Path) -> None:
    machine = Machine(SnapshotShop(tmp_path))
    machine.shop.save()
    done = machine.run("snapshots", "rebuild-registry")
    assert done.exit_code == 0, done.output
    (line,) = machine.told()
    assert (line["action"], line["subjects"]) == ("registry.rebuild", {"workspaces": "1", "sessions": "1"})


def test_a_new_registry_tells_who_made_its_tables(tmp_path: Path) -> None:
    machine = Machine(SnapshotShop(tmp_path))
    for _ in range(2):
        machine.run("registry", "migrate")
    (line,) = machine.told()
    assert (line["action"], line["actor"]["kind"]) == ("registry.migrate", "operator")


def test_a_copied_registry_tells_of_the_copy(machine: Machine, postgres: PostgresServer) -> None:
    url = postgres.make(empty=True)
    before = machine.told()
    done = machine.run("registry", "copy", "--to", url)
    assert done.exit_code == 0, done.output
    machine.more["DATABASE_URL"] = url
    after = machine.told()
    assert after[: len(before)] == before
    assert [line["action"] for line in after[len(before) :]] == ["registry.copy"]
    postgres.drop(url)
