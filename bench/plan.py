"""What one run of the bench does: which metrics, how many sessions at once, how many rounds."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

SESSIONS = 20
"""At least so many sessions stand behind every published median and p95."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Made from the command line."""

    only: frozenset[str]
    """Metrics to take; all when empty."""
    sessions: tuple[int, ...]
    rounds: int | None
    """Rounds for each number of sessions; None: as many as it takes to reach SESSIONS."""
    singles: int
    """Samples of what is measured one session after the other."""
    read_seconds: float
    quick: bool

    @classmethod
    def default(cls) -> Plan:
        """What is published."""
        return plan_from([], frozenset())

    def rounds_of(self, sessions: int) -> int:
        """How often so many sessions are started at once."""
        return self.rounds or -(-SESSIONS // sessions)

    def wants(self, *metrics: str) -> bool:
        """Whether any of them is asked for."""
        return not self.only or bool(self.only & set(metrics))


def plan_from(arguments: list[str], metrics: frozenset[str]) -> Plan:
    """Ends the program with a message when the arguments are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures linkpool beside unmodified whatsapp-web.js, on the same stand-in.",
    )
    parser.add_argument("--only", default="", help=f"with commas between: {', '.join(sorted(metrics))}")
    parser.add_argument("--sessions", default="", help="how many at once, with commas; 1,5,10")
    parser.add_argument("--rounds", type=int, help=f"for each; as many as give {SESSIONS} sessions")
    parser.add_argument(
        "--quick", action="store_true", help="a few samples in four minutes; publishes nothing"
    )
    given = parser.parse_args(arguments)
    only = frozenset(filter(None, given.only.split(",")))
    if unknown := only - metrics:
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}")
    try:
        sessions = tuple(
            int(part) for part in (given.sessions or ("1,3" if given.quick else "1,5,10")).split(",")
        )
    except ValueError:
        parser.error("--sessions: whole numbers with commas between")
    if min(sessions) < 1 or (given.rounds is not None and given.rounds < 1):
        parser.error("--sessions and --rounds: 1 or more")
    return Plan(
        only=only,
        sessions=sessions,
        rounds=given.rounds or (1 if given.quick else None),
        singles=given.rounds or (4 if given.quick else SESSIONS),
        read_seconds=2.0 if given.quick else 5.0,
        quick=given.quick,
    )
