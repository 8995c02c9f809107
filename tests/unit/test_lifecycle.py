"""What changes together with a session's state."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from storage.clock import to_wire
from storage.errors import BadMessage
from storage.events import EventType, NodeEvent
from storage.lifecycle import (
    after_chats_synced,
    after_delete,
    after_event,
    after_placement,
    after_refusal,
    after_replacement,
    after_restart,
)
from storage.models import ENDED, LINKED, LINKING, Phase, SessionStatus, Wanted
from storage.sessions import Session

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOON = to_wire(NOW + timedelta(seconds=60))
E = EventType
S = SessionStatus


def session(status: SessionStatus, **fields: Any) -> Session:
    base = Session(id="s", workspace_id="w", created_at=NOW, last_activity_at=NOW, wanted=Wanted.OPEN)
    return replace(base, status=status, generation=1, start_seq=1, node_id="n", **fields)


def event(type_: EventType, seq: int = 1, **data: Any) -> NodeEvent:
    return NodeEvent(id="e", session_id="s", generation=1, seq=seq, type=type_, occurred_at=NOW, data=data)


def after(before: Session, type_: EventType, **data: Any) -> Session:
    result = after_event(before, event(type_, **data), NOW)
    assert result is not None
    return result


SCANNING = session(
    S.QR_SCANNING,
    qr_text="ref",
    qr_expires_at=NOW,
    pairing_code="ABCD-EFGH",
    pairing_phone_number="+6281234567890",
    pairing_expires_at=NOW,
)


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        (E.SESSION_AUTHENTICATED, {}),
        (E.SESSION_READY, {"phone_number": "+6281234567890"}),
        (E.PASSKEY_REQUIRED, {"expires_at": SOON}),
        (E.SESSION_EXPIRED, {"reason_code": "qr_timeout"}),
        (E.SESSION_FAILED, {"reason_code": "browser_crash"}),
        (E.SESSION_STARTING, {"phase": "loading"}),
    ],
)
def test_qr_and_code_are_gone_when_the_session_leaves_qr_scanning(
    type_: EventType, data: dict[str, Any]
) -> None:
    left = after(SCANNING, type_, **data)
    assert (left.qr_text, left.qr_expires_at, left.pairing_code, left.pairing_expires_at) == (None,) * 4


def test_a_new_qr_keeps_the_pairing_code_on_display() -> None:
    shown = after(SCANNING, E.QR_CODE_GENERATED, ref="new", expires_at=SOON)
    assert (shown.qr_text, shown.pairing_code) == ("new", "ABCD-EFGH")


def test_the_place_in_the_queue_is_gone_when_the_session_starts() -> None:
    queued = after(session(S.CREATED), E.SESSION_QUEUED, position=3, estimated_wait_ms=4000)
    assert (queued.status, queued.queue_position, queued.queue_estimated_wait_ms) == (S.QUEUED, 3, 4000)
    started = after(queued, E.SESSION_STARTING)
    assert (started.queue_position, started.queue_estimated_wait_ms) == (None, None)


@pytest.mark.parametrize("status", sorted(LINKING - {S.AUTHENTICATED}))
def test_every_change_raises_the_version_by_one(status: SessionStatus) -> None:
    assert after(session(status, version=7), E.SESSION_AUTHENTICATED).version == 8


def test_ready_without_a_number_is_connected_and_still_reading() -> None:
    ready = after(session(S.AUTHENTICATED), E.SESSION_READY, phone_number=None)
    assert (ready.status, ready.phone_number, ready.phase) == (S.CONNECTED, None, Phase.READING_PHONE)
    resolved = after(ready, E.PHONE_RESOLVED, phone_number="+6281234567890", phone_extraction_ms=900)
    assert (resolved.status, resolved.phone_number, resolved.phase) == (S.CONNECTED, "+6281234567890", None)


def test_an_account_that_comes_back_keeps_its_number() -> None:
    lost = session(S.RECONNECTING, phone_number="+6281234567890", display_name="Ayu", connected_at=NOW)
    back = after(lost, E.SESSION_READY, phone_number=None, display_name=None)
    assert (back.phone_number, back.display_name, back.phase) == ("+6281234567890", "Ayu", None)


@pytest.mark.parametrize("type_", [E.SESSION_EXPIRED, E.SESSION_FAILED, E.SESSION_LOGGED_OUT])
def test_a_session_that_ends_is_wanted_no_longer(type_: EventType) -> None:
    ended = after(session(S.QR_SCANNING), type_)
    assert ended.status in ENDED
    assert ended.wanted is Wanted.CLOSED


def test_the_event_gives_the_reason_when_the_node_does_not() -> None:
    assert after(session(S.QR_SCANNING), E.SESSION_EXPIRED).reason_code == "qr_timeout"
    assert (
        after(session(S.CONNECTED), E.SESSION_LOGGED_OUT, reason_code="requested").reason_code == "requested"
    )


def test_a_reason_is_forgotten_when_the_session_goes_on() -> None:
    lost = after(session(S.CONNECTED), E.SESSION_DISCONNECTED, reason_code="socket_lost")
    assert lost.reason_code == "socket_lost"
    assert after(lost, E.SESSION_RECONNECTED).reason_code is None


@pytest.mark.parametrize(("status", "fresh"), [(S.LOGGED_OUT, True), (S.EXPIRED, True), (S.FAILED, False)])
def test_a_restart_forgets_the_profile_only_when_its_login_is_dead(
    status: SessionStatus, fresh: bool
) -> None:
    ended = session(status, wanted=Wanted.CLOSED, phone_number="+6281234567890")
    restarted = after_restart(ended, "n", NOW)
    assert restarted is not None
    assert (restarted.status, restarted.fresh, restarted.wanted) == (S.CREATED, fresh, Wanted.OPEN)
    assert (restarted.phone_number is None) == fresh


@pytest.mark.parametrize("status", sorted(LINKED))
def test_a_restart_of_a_linked_session_keeps_it_linked(status: SessionStatus) -> None:
    restarted = after_restart(session(status, phone_number="+6281234567890", connected_at=NOW), "n", NOW)
    assert restarted is not None
    assert (restarted.status, restarted.linked, restarted.fresh) == (S.RECONNECTING, True, False)
    assert (restarted.phone_number, restarted.connected_at) == ("+6281234567890", NOW)


def test_a_repeated_spec_never_forgets_a_login_that_was_made_since() -> None:
    restarted = after_restart(session(S.LOGGED_OUT, wanted=Wanted.CLOSED), "n", NOW)
    assert restarted is not None
    assert restarted.fresh
    assert not after(restarted, E.SESSION_AUTHENTICATED).fresh


def test_a_start_and_a_new_owner_begin_a_generation() -> None:
    running = session(S.CONNECTED, last_seq=40)
    restarted = after_restart(running, "n", NOW)
    assert restarted is not None
    assert (restarted.generation, restarted.start_seq, restarted.last_seq) == (2, 2, 0)
    moved = after_placement(running, "other")
    assert (moved.generation, moved.start_seq, moved.last_seq, moved.node_id) == (2, 1, 0, "other")


def test_deleting_leaves_nothing_of_the_account() -> None:
    linked = session(
        S.CONNECTED,
        phone_number="+6281234567890",
        requested_phone="+6281234567890",
        display_name="Ayu",
        metadata={"customer": 7},
        proxy="http://user:password@proxy.example:8080",
        is_primary=True,
        link_token_hash="hash",
    )
    deleted = after_delete(linked, NOW)
    assert (deleted.status, deleted.wanted, deleted.deleted_at) == (S.DELETED, Wanted.ERASED, NOW)
    assert (deleted.phone_number, deleted.requested_phone, deleted.display_name, deleted.proxy) == (None,) * 4
    assert (deleted.metadata, deleted.is_primary, deleted.link_token_hash) == ({}, False, None)
    assert after_delete(deleted, NOW) is deleted


@pytest.mark.parametrize(
    ("type_", "data", "field"),
    [
        (E.QR_CODE_GENERATED, {"expires_at": SOON}, "data.ref"),
        (E.QR_CODE_GENERATED, {"ref": 7, "expires_at": SOON}, "data.ref"),
        (E.QR_CODE_GENERATED, {"ref": "r" * 2001, "expires_at": SOON}, "data.ref"),
        (E.QR_CODE_GENERATED, {"ref": "r", "expires_at": "soon"}, "data.expires_at"),
        (E.QR_CODE_GENERATED, {"ref": "r", "expires_at": 12}, "data.expires_at"),
        (E.QR_CODE_GENERATED, {"ref": "r", "expires_at": SOON, "launch_ms": -1}, "data.launch_ms"),
        (E.QR_CODE_GENERATED, {"ref": "r", "expires_at": SOON, "launch_ms": True}, "data.launch_ms"),
        (E.SESSION_READY, {"phone_number": 628123}, "data.phone_number"),
        (E.SESSION_READY, {"phone_number": "6281234567890"}, "data.phone_number"),
        (E.SESSION_READY, {"display_name": []}, "data.display_name"),
        (E.PHONE_RESOLVED, {"phone_number": None}, "data.phone_number"),
        (E.SESSION_FAILED, {"reason_code": "No Spaces"}, "data.reason_code"),
        (E.SESSION_STARTING, {"phase": "dreaming"}, "data.phase"),
        (E.SESSION_PROGRESSED, {"percent": 101}, "data.percent"),
        (E.SESSION_QUEUED, {"position": float("nan")}, "data.position"),
    ],
)
def test_a_malformed_fact_is_refused_by_the_name_of_its_field(
    type_: EventType, data: dict[str, Any], field: str
) -> None:
    with pytest.raises(BadMessage, match=field):
        after_event(session(S.CREATED), event(type_, **data), NOW)


@pytest.mark.parametrize("status", sorted(LINKED))
@pytest.mark.parametrize("end", [after_replacement, after_refusal])
def test_a_link_that_ends_because_of_another_keeps_nothing_of_the_account(
    status: SessionStatus, end: Any
) -> None:
    linked = session(
        status, phone_number="+6281234567890", display_name="Ayu", is_primary=True, chats_synced_at=NOW
    )
    ended = end(linked, "other", NOW)
    assert (ended.phone_number, ended.display_name, ended.chats_synced_at) == (None, None, None)
    assert (ended.is_primary, ended.reason_code, ended.version) == (False, "duplicate", 2)
    assert ended.wanted is Wanted.LOGGED_OUT, "its device has to leave the account"
    nowhere = end(replace(linked, node_id=None), "other", NOW)
    assert nowhere.wanted is Wanted.CLOSED, "there is nobody to log it out"


def test_only_a_refused_link_can_start_anew_and_without_its_login() -> None:
    linked = session(S.CONNECTED, phone_number="+6281234567890", connected_at=NOW)
    assert after_restart(after_replacement(linked, "other", NOW), "n", NOW) is None
    again = after_restart(after_refusal(linked, "other", NOW), "n", NOW)
    assert again is not None
    assert (again.status, again.fresh, again.connected_at) == (S.CREATED, True, None)


@pytest.mark.parametrize("status", sorted(SessionStatus))
def test_chats_are_kept_of_a_linked_account_only(status: SessionStatus) -> None:
    synced = after_chats_synced(session(status), 7, NOW)
    assert (synced is not None) == (status in LINKED)
    if synced is not None:
        assert (synced.chats_count, synced.chats_synced_at, synced.version) == (7, NOW, 2)
        assert synced.status is status
