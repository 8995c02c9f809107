"""One workspace can neither see, count, time nor disturb another's things: a test for each route.

Two worlds that are the same but for the other workspace: in one it has sessions, chats, webhooks,
deliveries, events, keys and a look of its own, in the other it never was. A stranger sends the same requests
into both, with the other's ids wherever an id fits. Answers and the statements that they took have to be the
same, and what is the other's has to stay as it is. A route that stands in no table here fails.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from functions.auth import GUARDS, Guard
from storage.clock import ManualClock, to_wire
from storage.database import Database
from storage.sqlite_database import SqliteDatabase
from storage.workspaces import Workspace
from tests.fakes.databases import rows
from tests.fakes.functions import POOL_SECRET, Backend, LocalFunctions
from tests.fakes.pool import FakePool

LATER = "2030-01-01T00:00:00Z"
EARLIER = "2020-01-01T00:00:00Z"

ATTEMPTS: dict[str, list[dict[str, Any]]] = {
    "sessions.create": [
        {"json": {"reference": "{reference}"}, "headers": {"Idempotency-Key": "{idempotency_key}"}},
        {"json": {"webhook_url": "{url}"}},
    ],
    "sessions.page": [
        {},
        {"query": "reference={reference}"},
        {"query": "phone_number=%2B{phone}"},
        {"query": "cursor={session_cursor}"},
        {"query": "status=connected&limit=1"},
    ],
    "timeline.show": [{}],
    "sessions.show": [{}, {"headers": {"If-None-Match": "{etag}"}}],
    "sessions.delete": [{}],
    "sessions.qr_png": [{}],
    "sessions.qr_svg": [{}],
    "sessions.regenerate_qr": [{}],
    "sessions.pairing_code": [{"json": {"phone": "+{phone}"}}],
    "sessions.restart": [{}, {"headers": {"Idempotency-Key": "{idempotency_key}"}}],
    "sessions.log_out": [{}],
    "sessions.hibernate": [{}],
    "sessions.wake": [{}],
    "sessions.snapshot": [{}],
    "sessions.make_primary": [{}],
    "sessions.replace_link": [{}],
    "sessions.revoke_link": [{}],
    "chats.sync": [{}],
    "chats.page": [{}],
    "deliveries.page": [
        {},
        {"query": "limit=1"},
        {"query": "session_id={session_id}"},
        {"query": "endpoint_id={endpoint_id}"},
        {"query": "cursor={delivery_cursor}"},
    ],
    "deliveries.show": [{}],
    "deliveries.retry": [{}],
    "deliveries.replay": [{"json": {"endpoint_id": "{endpoint_id}"}}, {"json": {"since": EARLIER}}],
    "events.page": [
        {},
        {"query": "session_id={session_id}"},
        {"query": "after=6"},
        {"query": "limit=1"},
    ],
    "webhooks.page": [{}, {"query": "session_id={session_id}"}, {"query": "cursor={endpoint_cursor}"}],
    "webhooks.create": [
        {"json": {"url": "https://example.com/new", "session_id": "{session_id}"}},
        {"json": {"url": "{url}"}},
    ],
    "webhooks.show": [{}],
    "webhooks.change": [{"json": {"enabled": False, "url": "https://example.com/stolen"}}],
    "webhooks.delete": [{}],
    "webhooks.enable": [{}],
    "webhooks.rotate_secret": [{"json": {}}],
    "keys.page": [{}, {"query": "cursor={key_cursor}"}],
    "keys.create": [{"json": {"scopes": ["read"], "expires_at": LATER}}],
    "keys.rotate": [{"json": {}}],
    "keys.revoke": [{}],
    "workspace.show": [{}],
    "workspace.change": [{"json": {"name": "{name}", "logo_url": "{logo_url}"}}],
    "audit.page": [
        {},
        {"query": "actor={prefix}"},
        {"query": "limit=1"},
        {"query": "cursor={session_cursor}"},
    ],
    "pages.page": [{}],
    "pages.status": [{}],
    "pages.qr": [{}],
    "pages.go_back": [{}],
    "pages.start": [{}],
    "pages.refresh": [{}],
    "pages.pairing": [{"data": {"phone_number": "+{phone}"}}],
}
"""What a stranger sends to each route. Ids in the address are filled in by their names."""

NOT_OF_A_WORKSPACE = {
    Guard.NODE: "a node runs the sessions of every workspace; what it may say of which, its own tests hold",
    Guard.METRICS: "the operator's: counts of the whole deployment, no workspace in a label",
    Guard.OPERATOR: "the operator's: no key of a workspace opens it",
    Guard.OPERATOR_LOGIN: "the operator's: asks for OPS_TOKEN itself",
    Guard.PUBLIC: "the same for everybody: counts of the whole deployment and no ids; see docs/api-keys.md",
}

_MASKS = (
    (re.compile(r"/link/[\w-]{43}"), "/link/TOKEN"),
    (re.compile(r"\b(msg_)?[0-7][0-9A-HJKMNP-TV-Z]{25}\b"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)"), "TIME"),
    (re.compile(r"(lp_\w+|whsec_[\w+/=]+)"), "SECRET"),
    (re.compile(r"\b(?=[A-Za-z]*\d|[a-z]*[A-Z])[0-9A-Za-z]{8}\b"), "PREFIX"),
    (re.compile(r"127\.0\.0\.1:\d+"), "NODE"),
    (re.compile(r'(nonce="|nonce-)[\w-]+'), "NONCE"),
    (re.compile(r'(?<="etag": "\\")[0-9a-f]{20}|(?<=key=")[0-9a-f]{20}|(?<="key": ")[0-9a-f]{20}'), "ETAG"),
    (re.compile(r'"(expires_in_ms|left_ms|took_ms)": \d+'), "MS"),
    (re.compile(r"\b\d+:\d\d\b"), "LEFT"),
)

_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+\b|\bNULL\b")


@dataclass
class World:
    """Functions, a node, and a stranger with one linked session and one that shows a QR."""

    clock: ManualClock
    functions: LocalFunctions
    pool: FakePool
    stranger: Backend
    linked: str
    waiting: str
    token: str = ""
    """Of the waiting one's page."""

    def link(self, backend: Backend, **wanted: Any) -> str:
        session_id: str = backend.create(**wanted)["id"]
        self.tick()
        self.pool.scan(session_id)
        self.pool.relay(self.functions.send)
        self.tick()
        backend.post(f"/api/sessions/{session_id}/sync-chats")
        return session_id

    def tick(self) -> None:
        """What comes next sorts after what was."""
        self.clock.advance(timedelta(milliseconds=1))

    def statements(self, call: Callable[[], TestResponse]) -> tuple[TestResponse, list[str]]:
        """The answer, and every statement that it took, without its values."""
        ran: list[str] = []
        database = self.functions.services.database
        if isinstance(database, SqliteDatabase):  # PostgreSQL runs the same ones and does not tell
            database.connection.set_trace_callback(lambda text: ran.append(without_values(text)))
        try:
            return call(), ran
        finally:
            if isinstance(database, SqliteDatabase):
                database.connection.set_trace_callback(None)
            self.tick()


