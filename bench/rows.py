"""One row of the table: a figure of ours, the peer's beside it, what was asked for, and was it met."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never

from bench.samples import Series


class Unit(StrEnum):
    """What the samples of a row are in."""

    SECONDS = "s"
    BYTES = "bytes"
    PER_SECOND = "per second"
    REQUESTS = "requests"


class Limit(StrEnum):
    """What of a row a target is about."""

    MEDIAN = "median"
    P95 = "p95"
    WORST = "worst"
    RATIO = "ratio"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A ratio must hold for the median and for the p95, so that neither hides behind the other."""

    limit: Limit
    most: float

    def text(self, unit: Unit) -> str:
        """As the table says it."""
        match self.limit:
            case Limit.MEDIAN | Limit.P95:
                return f"{self.limit} {figure(self.most, unit)}"
            case Limit.WORST:
                all_in = "all in " if unit is Unit.SECONDS else "at most " if self.most else ""
                return all_in + figure(self.most, unit)
            case Limit.RATIO:
                return f"{self.most:g} of the peer"
        assert_never(self.limit)


@dataclass(frozen=True, kw_only=True)
class RowSpec:
    """What a row is about; `bench/table_of_rows.py` lists them all."""

    metric: str
    what: str
    sessions: int = 1
    unit: Unit = Unit.SECONDS
    seeds: str | None = None
    """The figure in the documents the product was asked for in; on a real site, so never a ratio."""
    target: Target | None = None
    peer_metric: str | None = None
    """The peer's series that is nearest; None where it has nothing of the kind."""
    peer_sessions: int | None = None
    """Where the peer was measured with another number of sessions than we."""
    peer_note: str | None = None
    """What the peer's figure is when it is not the same thing."""
    measured_by: str | None = None
    """Another command measures it, with a report of its own in bench/results."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A spec with what was measured."""

    spec: RowSpec
    ours: Series | None = None
    peer: Series | None = None
    note: str | None = None
    """Why there is no figure, or what to know about it."""

    @property
    def ratio(self) -> float | None:
        """Ours by the peer's, of the medians: below 1 is better."""
        return self.ours.median / self.peer.median if self.ours and self.peer else None

    @property
    def p95_ratio(self) -> float | None:
        return self.ours.p95 / self.peer.p95 if self.ours and self.peer else None

    @property
    def reached(self) -> bool | None:
        """None when nothing was asked for, or not everything was measured that the answer needs."""
        target = self.spec.target
        if target is None or self.ours is None:
            return None
        match target.limit:
            case Limit.MEDIAN:
                return self.ours.median <= target.most
            case Limit.P95:
                return self.ours.p95 <= target.most
            case Limit.WORST:
                return self.ours.worst <= target.most
            case Limit.RATIO:
                if self.ratio is None or self.p95_ratio is None:
                    return None
                return max(self.ratio, self.p95_ratio) <= target.most
        assert_never(target.limit)

    def to_json(self) -> dict[str, Any]:
        spec = self.spec
        return {
            "metric": spec.metric,
            "what": spec.what,
            "sessions": spec.sessions,
            "unit": spec.unit.value,
            "seeds": spec.seeds,
            "target": None if spec.target is None else spec.target.text(spec.unit),
            "reached": self.reached,
            "ours": None if self.ours is None else self.ours.to_json(),
            "peer": None if self.peer is None else self.peer.to_json(),
            "peer_is": spec.peer_note,
            "ratio": None if self.ratio is None else round(self.ratio, 4),
            "p95_ratio": None if self.p95_ratio is None else round(self.p95_ratio, 4),
            "measured_by": spec.measured_by,
            "note": self.note,
        }


def figure(value: float, unit: Unit) -> str:
    """A value as a person reads it."""
    match unit:
        case Unit.SECONDS:
            return _seconds(value)
        case Unit.BYTES:
            return f"{value / 1e6:.0f} MB" if value >= 1e6 or value == 0 else f"{value / 1e3:.0f} kB"
        case Unit.PER_SECOND:
            return f"{value:,.0f} /s"
        case Unit.REQUESTS:
            return f"{value:.0f} requests"
    assert_never(unit)


def _seconds(value: float) -> str:
    if 0 < value < 0.001:
        return f"{value * 1000:.2f} ms"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
