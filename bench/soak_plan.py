"""What a soak is asked to do, and what on."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench import machine
from bench.soak_samples import EVERY_SECONDS

FAULT_EVERY = (3.0, 12.0)
"""Seconds between two faults: some links meet none, some meet two."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Made from the command line."""

    minutes: float
    seed: int
    users: int
    accounts: int
    """For each user."""
    fault_every: tuple[float, float]
    sample_every: float
    with_store: bool

    @property
    def seconds(self) -> float:
        return self.minutes * 60

    def about(self) -> dict[str, Any]:
        """For the report; before anything runs."""
        return {
            "minutes": self.minutes,
            "seed": self.seed,
            "users": self.users,
            "store": "SeaweedFS through a failing proxy" if self.with_store else "directory",
            "commit": machine.commit(),
            "date": datetime.now(UTC).date().isoformat(),
            "cores": len(os.sched_getaffinity(0)),
            "load_before": round(os.getloadavg()[0], 1),
        }


def plan_from(arguments: list[str]) -> Plan:
    """Ends the program with a message when the arguments are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak", description="An hour of faults; does anything grow?"
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--users", type=int, default=3, help="backends at work at the same time")
    parser.add_argument("--accounts", type=int, default=4, help="WhatsApp accounts of each")
    parser.add_argument("--fault-every", type=float, nargs=2, default=FAULT_EVERY, metavar=("LEAST", "MOST"))
    parser.add_argument("--no-store", action="store_true", help="without SeaweedFS: snapshots in a directory")
    given = parser.parse_args(arguments)
    if given.minutes <= 0 or given.users < 1 or given.accounts < 1:
        parser.error("--minutes, --users and --accounts: more than 0")
    return Plan(
        minutes=given.minutes,
        seed=given.seed,
        users=given.users,
        accounts=given.accounts,
        fault_every=tuple(given.fault_every),
        sample_every=min(EVERY_SECONDS, given.minutes),
        with_store=not given.no_store,
    )