@dataclass
class Pair:
    """The world with the other workspace, the one without, and what is the other's."""

    crowded: World
    lonely: World
    owner: Backend
    names: dict[str, str]
    secrets: set[str]

    def belongings(self) -> dict[str, list[dict[str, Any]]]:
        """Every row of the registry that is the owner's."""
        database = self.crowded.functions.services.database
        return {
            table: [
                row
                for row in rows(database, f'SELECT * FROM "{table}"')  # noqa: S608 - a table of ours
                if any(str(value) in self.secrets for value in row.values())
            ]
            for table in tables(database)
        }


def new_world(
    directory: Path, stack: ExitStack, now: datetime, populate: Callable[[World], None] | None = None
) -> World:
    directory.mkdir()
    clock = ManualClock(now)
    functions = LocalFunctions(directory, clock)
    stack.callback(functions.close)
    pool = stack.enter_context(FakePool(POOL_SECRET))
    pool.heartbeat(functions.send)
    pool.chats = [
        {"id": "1@c.us", "name": "Ibu", "unread_count": 1, "last_message_at": None, "is_group": False}
    ]
    world = World(clock, functions, pool, functions.workspace("Stranger", "https://example.com/own"), "", "")
    world.tick()
    if populate is not None:
        populate(world)
    clock.advance(now + timedelta(seconds=1) - clock.now())
    pool._phones.clear()
    world.linked = world.link(world.stranger)
    world.tick()
    waiting = world.stranger.create()
    world.waiting, world.token = waiting["id"], waiting["link_url"].rpartition("/")[2]
    return world


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("worlds")
    made: list[tuple[Backend, dict[str, str], set[str]]] = []
    now = datetime.now(UTC)  # nodes sign with the time of this machine
    with ExitStack() as stack:
        crowded = new_world(directory / "crowded", stack, now, lambda world: made.append(settle_owner(world)))
        lonely = new_world(directory / "lonely", stack, now)
        owner, names, secrets = made[0]
        come_last(owner, names, secrets)
        yield Pair(crowded, lonely, owner, names, secrets)


