"""All that a soak found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bench.log_reading import LogReading
from bench.soak_samples import Point
from bench.soak_verdict import Finding, Verdict, to_json


@dataclass(kw_only=True)
class Outcome:
    """All that a soak found."""

    about: dict[str, Any]
    problems: list[str] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    journeys: dict[str, int] = field(default_factory=dict)
    gave_up: list[str] = field(default_factory=list)
    stories: dict[str, str] = field(default_factory=dict)
    """What the logs said of sessions that somebody gave up on."""
    link_seconds: list[float] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    after_retention: dict[str, int] = field(default_factory=dict)
    before_retention: dict[str, int] = field(default_factory=dict)
    logs: dict[str, LogReading] = field(default_factory=dict)
    picture: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "about": self.about,
            "good": not self.problems,
            "problems": self.problems,
            "journeys": self.journeys,
            "gave_up": self.gave_up,
            "link_seconds": [round(one, 3) for one in self.link_seconds],
            "faults": self.faults,
            "findings": [to_json(one) for one in self.findings if one.verdict is not Verdict.TOO_SHORT],
            "too_short_to_judge": dict(
                Counter(one.series for one in self.findings if one.verdict is Verdict.TOO_SHORT)
            ),
            "rows_at_the_end": self.before_retention,
            "rows_after_retention": self.after_retention,
            "logs": {name: reading.to_json() for name, reading in self.logs.items()},
        }
