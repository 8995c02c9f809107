"""Honest input of every target, for fuzzers to spoil."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from storage.clock import ManualClock, to_wire
from storage.events import EventType
from storage.key_wrap import LocalKeyWrap
from storage.manifest import Manifest, Place
from storage.node_protocol import HeartbeatAnswer, SessionSpec
from storage.node_signing import sign
from storage.profile_files import DirectoryEntry, FileEntry, Tree
from storage.sealing import PIECE_BYTES, Kind
from storage.snapshot_head import head_after
from tests.fakes.vaults import SESSION_ID, about
from tests.fuzz.targets import ID, NOW, SEALING

PACK = ID
ONE, TWO = "a" * 32, "b" * 32
_MOMENT = to_wire(datetime(2026, 1, 1, tzinfo=UTC))


def _event(type_: EventType, **data: Any) -> bytes:
    wire = {"id": ID, "session_id": SESSION_ID, "generation": 1, "seq": 2, "event": type_.value}
    return json.dumps({**wire, "occurred_at": _MOMENT, "data": data}).encode()


def _manifest() -> Manifest:
    tree = Tree(
        directories=(DirectoryEntry(path="d", mode=0o700),),
        files=(FileEntry(path="d/f", mode=0o600, size=PIECE_BYTES + 1, sha256="0" * 64, pieces=(ONE, TWO)),),
    )
    places = {ONE: Place(pack=PACK, offset=0, length=60), TWO: Place(pack=PACK, offset=60, length=40)}
    return Manifest(
        id=ID, saved_at=NOW, about=about(), tree=tree, places=places, packs={PACK: 100}, packed_bytes=100
    )


def _spec(**changes: Any) -> SessionSpec:
    known: dict[str, Any] = {"id": SESSION_ID, "workspace_id": ID, "generation": 1, "linked": True}
    return SessionSpec(**{**known, "fresh": False, "start_seq": 1, **changes})


def _heartbeat() -> bytes:
    held = {"id": SESSION_ID, "generation": 1, "status": "connected"}
    beat = {
        "node_id": "n",
        "url": "http://127.0.0.1:8100",
        "region": None,
        "capacity": 5,
        "live": 1,
        "warm": 0,
    }
    beat |= {"queued": 0, "draining": False, "sessions": [held], "profiles": [SESSION_ID]}
    return json.dumps(beat).encode()


def _gateway_event() -> dict[str, Any]:
    http = {"method": "POST", "path": "/api/sessions", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7"}
    return {
        "version": "2.0",
        "rawPath": "/prod/api/sessions",
        "rawQueryString": "limit=1",
        "cookies": ["a=b"],
        "headers": {"authorization": "Bearer lp_a_b", "content-type": "application/json"},
        "body": "e30=",
        "isBase64Encoded": True,
        "requestContext": {"stage": "prod", "http": http},
    }


def seeds() -> dict[str, list[bytes]]:
    """Target to honest inputs."""
    shown = {"ref": "2@" + "x" * 200, "expires_at": _MOMENT, "qr_generation_ms": 40, "launch_ms": 3.5}
    ready = {"phone_number": "+6281234567890", "display_name": "Ayu", "platform": "android"}
    spec = json.dumps(_spec().to_wire()).encode()
    facts = [
        {"kind": "ref", "text": "2@a,b,c,d"},
        {"kind": "me", "number": "6281234567890", "name": "Ayu", "platform": None, "method": "me_user"},
        {"kind": "loaded", "version": "2.3", "lookups": ["conn"]},
        {"kind": "progress", "percent": 12.5},
        {"kind": "foreign", "refuses_browser": True},
    ]
    chat = {"id": "1@c.us", "name": "A", "unread_count": -1, "t": 1700000000, "is_group": False}
    key = LocalKeyWrap(bytes(range(1, 33))).wrap(bytes(32), "context").to_bytes()
    answer = HeartbeatAnswer(lease_ttl_seconds=15, run=[_spec()], close=[SESSION_ID], log_out=[], erase=[])
    head = head_after(_manifest().snapshot(500), None).to_bytes()
    headers = "\n".join(sign("0" * 64, "n", "POST", "/api/webhook", b"", ManualClock().now()).values())
    return {
        "node_event": [
            _event(EventType.QR_CODE_GENERATED, **shown),
            _event(EventType.SESSION_READY, **ready),
            _event(EventType.SESSION_FAILED, reason_code="load_timeout", message="late"),
            _event(EventType.SESSION_QUEUED, position=1, estimated_wait_ms=10),
        ],
        "heartbeat": [_heartbeat()],
        "heartbeat_answer": [json.dumps(answer.to_wire()).encode()],
        "session_spec": [spec],
        "journal_row": [spec],
        "page_fact": [json.dumps(fact).encode() for fact in facts],
        "page_chats": [json.dumps({"synced": True, "chats": [chat, {**chat, "id": "2@g.us"}]}).encode()],
        "request_body": [json.dumps({"reference": "r", "metadata": {"a": [1, 2.5, None, "é"]}}).encode()],
        "phone_number": [b"+62 812-3456-7890", b"0062812345678", b"+1 (415) 555-2671;ext=5"],
        "web_address": [b"https://example.com:8443/hooks?a=b", b"https://[2001:db8::1]/", b"https://0x7f.1/"],
        "api_key": [b"lp_abcdefgh_" + b"x" * 32],
        "moment": [_MOMENT.encode(), b"0001-01-02T00:00:00+07:00"],
        "node_signature": [headers.encode()],
        "manifest": [_manifest().to_bytes()],
        "snapshot_head": [head],
        "wrapped_key": [key],
        "sealed": [SEALING.seal(Kind.PIECE, "another", b"x" * 100)],
        "sealed_by_another_version": [b"x" * 100, b"(\xb5/\xfd" + bytes(40)],
        "index_document": [
            b"\xef\xbb\xbf<!-- a -->\n<!-- b --><!DOCTYPE html><script>1</script>",
            b"2.3000.1",
        ],
        "request_bytes": [
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{}",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nT: x\r\n\r\n",
        ],
        "forwarded_for": [
            b"198.51.100.7, [2001:db8::1]:443, 10.0.0.2:80",
            b"::ffff:203.0.113.7%eth0,unknown",
        ],
        "gateway_event": [json.dumps(_gateway_event()).encode()],
        "page_settings": [
            b"#0A7a55",
            b"https://app.example.com:8443",
            b"https://cdn.example.com/logo.png?v=1",
        ],
        "page_said": [b"Error at https://x.example/a?token=1: 2@abc/+= ABCD-1234 +62 812-3456-7890"],
    }
