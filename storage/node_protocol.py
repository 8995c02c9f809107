"""What functions and a node tell each other besides events: session specs and heartbeats.

Rule: both sides are level-triggered. The direct calls carry the same spec that the next heartbeat
answer repeats, so a lost call heals by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from storage.errors import BadMessage

LARGEST_COUNT = 2**31
"""No machine has that many of anything that is counted here."""


_ALWAYS = frozenset({"close", "log_out", "erase"})
"""Lists that every version of the functions sends."""


def _get(raw: Mapping[str, Any], name: str, *kinds: type) -> Any:
    value = raw.get(name)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        wanted = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
        raise BadMessage(f"field {name!r} must be {wanted}, got {type(value).__name__}")
    return value


def _count(raw: Mapping[str, Any], name: str) -> int:
    value: int = _get(raw, name, int)
    if not 0 <= value <= LARGEST_COUNT:
        raise BadMessage(f"field {name!r} must be from 0 to {LARGEST_COUNT}")
    return value


def _count_if_said(raw: Mapping[str, Any], name: str) -> int | None:
    return None if raw.get(name) is None else _count(raw, name)


@dataclass(frozen=True, kw_only=True)
class SessionSpec:
    """What a node needs to run one session: body of PUT /sessions/{id}, element of a heartbeat's `run`."""

    id: str
    workspace_id: str
    generation: int
    linked: bool
    """The account was linked before: its login must come back, and a QR must never be shown."""
    fresh: bool
    """Forget any profile on disk first: the login in it is known to be dead."""
    start_seq: int
    """Grows with every start the backend asked for; a node restarts when it sees a larger one."""
    phone_number: str | None = None
    """E.164; ask for a pairing code for this number at once."""
    keep_alive: bool = False
    proxy: str | None = None
    locale: str | None = None
    snapshot_id: str | None = None
    """The newest snapshot that the registry knows of: a store that holds none is not believed then."""
    owned_since: int = 0
    """A login on this disk of a smaller generation was used elsewhere since: a snapshot is newer."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """What the functions want back from a snapshot when the registry is lost. Opaque to the node."""

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_wire(cls, raw: object) -> SessionSpec:
        """Raises BadMessage naming the field."""
        if not isinstance(raw, dict):
            raise BadMessage("a session spec is a JSON object")
        none = type(None)
        return cls(
            id=_get(raw, "id", str),
            workspace_id=_get(raw, "workspace_id", str),
            generation=_get(raw, "generation", int),
            linked=_get(raw, "linked", bool),
            fresh=_get(raw, "fresh", bool),
            start_seq=_get(raw, "start_seq", int),
            phone_number=_get(raw, "phone_number", str, none),
            keep_alive=_get(raw, "keep_alive", bool),
            proxy=_get(raw, "proxy", str, none),
            locale=_get(raw, "locale", str, none),
            snapshot_id=_get(raw, "snapshot_id", str, none),
            owned_since=_get(raw, "owned_since", int) if "owned_since" in raw else 0,
            record=_get(raw, "record", dict, none) or {} if "record" in raw else {},
        )


@dataclass(frozen=True, kw_only=True)
class HeldSession:
    """One session as a node sees it, in its heartbeat."""

    id: str
    generation: int
    start_seq: int
    status: str


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """Body of POST /api/nodes/{id}/heartbeat."""

    node_id: str
    url: str
    region: str | None
    capacity: int
    live: int
    warm: int
    queued: int
    draining: bool
    sessions: list[HeldSession]
    """Sessions that have a browser, or are on their way to one."""
    profiles: list[str]
    """Session ids whose profile lies on this node's disk, running or not."""
    erased: list[str] = field(default_factory=list)
    """Session ids of which nothing is left: no browser, no profile, no snapshot."""
    sandbox: bool | None = None
    """Whether Chromium's sandbox is on; null from a node that does not say."""
    room: int | None = None
    """How many more sessions its memory holds; null from a node that does not say."""
    leased: bool = False
    """It will stop trusting itself when its lease runs out. Only from such a node anything is taken."""
    handed_over: list[str] = field(default_factory=list)
    """Session ids that were to be handed over, and are saved and closed."""
    largest_browser_mb: int | None = None
    """Memory of its largest browser; null from a node that does not say."""
    cpu_percent: int | None = None
    """Share of all its cores in use; null from a node that does not say."""
    keeps_browsers: bool = False
    """It stops, and its browsers run on until the next process of its machine: it takes nothing new, and
    nothing may be given away that a browser there still shows or runs."""

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_wire(cls, raw: object) -> Heartbeat:
        """Raises BadMessage naming the field."""
        if not isinstance(raw, dict):
            raise BadMessage("a heartbeat is a JSON object")
        sessions = []
        for element in _get(raw, "sessions", list):
            if not isinstance(element, dict):
                raise BadMessage("field 'sessions' must hold objects")
            sessions.append(
                HeldSession(
                    id=_get(element, "id", str),
                    generation=_get(element, "generation", int),
                    start_seq=_get(element, "start_seq", int),
                    status=_get(element, "status", str),
                )
            )
        profiles = _get(raw, "profiles", list)
        if not all(isinstance(profile, str) for profile in profiles):
            raise BadMessage("field 'profiles' must hold session ids")
        erased = raw.get("erased", [])
        if not isinstance(erased, list) or not all(isinstance(element, str) for element in erased):
            raise BadMessage("field 'erased' must hold session ids")
        handed_over = raw.get("handed_over", [])
        if not isinstance(handed_over, list) or not all(isinstance(element, str) for element in handed_over):
            raise BadMessage("field 'handed_over' must hold session ids")
        url = _get(raw, "url", str)
        if not url.startswith(("http://", "https://")):
            raise BadMessage("field 'url' must be the http address of the node's control API")
        return cls(
            node_id=_get(raw, "node_id", str),
            url=url,
            region=_get(raw, "region", str, type(None)),
            capacity=_count(raw, "capacity"),
            live=_count(raw, "live"),
            warm=_count(raw, "warm"),
            queued=_count(raw, "queued"),
            draining=_get(raw, "draining", bool),
            sessions=sessions,
            profiles=profiles,
            erased=erased,
            sandbox=_get(raw, "sandbox", bool, type(None)),
            room=_count_if_said(raw, "room"),
            leased=_get(raw, "leased", bool) if "leased" in raw else False,
            handed_over=handed_over,
            largest_browser_mb=_count_if_said(raw, "largest_browser_mb"),
            cpu_percent=_count_if_said(raw, "cpu_percent"),
            keeps_browsers=_get(raw, "keeps_browsers", bool) if "keeps_browsers" in raw else False,
        )


