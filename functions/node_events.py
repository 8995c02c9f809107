"""The events that nodes report, as the contract describes them: one model for each set of data.

Rule: `storage.facts` reads them; these models only say what it takes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from storage.events import LARGEST_COUNT, LONGEST_ID
from storage.models import Phase

_Text = Annotated[str, Field(max_length=2000)] | None
_Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
_Number = Annotated[float, Field(ge=0, le=2**53)] | None
_Phone = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{5,14}$")] | None
_Reason = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")] | None
_Name = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]
_Big = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]


class Told(BaseModel):
    """From a node: fields that we do not know are left alone, so that a newer node can talk to us."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)


class NoData(Told):
    """Nothing that is needed."""


class QueuedData(Told):
    """Its place in the queue."""

    position: _Number = None
    estimated_wait_ms: _Number = None


class StartingData(Told):
    """What a start is at."""

    phase: Phase | None = None
    failed_before: _Reason = None
    """Why the start before this one, of the same wish, came to nothing."""


class ProgressData(StartingData):
    """How far a start is."""

    percent: Annotated[float, Field(ge=0, le=100)] | None = None


class QrData(Told):
    """A ref, and with the first one of a start how long it took."""

    ref: Annotated[str, Field(min_length=1, max_length=2000)]
    expires_at: _Moment
    qr_generation_ms: _Number = None
    launch_ms: _Number = None
    load_ms: _Number = None
    retrieval_ms: _Number = None


class CodeData(Told):
    """A pairing code."""

    code: Annotated[str, Field(min_length=1, max_length=2000)]
    phone_number: _Phone = None
    expires_at: _Moment


class PasskeyData(Told):
    """Until when the phone waits."""

    expires_at: _Moment | None = None


class AccountData(Told):
    """Who is linked, as far as it is known."""

    phone_number: _Phone = None
    display_name: _Text = None
    platform: _Text = None
    phone_extraction_ms: _Number = None


class NumberData(Told):
    """The number that was late."""

    phone_number: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{5,14}$")]
    display_name: _Text = None
    phone_extraction_ms: _Number = None


class ReasonData(Told):
    """Why."""

    reason_code: _Reason = None
    message: _Text = None


class SavedData(Told):
    """The newest snapshot."""

    snapshot_id: Annotated[str, Field(min_length=1, max_length=2000)]
    saved_at: _Moment
    verified_at: _Moment | None = None
    size_bytes: _Number = None


class VerifiedData(Told):
    """When the newest snapshot was read back."""

    verified_at: _Moment


class _Event(Told):
    id: _Name
    session_id: _Name
    generation: _Big
    """Of the owner that saw it."""
    seq: _Big
    """Orders the events of a session."""
    occurred_at: _Moment


class QueuedEvent(_Event):
    event: Literal["session_queued"]
    data: QueuedData


class StartingEvent(_Event):
    event: Literal["session_starting"]
    data: StartingData


class ProgressEvent(_Event):
    event: Literal["session_progressed"]
    data: ProgressData


class QrEvent(_Event):
    event: Literal["qr_code_generated"]
    data: QrData


class CodeEvent(_Event):
    event: Literal["pairing_code_generated"]
    data: CodeData


class PasskeyEvent(_Event):
    event: Literal["passkey_required"]
    data: PasskeyData


class AccountEvent(_Event):
    event: Literal["session_authenticated", "session_ready"]
    data: AccountData


class NumberEvent(_Event):
    event: Literal["phone_resolved"]
    data: NumberData


class ReasonEvent(_Event):
    event: Literal[
        "session_disconnected", "session_logged_out", "session_expired", "session_failed", "session_replaced"
    ]
    data: ReasonData


class SavedEvent(_Event):
    event: Literal["snapshot_saved"]
    data: SavedData


class VerifiedEvent(_Event):
    event: Literal["snapshot_verified"]
    data: VerifiedData


class PlainEvent(_Event):
    event: Literal[
        "session_reconnected",
        "session_hibernated",
        "session_woken",
        "session_restored",
        "chats_synced",
        "snapshots_destroyed",
    ]
    data: NoData


AnyEvent = (
    QueuedEvent
    | StartingEvent
    | ProgressEvent
    | QrEvent
    | CodeEvent
    | PasskeyEvent
    | AccountEvent
    | NumberEvent
    | ReasonEvent
    | SavedEvent
    | VerifiedEvent
    | PlainEvent
)
