"""Webhooks as they come are verified by the standard's JavaScript library, which shares no code with ours."""

import base64
import json
import subprocess
from typing import Any

import pytest

from tests.fakes import fixtures, webhook_fixtures
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool
from tests.fakes.receiver import Received, Receiver
from tests.fakes.webhook_fixtures import StartDeliverer
from tests.peers import installed
from tests.peers.installed import HERE

pytestmark = pytest.mark.peer
peers_installed = installed.peers_installed
idle_pool = fixtures.idle_pool
receiver = fixtures.receiver
functions = webhook_fixtures.functions
backend = webhook_fixtures.backend
pool = webhook_fixtures.pool
deliver = webhook_fixtures.deliver

OTHER = "whsec_" + base64.b64encode(b"another secret of 32 characters!").decode()


def case(one: Received, secret: str, **changes: str) -> dict[str, Any]:
    return {"secret": secret, "headers": one.headers | changes, "body": one.raw.decode()}


def test_every_webhook_verifies_with_either_secret_and_nothing_else_does(
    backend: Backend, pool: FakePool, functions: LocalFunctions, receiver: Receiver, deliver: StartDeliverer
) -> None:
    new = backend.post("/api/webhooks/secret/rotate", json={}).get_json()["webhook_secret"]
    session = backend.create(reference="café 北京 \u2028 😀")  # the body is not ASCII
    pool.scan(session["id"])
    pool.relay(functions.send)
    deliver()
    received = receiver.wait_for(3)
    first = received[0]
    cases = [
        *(case(one, secret) for one in received for secret in (new, backend.webhook_secret)),
        case(first, OTHER),
        case(first, new, **{"webhook-id": "msg_another"}),
        case(first, new, **{"webhook-timestamp": str(int(first.headers["webhook-timestamp"]) + 1)}),
        case(first, new) | {"body": first.raw.decode().replace("qr_scanning", "connected")},
    ]
    done = subprocess.run(
        ["node", "verify_webhooks.mjs"],
        cwd=HERE,
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    types = [one.body["type"] for one in received for _ in range(2)]
    assert json.loads(done.stdout) == [*types, None, None, None, None]