@dataclass(frozen=True, kw_only=True)
class HeartbeatAnswer:
    """What the node should run. Session ids it holds and finds nowhere here are left as they are:
    unknown is not a reason to close anything."""

    lease_ttl_seconds: float
    run: list[SessionSpec]
    close: list[str]
    """Close the browser, keep the profile."""
    log_out: list[str]
    """Remove the device from the account, then close."""
    erase: list[str]
    """Remove the device, close, and destroy the profile."""
    alone: bool = False
    """Nobody else could take these sessions, and nobody will before this node has said that it knows
    otherwise: it need not stop trusting itself when its lease runs out."""
    drop: list[str] = field(default_factory=list)
    """Another node has them: end the browser at once and put the profile aside."""
    hand_over: list[str] = field(default_factory=list)
    """Save, close, and say so: another node will have them."""

    def to_wire(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_wire(cls, raw: object) -> HeartbeatAnswer:
        """Raises BadMessage naming the field."""
        if not isinstance(raw, dict):
            raise BadMessage("a heartbeat answer is a JSON object")
        lists: dict[str, list[str]] = {}
        for name in ("close", "log_out", "erase", "drop", "hand_over"):
            lists[name] = _get(raw, name, list) if name in raw or name in _ALWAYS else []
            if not all(isinstance(element, str) for element in lists[name]):
                raise BadMessage(f"field {name!r} must hold session ids")
        return cls(
            lease_ttl_seconds=float(_get(raw, "lease_ttl_seconds", int, float)),
            run=[SessionSpec.from_wire(element) for element in _get(raw, "run", list)],
            alone=_get(raw, "alone", bool) if "alone" in raw else False,
            **lists,
        )