def settle_owner(world: World) -> tuple[Backend, dict[str, str], set[str]]:
    """Everything that a workspace can have."""
    owner = world.functions.workspace("Harbour & Sons", "https://example.com/owners-hooks")
    services = world.functions.services
    world.pool._phones.clear()
    session_id = world.link(owner, reference="customer-7", metadata={"who": "harbour-metadata"})
    keyed = owner.post("/api/sessions", json={}, headers={"Idempotency-Key": "owners-key"}).get_json()
    services.workspaces.change(owner.workspace_id, dressed)
    (key,) = services.workspaces.keys.page(owner.workspace_id)
    second = owner.post("/api/keys", json={"scopes": ["read"], "name": "dashboard"}).get_json()
    deliveries = owner.get("/api/deliveries").get_json()["deliveries"]
    (endpoint,) = owner.get("/api/webhooks").get_json()["webhooks"]
    shown = owner.get(f"/api/sessions/{session_id}")
    names = {
        "session_id": session_id,
        "endpoint_id": endpoint["id"],
        "delivery_id": deliveries[-1]["id"],
        "prefix": second["prefix"],
        "reference": "customer-7",
        "idempotency_key": "owners-key",
        "phone": shown.get_json()["phone_number"].lstrip("+"),
        "url": "https://example.com/owners-hooks",
        "name": "Harbour & Sons",
        "etag": shown.headers["ETag"],
        "logo_url": "https://cdn.harbour.example/logo.png",
        "session_cursor": cursor(session_id),
        "endpoint_cursor": cursor(endpoint["id"]),
        "delivery_cursor": cursor(deliveries[0]["id"]),
        "key_cursor": cursor(f"{to_wire(key.created_at)} {key.prefix}"),
    }
    secrets = {
        owner.workspace_id,
        session_id,
        keyed["id"],
        endpoint["id"],
        key.prefix,
        second["prefix"],
        *(delivery["id"] for delivery in deliveries),
        *(delivery["event_id"] for delivery in deliveries),
        shown.get_json()["link_url"].rpartition("/")[2],
    }
    return owner, names, secrets


def come_last(owner: Backend, names: dict[str, str], secrets: set[str]) -> None:
    """Something of the owner's that is younger than all that is the stranger's."""
    secrets.add(owner.create(reference="customer-8")["id"])
    newest = owner.get("/api/deliveries?limit=1").get_json()["deliveries"][0]
    secrets |= {newest["id"], newest["event_id"]}
    names["delivery_cursor"] = cursor(newest["id"])


def dressed(workspace: Workspace) -> Workspace:
    return replace(
        workspace,
        logo_origins=("https://cdn.harbour.example",),
        logo_url="https://cdn.harbour.example/logo.png",
        allowed_origins=("https://app.harbour.example",),
        accent_color="#aa0011",
    )


def cursor(position: str) -> str:
    return base64.urlsafe_b64encode(position.encode()).rstrip(b"=").decode()


