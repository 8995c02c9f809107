"""A whole walk with every process at debug level; afterwards no secret of it stands in any log."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import pytest
import requests

from tests.kept_secrets import Kept
from tests.system import System
from tests.waiting import eventually

pytestmark = pytest.mark.browser

LINKED_BY_QR = "+6281234567891"
LINKED_BY_CODE = "+628111222334"


LOOKED_FOR = (
    *("POOL_SECRET", "SECRET_KEY", "SNAPSHOT_KEY", "api_key", "webhook_secret"),
    *("QR", "part of a QR", "pairing code", "token of a page"),
    *("phone number", "phone number without its country"),
)
"""At least."""


def walk(system: System, kept: Kept) -> str:
    """Link both ways, use, fail, restart, log out. The id of the session that stays linked."""
    marks = {"reference": "ref-" + secrets.token_hex(8), "metadata": {"note": "note-" + secrets.token_hex(8)}}
    kept.add("reference", marks["reference"])
    kept.add("metadata", marks["metadata"]["note"])
    first = system.create(**marks)
    shown = system.until(first["id"], lambda one: one["qr"] is not None)
    page = requests.get(shown["link_url"], timeout=10)
    assert page.ok
    assert requests.get(shown["link_url"] + "/status", timeout=10).ok
    system.call("GET", f"/api/sessions/{first['id']}/qr.png")
    system.standin.scan(shown["qr"]["text"], LINKED_BY_QR, "Ayu Kartika Sari")
    kept.add("name of the account", "Ayu Kartika Sari")
    system.until(first["id"], "connected")

    second = system.create(phone=LINKED_BY_CODE)
    shown = system.until(second["id"], lambda one: one["pairing_code"] is not None)
    system.standin.pair(LINKED_BY_CODE, shown["pairing_code"]["code"].replace("-", ""))
    system.until(second["id"], "connected")

    assert system.call("POST", f"/api/sessions/{first['id']}/sync-chats").ok
    chats = system.call("GET", f"/api/sessions/{first['id']}/chats").json()
    assert chats["chats"]
    for chat in chats["chats"]:
        kept.add("chat", str(chat["id"]))
        kept.add("chat's name", chat["name"])
    eventually(lambda: len(system.receiver.of_type("session_ready")) == 2, "both webhooks came")
    for received in system.receiver.received:
        kept.add("signature of a webhook", received.headers.get("webhook-signature", "").partition(",")[2])

    refused(system, kept, shown["link_url"], first["id"])
    system.kill("pool")
    system.start("pool")
    for session in (first, second):
        system.until(session["id"], "connected")
    system.stop("functions")
    system.start("functions")
    assert system.call("POST", f"/api/sessions/{second['id']}/logout").ok
    system.until(second["id"], "logged_out")
    identifier: str = first["id"]
    return identifier


def refused(system: System, kept: Kept, link_url: str, session_id: str) -> None:
    """Wrong keys, tokens and bodies: what was wrong about them is theirs to keep."""
    wrong_key, wrong_token = "lp_" + secrets.token_hex(20), secrets.token_urlsafe(24)
    kept.add("wrong key", wrong_key)
    kept.add("wrong token", wrong_token)
    assert system.call("GET", "/api/sessions", api_key=wrong_key).status_code == 401
    wrong_page = link_url.rpartition("/")[0] + "/" + wrong_token
    assert requests.get(wrong_page, timeout=10).status_code in (404, 410)
    assert requests.get(wrong_page + "/status?" + wrong_token, timeout=10).status_code in (404, 410)
    bearer = {"Authorization": f"Bearer {wrong_key}"}
    assert requests.get(f"{system.pool_url}/sessions", headers=bearer, timeout=10).status_code == 401
    body = {"phone": "+1" + "0" * 7 + "42424242"}
    kept.add("wrong number", body["phone"].removeprefix("+"))
    assert system.call("POST", f"/api/sessions/{session_id}/pairing-code", json=body).status_code >= 400
    assert system.call("POST", "/api/sessions", json={"nope": wrong_token}).status_code >= 400
    signed = {"X-Signature": wrong_token, "Authorization": f"Bearer {wrong_token}"}
    for path in ("/api/webhook", "/api/nodes/test-node/heartbeat"):
        refusal = requests.post(f"{system.functions_url}{path}", data=wrong_token, headers=signed, timeout=10)
        assert refusal.status_code >= 400


def test_no_log_of_any_process_holds_a_secret_at_any_level(tmp_path: Path) -> None:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    environ = {"LOG_LEVEL": "debug", "SNAPSHOT_KEY": key, "SNAPSHOT_QUIET_SECONDS": "1"}
    with System(tmp_path, **environ) as system:
        kept = system.kept
        assert kept is not None
        kept.add("path of the webhook", "/hooks")
        session_id = walk(system, kept)
        eventually(lambda: system.session(session_id)["snapshot"], "a snapshot is there")
        public = {
            path: requests.get(f"{system.functions_url}{path}", timeout=10).text
            for path in ("/health", "/metrics", "/readyz")
        }
        bearer = {"Authorization": f"Bearer {system.environ['POOL_SECRET']}"}
        for path in ("/health", "/metrics"):
            public["pool" + path] = requests.get(system.pool_url + path, headers=bearer, timeout=10).text
        assert kept.told(public) == []
    texts = system.logs()
    assert {"pool.log", "functions.log", "deliverer.log"} < texts.keys()
    assert any(name.endswith("browser.log") for name in texts)
    assert '"level": "debug"' in texts["pool.log"] + texts["functions.log"]
    assert set(LOOKED_FOR) <= set(kept.values.values())
    assert len(kept.values) > 40
    assert kept.told(texts) == []
