"""The rules of production, in the drill's patience.

Rule: ranges, shares and sizes stay as they are. `for:` is none, and what has to wait for longer than five
minutes waits less, by a factor that the report states.
"""

from __future__ import annotations

import re

from tests.peers.prometheus import RULES

ALERTS: tuple[str, ...] = tuple(re.findall(r"- alert: (\w+)", (RULES / "alerts.yml").read_text()))

MINUTE_IS_A_SECOND = 60
SHORTENED = {
    "linkpool_snapshot_unsaved_seconds > 1800": ("LinkpoolSnapshotOld", 1800, MINUTE_IS_A_SECOND),
    "webhook_oldest_pending_seconds > 3600": ("LinkpoolWebhooksOld", 3600, MINUTE_IS_A_SECOND),
    "linkpool_drill_overdue_seconds > 172800": ("LinkpoolDrillOverdue", 172_800, MINUTE_IS_A_SECOND**2),
}
"""Comparison → alert, its seconds, and by what they are divided. Two days by the factor twice: still 48 s."""


def shorten(rules: str) -> str:
    """Raises ValueError when a comparison is not there any more."""
    for comparison, (alert, seconds, factor) in SHORTENED.items():
        if comparison not in rules:
            raise ValueError(f"{alert}: no rule says {comparison!r}; mend bench/alerts/rules.py")
        name = comparison.partition(" > ")[0]
        rules = rules.replace(comparison, f"{name} > {seconds // factor}")
    return rules
