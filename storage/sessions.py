"""The record of a session, as the registry holds it. Nothing here changes state: see `storage.lifecycle`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storage.clock import from_wire, to_wire
from storage.models import LINKED, Phase, SessionStatus, Wanted
from storage.sealed_text import read_json


def _moment(text: str | None) -> datetime | None:
    return None if text is None else from_wire(text)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_wire(moment)


@dataclass(frozen=True, kw_only=True)
class Session:
    """One link between a workspace and one WhatsApp account."""

    id: str
    workspace_id: str
    created_at: datetime
    last_activity_at: datetime

    # what the backend said when it created the session
    reference: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    keep_alive: bool = False
    region: str | None = None
    proxy: str | None = None
    locale: str | None = None
    return_url: str | None = None
    webhook_url: str | None = None
    requested_phone: str | None = None
    """E.164; every start asks for a pairing code for this number."""
    expected_phone: str | None = None
    """E.164; any other number that links is logged out again."""

    # what the backend wants, and who does it
    wanted: Wanted = Wanted.CLOSED
    generation: int = 0
    start_seq: int = 0
    last_seq: int = 0
    """The last event of this generation that was looked at; smaller ones come too late."""
    node_id: str | None = None
    owned_since: int = 0
    """The generation with which its node got it from another one."""
    moving_to: str | None = None
    """The node on which the operator wants it."""
    fresh: bool = False
    """The login in the profile is known to be dead: the next start forgets it."""

    # where it stands
    status: SessionStatus = SessionStatus.CREATED
    phase: Phase | None = None
    progress_percent: int | None = None
    reason_code: str | None = None
    reason_message: str | None = None
    """What the node said beside the reason, for the operator."""
    version: int = 1
    queue_position: int | None = None
    queue_estimated_wait_ms: int | None = None
    qr_text: str | None = None
    qr_expires_at: datetime | None = None
    pairing_code: str | None = None
    pairing_phone_number: str | None = None
    pairing_expires_at: datetime | None = None
    passkey_expires_at: datetime | None = None

    # who is linked
    phone_number: str | None = None
    display_name: str | None = None
    platform: str | None = None
    is_primary: bool = False
    connected_at: datetime | None = None
    replaced_by: str | None = None
    """The newer link of the same number."""
    chats_synced_at: datetime | None = None
    """When the backend last had the chats read; null when there are none to show."""
    chats_count: int | None = None

    # how long it took, in ms
    qr_generation_ms: int | None = None
    launch_ms: int | None = None
    load_ms: int | None = None
    retrieval_ms: int | None = None
    phone_extraction_ms: int | None = None

    # its newest good snapshot
    snapshot_id: str | None = None
    snapshot_saved_at: datetime | None = None
    snapshot_verified_at: datetime | None = None
    """When all of it was last read back and checked."""
    snapshot_size_bytes: int | None = None
    """What a restore writes, uncompressed."""

    # its hosted page
    link_seq: int = 1
    link_token_hash: str | None = None
    link_expires_at: datetime | None = None
    link_browser_sha256: str | None = None
    """Of the cookie of the browser that opened the link first."""
    link_revoked_at: datetime | None = None

    # its end
    deleted_at: datetime | None = None
    erased_at: datetime | None = None
    """When no node held anything of it any more."""

    # of its node, joined
    node_url: str | None = None
    node_index: int | None = None

    @property
    def linked(self) -> bool:
        """The account is ours, or was scanned just now: a QR must never be shown."""
        return self.status in LINKED or self.status is SessionStatus.AUTHENTICATED

    @property
    def started(self) -> bool:
        """A browser holds it, or should."""
        return self.wanted is Wanted.OPEN

    @property
    def needs_node(self) -> bool:
        """Some node has to have it: for a browser, or to log its device out."""
        return self.started or (self.wanted is Wanted.LOGGED_OUT and self.linked)

    def live_qr(self, now: datetime) -> str | None:
        """The ref on display, and None when the one we know is dead."""
        return self.qr_text if _alive(self.qr_expires_at, now) else None

    def live_pairing_code(self, now: datetime) -> str | None:
        """The code on display, and None when the one we know is dead."""
        return self.pairing_code if _alive(self.pairing_expires_at, now) else None

    def to_row(self) -> dict[str, Any]:
        """Parameters of `insert_session` and `save_session`."""
        row = dict(self.__dict__)
        for name in _MOMENTS:
            row[name] = _text(row[name])
        row["metadata"] = json.dumps(dict(self.metadata), separators=(",", ":"), ensure_ascii=False)
        row["status"], row["wanted"] = self.status.value, self.wanted.value
        row["phase"] = None if self.phase is None else self.phase.value
        return row

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Session:
        """One row of `sessions` joined with its node; columns of a later release are passed over."""
        values = {name: row[name] for name in _FIELDS}
        for name in _MOMENTS:
            values[name] = _moment(values[name])
        for name in _FLAGS:
            values[name] = bool(values[name])
        values["metadata"] = read_json(values["metadata"])
        values["status"], values["wanted"] = SessionStatus(values["status"]), Wanted(values["wanted"])
        values["phase"] = None if values["phase"] is None else Phase(values["phase"])
        return cls(**values)


def _alive(expires_at: datetime | None, now: datetime) -> bool:
    return expires_at is not None and now < expires_at


_MOMENTS = tuple(
    name for name, kind in Session.__annotations__.items() if kind in {"datetime", "datetime | None"}
)
_FIELDS = tuple(Session.__annotations__)
_FLAGS = ("keep_alive", "fresh", "is_primary")
