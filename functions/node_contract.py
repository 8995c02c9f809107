"""What the two calls of nodes promise. How to add one: see `contract`.

Rule: the bodies are read by `storage`, which knows no pydantic. These models only describe them, and the
fuzzing of the contract holds them to what is really taken.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from functions.contract import Answer, Operation, Operations, Reply
from functions.node_events import AnyEvent, Told
from storage.event_log import Outcome
from storage.node_protocol import LARGEST_COUNT as LARGEST_NODE_COUNT

_MOST_EVENTS = 500

_Small = Annotated[int, Field(ge=0, le=LARGEST_NODE_COUNT)]


class EventBatch(Told):
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


class HeldSession(Told):
    """One session that has a browser, or is on its way to one."""

    id: str
    generation: int
    start_seq: int
    status: str


class Heartbeat(Told):
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
    keeps_browsers: bool = False
    """Whether it stops and its browsers run on, until the next process of its machine."""


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
