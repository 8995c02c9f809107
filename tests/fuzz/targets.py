"""Every parser that meets outside input, as a function of bytes: a value, or a refusal by its own type.

Rule: whatever a parser raises beyond the types named here is a finding. `tests/unit/test_parsers_fuzzed.py`
runs all of them shortly; `python -m tests.fuzz NAME SECONDS` runs one under atheris for as long as one likes.
"""

from __future__ import annotations

import io
import ipaddress
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import zstandard

from browser_pool import index_document as index_documents
from browser_pool.chat_list import parse_chats
from browser_pool.errors import PageBroken
from browser_pool.facts import MAX_REF_LENGTH, RefShown, parse_fact
from browser_pool.journal import JournalEntry
from browser_pool.scrub import LONGEST, scrubbed
from functions import addresses, phone_numbers
from functions.bodies import parse_json
from functions.client_address import ClientAddress
from functions.lambda_adapter import BadEvent, readable
from functions.page_texts_en import ENGLISH
from functions.phone_field import FieldWrong, read_phone
from functions.problems import Problem
from functions.request_shape import Arrived, RequestShape
from storage.api_keys import split_key
from storage.audit import mask_address
from storage.clock import from_wire
from storage.errors import BadMessage, InvalidPhone, Untrusted
from storage.events import NodeEvent
from storage.facts import facts_of
from storage.key_wrap import WrappedKey
from storage.manifest import parse_manifest
from storage.node_protocol import Heartbeat, HeartbeatAnswer, SessionSpec
from storage.node_signing import (
    NODE_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    verify,
)
from storage.page_settings import BadSetting, logo_origin, read_color, read_logo, read_origin
from storage.sealing import PIECE_BYTES, Kind, Sealing, Unsealable
from storage.snapshot_errors import SnapshotCorrupt, SnapshotNewer
from storage.snapshot_head import parse_head

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = "01JQZ3N8K2V5W7X9Y1B4C6D8EF"
SECRET = "0123456789abcdef" * 4
SEALING = Sealing(bytes(range(32)), "a" * 32)
NONCE = bytes(12)
PROXIES = [ipaddress.ip_network("10.0.0.0/8")]


def _text(data: bytes) -> str:
    """Also with halves of characters, which JSON and pages can hold."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def _json(data: bytes) -> object:
    with suppress(ValueError, RecursionError):
        return json.loads(data)
    return None


def node_event(data: bytes) -> None:
    """One event of the webhook's body, from the wire into columns, and back."""
    with suppress(BadMessage, Problem):
        event = NodeEvent.from_wire(parse_json(data))
        facts_of(event)
        assert NodeEvent.from_wire(json.loads(json.dumps(event.to_wire()))).seq == event.seq


def heartbeat(data: bytes) -> None:
    with suppress(BadMessage, Problem):
        beat = Heartbeat.from_wire(parse_json(data))
        assert Heartbeat.from_wire(json.loads(json.dumps(beat.to_wire()))) == beat


def heartbeat_answer(data: bytes) -> None:
    """What a node reads from the functions."""
    with suppress(BadMessage):
        HeartbeatAnswer.from_wire(_json(data))


def session_spec(data: bytes) -> None:
    """What the control API reads, and the journal."""
    with suppress(BadMessage):
        spec = SessionSpec.from_wire(_json(data))
        assert SessionSpec.from_wire(json.loads(json.dumps(spec.to_wire()))) == spec


def journal_row(data: bytes) -> None:
    """A row of pool.db whose spec and times are spoilt."""
    row = {"pid": None, "status": "connected", "phone_number": None, "profile": ID, "ref": None}
    text = data.decode("utf-8", "replace")
    with suppress(BadMessage, ValueError):
        JournalEntry.from_row({**row, "spec": text, "hibernated_at": text[:40]})


def page_fact(data: bytes) -> None:
    """What a page sends through the binding."""
    fact = parse_fact(_text(data))
    if isinstance(fact, RefShown):
        assert 0 < len(fact.text) <= MAX_REF_LENGTH


def page_chats(data: bytes) -> None:
    with suppress(PageBroken):
        for chat in parse_chats(_text(data)).chats:
            json.dumps(chat.name).encode()
            assert chat.id


def request_body(data: bytes) -> None:
    with suppress(Problem):
        json.dumps(parse_json(data)).encode()


def phone_number(data: bytes) -> None:
    text = _text(data)
    with suppress(InvalidPhone):
        assert phone_numbers.normalise(text).startswith("+")
    with suppress(FieldWrong):
        read_phone(text, ENGLISH)


def web_address(data: bytes) -> None:
    """Where a workspace wants its webhooks."""
    text = _text(data)
    addresses.is_public(text)
    if addresses.why_refused(text, frozenset()) is None:
        addresses.host_and_port(text)


def api_key(data: bytes) -> None:
    split_key(_text(data))


def moment(data: bytes) -> None:
    with suppress(ValueError):
        assert from_wire(_text(data)).tzinfo is not None


