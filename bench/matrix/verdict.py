"""What came of one case, and whether it is good. Pure: what was measured goes in, problems come out.

Rule: the promise is lease + 15 s for every session, no QR, no account run twice, no stale write, no event
lost, nothing left. A figure that could not be taken is a problem too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

GRACE_SECONDS = 15.0
"""What the design gives beyond the lease."""


@dataclass(kw_only=True)
class Measured:
    """All that was seen of one case."""

    name: str
    title: str
    sessions: int
    struck: int
    """Sessions of the node that the fault was about."""
    lease_seconds: float
    grace_seconds: float = GRACE_SECONDS
    back_seconds: dict[str, float | None] = field(default_factory=dict)
    """Session id → from the fault to its last return; 0 when it was never away, None when it is."""
    away_late: list[str] = field(default_factory=list)
    """Sessions that were away at some time after lease + 15 s."""
    moves: bool
    not_moved: list[str] = field(default_factory=list)
    moved_needlessly: list[str] = field(default_factory=list)
    qr_asked: int = 0
    double_runs: int = 0
    stale_refused: int = 0
    """Writes that we made as the old owner."""
    stale_refused_of_nodes: int = 0
    """Events and snapshots that a node sent itself after it had lost the session."""
    stale_accepted: list[str] = field(default_factory=list)
    events_told: int = 0
    webhooks: int = 0
    events_lost: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    looks: int = 0
    slowest_look_seconds: float = 0.0
    trouble: list[str] = field(default_factory=list)
    """What kept the case from being run to its end."""

    @property
    def limit_seconds(self) -> float:
        return self.lease_seconds + self.grace_seconds

    @property
    def seconds(self) -> float | None:
        """Until all were connected; None when one never was."""
        known = [one for one in self.back_seconds.values() if one is not None]
        return max(known, default=0.0) if len(known) == len(self.back_seconds) else None

    @property
    def stayed(self) -> int:
        """Sessions that answered at each look."""
        return sum(1 for one in self.back_seconds.values() if one == 0)


def problems(measured: Measured) -> list[str]:
    """Empty when it is good."""
    found = list(measured.trouble)
    never = [one for one, seconds in measured.back_seconds.items() if seconds is None]
    if never:
        found.append(f"not connected at the end: {', '.join(never)}")
    elif measured.seconds is not None and measured.seconds > measured.limit_seconds:
        found.append(f"connected after {measured.seconds:.1f} s, limit {measured.limit_seconds:g} s")
    if not measured.back_seconds:
        found.append("nobody looked at the sessions")
    if measured.away_late:
        found.append(f"away again after the limit: {', '.join(measured.away_late)}")
    if measured.not_moved:
        found.append(f"still of the struck node: {', '.join(measured.not_moved)}")
    if measured.moved_needlessly:
        found.append(f"moved without need: {', '.join(measured.moved_needlessly)}")
    if measured.qr_asked:
        found.append(f"a QR was asked {measured.qr_asked} times")
    if measured.double_runs:
        found.append(f"{measured.double_runs} accounts were run twice")
    if not measured.stale_refused and not measured.stale_accepted:
        found.append("no stale write was tried")
    found += [f"stale write accepted: {one}" for one in measured.stale_accepted]
    if not measured.events_told or not measured.webhooks:
        found.append("no event was seen")
    found += [f"event lost: {one}" for one in measured.events_lost]
    found += [f"left running: {one}" for one in measured.left]
    return found


def to_json(measured: Measured) -> dict[str, Any]:
    """With what follows from it."""
    seconds = measured.seconds
    return {
        **asdict(measured),
        "slowest_look_seconds": round(measured.slowest_look_seconds, 2),
        "back_seconds": {
            name: None if one is None else round(one, 2) for name, one in measured.back_seconds.items()
        },
        "seconds": None if seconds is None else round(seconds, 1),
        "limit_seconds": measured.limit_seconds,
        "stayed": measured.stayed,
        "problems": problems(measured),
    }
