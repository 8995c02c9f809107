"""Causes one fault after the other, and looks at who is called.

Rule: an alert counts only when it was silent before its fault; what called somebody earlier is said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from bench.alerts.faults_backups import BACKUPS
from bench.alerts.faults_functions import FUNCTIONS
from bench.alerts.faults_node import NODE
from bench.alerts.faults_site import RELEASE, SITE
from bench.alerts.world import Fault, Stage, World
from tests.waiting import eventually

STAGES = (NODE, FUNCTIONS, BACKUPS, SITE, RELEASE)
MAY_BE_BEFORE = frozenset({"LinkpoolCpuHigh", "LinkpoolCpuHighCritical", "LinkpoolLoopLate"})
"""A crowded machine has these faults already, and they are no less real."""
SILENT_WITHIN = 60.0
"""What an earlier fault has set off, and what is over, is taken back in this time."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Of one alert."""

    alert: str
    fault: str
    seconds: float | None
    """From when the fault began to be caused until somebody was called; None: nobody was."""
    before: bool = False
    """It called somebody before its fault was caused."""
    why: str = ""

    @property
    def good(self) -> bool:
        return self.seconds is not None and (not self.before or self.alert in MAY_BE_BEFORE)


def chosen(names: Iterable[str]) -> list[Stage]:
    """Only the faults that one of these alerts warns of."""
    wanted = set(names)
    stages = [
        replace(one, faults=tuple(fault for fault in one.faults if wanted & set(fault.alerts)))
        for one in STAGES
    ]
    return [one for one in stages if one.faults]


def drill(stages: list[Stage], directory: Path, say: Callable[[str], None]) -> list[Verdict]:
    """Every fault of every stage; a system that breaks down fails what it has not had yet."""
    verdicts: list[Verdict] = []
    for stage in stages:
        home = directory / stage.name
        home.mkdir(mode=0o755)
        say(f"stage {stage.name}")
        left = list(stage.faults)
        try:
            with World(home, stage.settings, stage.options) as world:
                while left:
                    _one(world, left.pop(0), verdicts, say)
        except (AssertionError, OSError, RuntimeError, TimeoutError) as error:
            say(f"stage {stage.name} broke: {error!r:.600}")
            verdicts += [
                Verdict(alert=alert, fault=fault.what, seconds=None, why=f"{error!r:.200}")
                for fault in left
                for alert in fault.alerts
            ]
    return verdicts


def _one(world: World, fault: Fault, verdicts: list[Verdict], say: Callable[[str], None]) -> None:
    """Cause it, wait for its alerts, judge, mend. What cannot be mended ends the stage."""
    on_call, began, why = world.on_call, world.began, ""
    before: set[str] = set()
    if not fault.of_the_start:
        with suppress(AssertionError):  # of an earlier fault, and over
            eventually(lambda: not on_call.firing & set(fault.alerts), "they are silent", SILENT_WITHIN)
        before, began = on_call.firing & set(fault.alerts), time.monotonic()
    say(f"fault: {fault.what}{f'; before it: {sorted(before)}' if before else ''}")

    def called() -> dict[str, float]:
        at = {alert: on_call.called_at.get(alert, 0.0) - began for alert in fault.alerts}
        return {alert: max(0.0, seconds) for alert, seconds in at.items() if seconds > 0 or alert in before}

    with ExitStack() as stack:
        try:
            fault.cause(world, stack)
            eventually(
                lambda: len(called()) == len(fault.alerts),
                f"{', '.join(fault.alerts)} call somebody",
                fault.within,
            )
        except (AssertionError, OSError, RuntimeError, TimeoutError) as error:
            why = f"{error!r:.400}"
            say(why)
        found = called()
        say(f"on call after: { ({alert: round(seconds, 1) for alert, seconds in found.items()}) }")
        verdicts += [
            Verdict(alert=alert, fault=fault.what, seconds=found.get(alert), before=alert in before, why=why)
            for alert in fault.alerts
        ]