def node_signature(data: bytes) -> None:
    """Headers of a signed request, four lines of anything; none is ever right by chance."""
    names = (NODE_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER)
    lines = data.decode("latin-1").split("\n")  # as WSGI gives headers
    headers = dict(zip(names, lines, strict=False))
    try:
        verify(SECRET, headers, "POST", "/api/webhook", data, NOW)
    except Untrusted:
        return
    raise AssertionError("somebody without the secret was trusted")


def manifest(data: bytes) -> None:
    """An opened manifest, with its index of packs and pieces: it reads back as it was, or is refused."""
    made = _json(data)
    name = made.get("id") if isinstance(made, dict) and isinstance(made.get("id"), str) else ID
    with suppress(SnapshotCorrupt, SnapshotNewer):
        read = parse_manifest(data, name, "it")
        settled = parse_manifest(read.to_bytes(), name, "it")  # times are kept to the millisecond
        assert parse_manifest(settled.to_bytes(), name, "it") == settled
        for file in read.tree.files:
            assert not file.path.startswith("/")
            assert ".." not in file.path.split("/")
        for place in read.places.values():
            assert place.offset + place.length <= read.packs[place.pack]


def snapshot_head(data: bytes) -> None:
    with suppress(SnapshotCorrupt, SnapshotNewer):
        read = parse_head(data, "it")
        settled = parse_head(read.to_bytes(), "it")
        assert parse_head(settled.to_bytes(), "it") == settled


def wrapped_key(data: bytes) -> None:
    with suppress(SnapshotCorrupt, SnapshotNewer):
        WrappedKey.from_bytes(data, "it").to_bytes()


def sealed(data: bytes) -> None:
    """What lies in the store, spoilt: it never opens."""
    for kind in Kind:
        try:
            SEALING.open(kind, "n", data)
        except Unsealable:
            continue
        raise AssertionError("something opened that was not sealed by us")


def sealed_by_another_version(data: bytes) -> None:
    """Ours, with any frame inside: it opens within its bounds, or not at all."""
    cipher = SEALING._ciphers[Kind.PIECE]
    frames = [data]
    if len(data) < 4096:
        frames.append(zstandard.ZstdCompressor().compress(data))
        stream = io.BytesIO()
        with zstandard.ZstdCompressor().stream_writer(stream, closefd=False) as writer:
            writer.write(data * 64)  # a frame that does not tell its size
        frames.append(stream.getvalue())
    for frame in frames:
        whole = NONCE + cipher.encrypt(NONCE, frame, SEALING._bound_to(Kind.PIECE, "n"))
        with suppress(Unsealable):
            assert len(SEALING.open(Kind.PIECE, "n", whole)) <= PIECE_BYTES


def index_document(data: bytes) -> None:
    """What the site answers at its address, and what its page calls itself."""
    index_documents.looks_like_html(data)
    index_documents.looks_like_html(b"<!--" + data * 3)
    assert "/" not in index_documents.version_name(_text(data))


def request_bytes(data: bytes) -> None:
    """A request as it comes off the wire, whole and in two pieces: both are told alike once all is there."""
    whole = RequestShape().look(bytearray(data))
    shape, received = RequestShape(), bytearray(data[: len(data) // 2])
    first = shape.look(received)
    if first in {Arrived.PART, Arrived.AWAITED}:
        received += data[len(data) // 2 :]
        assert shape.look(received) in {whole, Arrived.PART if whole is Arrived.AWAITED else whole}


def forwarded_for(data: bytes) -> None:
    """X-Forwarded-For behind a proxy that is trusted: an address comes of it, and never a name."""
    hops = data.decode("latin-1")
    client = ClientAddress(PROXIES).of("10.0.0.1", hops)
    assert client == "local" or ipaddress.ip_network(client)
    mask_address(ClientAddress(PROXIES).address_in({"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": hops}))


def gateway_event(data: bytes) -> None:
    """What a Lambda is called with."""
    with suppress(BadEvent):
        event = readable(_json(data))
        assert event["rawPath"].startswith("/")


def page_settings(data: bytes) -> None:
    """What a workspace says of its pages: it goes into policies that browsers obey."""
    text = _text(data)
    for read in (
        read_color,
        lambda one: read_origin(one, "x"),
        lambda one: read_logo(one, [logo_origin(one)]),
    ):
        with suppress(BadSetting):
            assert not set(read(text)) & set(" ;'\"\\\n\r")


def page_said(data: bytes) -> None:
    """A line of a page's console, on its way into a diagnosis."""
    assert len(scrubbed(_text(data))) <= LONGEST


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        node_event,
        heartbeat,
        heartbeat_answer,
        session_spec,
        journal_row,
        page_fact,
        page_chats,
        request_body,
        phone_number,
        web_address,
        api_key,
        moment,
        node_signature,
        manifest,
        snapshot_head,
        wrapped_key,
        sealed,
        sealed_by_another_version,
        index_document,
        request_bytes,
        forwarded_for,
        gateway_event,
        page_settings,
        page_said,
    )
}
