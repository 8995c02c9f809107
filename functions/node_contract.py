"""What the two calls of nodes promise. How to add one: see `contract`.

Rule: the bodies are read by `storage`, which knows no pydantic. These models only describe them, and the
fuzzing of the contract holds them to what is really taken.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from functions.contract import Answer, Operation, Operations, Reply
from storage.event_log import Outcome
from storage.events import LARGEST_COUNT, LONGEST_ID
from storage.models import Phase
from storage.node_protocol import LARGEST_COUNT as LARGEST_NODE_COUNT

_MOST_EVENTS = 500

_Text = Annotated[str, Field(max_length=2000)] | None
_Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
_Number = Annotated[float, Field(ge=0, le=2**53)] | None
_Phone = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{5,14}$")] | None
_Reason = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")] | None
_Name = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]
_Big = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
_Small = Annotated[int, Field(ge=0, le=LARGEST_NODE_COUNT)]


class _Told(BaseModel):
    """From a node: fields that we do not know are left alone, so that a newer node can talk to us."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)


class NoData(_Told):
    """Nothing that is needed."""


class QueuedData(_Told):
    """Its place in the queue."""

    position: _Number = None
    estimated_wait_ms: _Number = None


class StartingData(_Told):
    """What a start is at."""

    phase: Phase | None = None


class ProgressData(StartingData):
    """How far a start is."""

    percent: Annotated[float, Field(ge=0, le=100)] | None = None


class QrData(_Told):
    """A ref, and with the first one of a start how long it took."""

    ref: Annotated[str, Field(min_length=1, max_length=2000)]
    expires_at: _Moment
    qr_generation_ms: _Number = None
    launch_ms: _Number = None
    load_ms: _Number = None
    retrieval_ms: _Number = None


class CodeData(_Told):
    """A pairing code."""

    code: Annotated[str, Field(min_length=1, max_length=2000)]
    phone_number: _Phone = None
    expires_at: _Moment


class PasskeyData(_Told):
    """Until when the phone waits."""

    expires_at: _Moment | None = None


class AccountData(_Told):
    """Who is linked, as far as it is known."""

    phone_number: _Phone = None
    display_name: _Text = None
    platform: _Text = None
    phone_extraction_ms: _Number = None


class NumberData(_Told):
    """The number that was late."""

    phone_number: Annotated[str, Field(pattern=r"^\+[1-9][0-9]{5,14}$")]
    display_name: _Text = None
    phone_extraction_ms: _Number = None


class ReasonData(_Told):
    """Why."""

    reason_code: _Reason = None
    message: _Text = None


class SavedData(_Told):
    """The newest snapshot."""

    snapshot_id: Annotated[str, Field(min_length=1, max_length=2000)]
    saved_at: _Moment
    verified_at: _Moment | None = None
    size_bytes: _Number = None


class VerifiedData(_Told):
    """When the newest snapshot was read back."""

    verified_at: _Moment


class _Event(_Told):
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


class EventBatch(_Told):
    """Facts about sessions, in order."""

    node_id: Annotated[str, Field(min_length=1, max_length=100)]
    """The node that signed."""
    events: Annotated[list[AnyEvent], Field(min_length=1, max_length=_MOST_EVENTS)]


class EventOutcome(Answer):
    """What came of one event. Every outcome acknowledges it."""

    id: str
    outcome: Outcome


class Outcomes(Answer):
    """Of every event, in order."""

    outcomes: list[EventOutcome]


class HeldSession(_Told):
    """One session that has a browser, or is on its way to one."""

    id: str
    generation: int
    start_seq: int
    status: str


class Heartbeat(_Told):
    """What a node is and holds."""

    node_id: Annotated[str, Field(min_length=1, max_length=100)]
    """The node that signed."""
    url: Annotated[str, Field(json_schema_extra={"pattern": "^https?://", "format": "node-url"})]
    """Where its control API is."""
    region: str | None = None
    capacity: _Small
    live: _Small
    warm: _Small
    queued: _Small
    draining: bool
    sessions: list[HeldSession]
    profiles: list[str]
    """Ids of sessions whose profile lies on its disk."""
    erased: list[str] = Field(default_factory=list)
    """Ids of sessions of which nothing is left."""
    sandbox: bool | None = None
    """Whether Chromium's sandbox is on."""
    room: _Small | None = None
    """How many more sessions its memory holds."""
    leased: bool = False
    """Whether it stops by itself when its lease runs out."""
    handed_over: list[str] = Field(default_factory=list)
    """Ids of sessions that are saved and closed for another node."""
    largest_browser_mb: _Small | None = None
    """Memory of its largest browser."""
    cpu_percent: _Small | None = None
    """Share of all its cores in use."""


class SessionSpec(Answer):
    """What a node needs to run one session."""

    id: str
    workspace_id: str
    generation: int
    linked: bool
    """Its login must come back; a QR must never be shown."""
    fresh: bool
    """Forget any profile first."""
    start_seq: int
    """Start over when it has grown."""
    phone_number: str | None
    keep_alive: bool
    proxy: str | None
    locale: str | None
    snapshot_id: str | None
    owned_since: int
    """A login on its disk of a smaller generation was used elsewhere since."""
    record: dict[str, Any]


class HeartbeatAnswer(Answer):
    """What the node should do. What is named nowhere is left as it is."""

    lease_ttl_seconds: float
    run: list[SessionSpec]
    close: list[str]
    log_out: list[str]
    erase: list[str]
    alone: bool
    """Nobody else could take its sessions: it need not stop when its lease runs out."""
    drop: list[str]
    """Another node has them: end their browsers at once."""
    hand_over: list[str]
    """Save and close them, and say so."""


OPERATIONS: Operations = {
    "nodes.webhook": Operation(
        summary="Report events (nodes only)",
        text="200: every event is stored. A batch with one that cannot be read is refused as a whole.",
        body=EventBatch,
        body_required=True,
        body_example={
            "node_id": "node-1",
            "events": [
                {
                    "id": "01JD3Z12ABCDEFGHJKMNPQRSTV",
                    "session_id": "01JD3Z0V5M8Q4T2X9Y7W6R1K0B",
                    "generation": 1,
                    "seq": 1769851862000000,
                    "event": "session_authenticated",
                    "occurred_at": "2026-01-31T09:31:02.000Z",
                    "data": {},
                }
            ],
        },
        replies=(
            Reply(
                status=200,
                what="They are stored.",
                model=Outcomes,
                example={"outcomes": [{"id": "01JD3Z12ABCDEFGHJKMNPQRSTV", "outcome": "applied"}]},
            ),
        ),
        errors=("other_node", "bad_message"),
    ),
    "nodes.heartbeat": Operation(
        summary="Report what a node holds (nodes only)",
        body=Heartbeat,
        body_required=True,
        body_example={
            "node_id": "node-1",
            "url": "http://10.0.0.7:8100",
            "region": None,
            "capacity": 30,
            "live": 1,
            "warm": 2,
            "queued": 0,
            "draining": False,
            "sessions": [],
            "profiles": [],
            "erased": [],
            "sandbox": True,
            "largest_browser_mb": 141,
            "cpu_percent": 12,
        },
        replies=(
            Reply(
                status=200,
                what="What it should run.",
                model=HeartbeatAnswer,
                example={
                    "lease_ttl_seconds": 15.0,
                    "run": [],
                    "close": [],
                    "log_out": [],
                    "erase": [],
                    "alone": True,
                    "drop": [],
                    "hand_over": [],
                },
            ),
        ),
        errors=("other_node", "bad_message"),
    ),
}