def tables(database: Database) -> list[str]:
    catalogue = "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()"
    if isinstance(database, SqliteDatabase):
        catalogue = "SELECT name FROM sqlite_master WHERE type = 'table'"
    return [row["name"] for row in rows(database, catalogue)]


def without_values(statement: str) -> str:
    return _LITERAL.sub("?", " ".join(statement.split()))


def masked(text: str) -> str:
    for pattern, name in _MASKS:
        text = pattern.sub(name, text)
    return text


def shown(answer: TestResponse) -> dict[str, Any]:
    """An answer without what differs between any two: ids, times, secrets."""
    if answer.mimetype in {"application/json", "application/problem+json"}:
        body = json.loads(answer.data) if answer.data else None
        if isinstance(body, dict):
            body.pop("request_id", None)
            if body.get("next_cursor"):
                padded = body["next_cursor"] + "=" * (-len(body["next_cursor"]) % 4)
                body["next_cursor"] = base64.urlsafe_b64decode(padded).decode()
        text = json.dumps(body, sort_keys=True)
    elif answer.mimetype in {"image/png", "image/svg+xml"}:
        text = answer.mimetype
    else:
        text = re.sub(r"<svg.*?</svg>", "", answer.get_data(as_text=True))
    headers = {
        name: value.partition("=")[0] if name == "Set-Cookie" else masked(value)
        for name, value in answer.headers.items()
        if name not in {"X-Request-Id", "Content-Length", "Date", "ETag"}
    }
    return {"status": answer.status_code, "headers": headers, "body": masked(text)}


def rules(functions: LocalFunctions) -> Iterator[tuple[Rule, str]]:
    for rule in functions.app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method


def filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        return value.format_map(names)
    if isinstance(value, dict):
        return {name: filled(one, names) for name, one in value.items()}
    return value


def address(rule: Rule, names: dict[str, str]) -> str:
    """The route's address with ids of the other workspace."""
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: names[match[1]], rule.rule)


def test_every_route_has_its_attempts(pair: Pair) -> None:
    endpoints = {rule.endpoint for rule, _ in rules(pair.crowded.functions)}
    exempt = {endpoint for endpoint in endpoints if GUARDS[endpoint] in NOT_OF_A_WORKSPACE}
    assert endpoints - exempt == set(ATTEMPTS)
    assert all(ATTEMPTS.values())


@pytest.mark.parametrize(
    "endpoint", sorted(name for name in GUARDS if GUARDS[name] not in NOT_OF_A_WORKSPACE)
)
def test_a_stranger_meets_a_workspace_as_if_it_never_was(pair: Pair, endpoint: str) -> None:
    for rule, method in rules(pair.crowded.functions):
        if rule.endpoint != endpoint:
            continue
        for attempt in ATTEMPTS[endpoint]:
            meets_nothing(pair, rule, method, attempt)


def meets_nothing(pair: Pair, rule: Rule, method: str, attempt: dict[str, Any]) -> None:
    before = pair.belongings()
    calls = len(pair.crowded.pool.calls)
    answers = {}
    for name, world in (("crowded", pair.crowded), ("lonely", pair.lonely)):
        # of a page the stranger has the address of their own; of all else they try the other's
        token = world.token
        names = {**pair.names, "token": token}
        options = filled(attempt, names)
        query = options.pop("query", None)
        path = address(rule, names) + (f"?{query}" if query else "")
        answer, statements = world.statements(
            lambda path=path, options=options, world=world: world.stranger.call(method, path, **options)
        )
        answers[name] = {**shown(answer), "statements": statements}
        if name == "crowded":
            text = str(answer.headers) + answer.get_data(as_text=True)
            asked = path + json.dumps(options)
            leaked = {secret for secret in pair.secrets if secret in text and secret not in asked}
            assert leaked == set(), f"{method} {path} shows what is the other's"
    assert answers["crowded"] == answers["lonely"], f"{method} {rule.rule} {attempt}"
    assert pair.belongings() == before, f"{method} {rule.rule} {attempt} changed what is the other's"
    told = json.dumps(pair.crowded.pool.calls[calls:])
    assert not any(secret in told for secret in pair.secrets)
