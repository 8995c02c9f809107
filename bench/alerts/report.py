"""The drill of the alerts for a reader: what was broken, and how long until somebody knew."""

from __future__ import annotations

from typing import Any

from bench.alerts.drill import Verdict
from bench.alerts.rules import SHORTENED


def to_json(about: dict[str, Any], verdicts: list[Verdict]) -> dict[str, Any]:
    """One entry an alert."""
    return {
        "about": about,
        "good": all(one.good for one in verdicts),
        "shortened": {
            alert: {"seconds": seconds, "divided_by": factor} for alert, seconds, factor in SHORTENED.values()
        },
        "alerts": [
            {
                "alert": one.alert,
                "fault": one.fault,
                "seconds": None if one.seconds is None else round(one.seconds, 1),
                "before": one.before,
                "good": one.good,
                "why": "" if one.good else one.why,
            }
            for one in verdicts
        ],
    }


def markdown(found: dict[str, Any]) -> str:
    """From what is written as JSON."""
    about, alerts = found["about"], found["alerts"]
    fired = sum(one["good"] for one in alerts)
    shortened = "; ".join(
        f"{alert} {one['seconds']:,} s by {one['divided_by']:,}" for alert, one in found["shortened"].items()
    )
    lines = [
        f"# Alerts: {fired} of {len(alerts)} called somebody for their fault",
        "",
        "Each fault was caused in a whole system with real Chromium on the stand-in. Prometheus scraped it"
        " each second with the rules of deploy/prometheus, and Alertmanager told a receiver. No metric was"
        " pushed or made up. Shortened: `for:` is none everywhere, and three ages are divided so that nobody"
        f" waits for days: {shortened}. Ranges, shares and all other thresholds are those of production."
        " Seconds count from when the fault began to be caused, with everything that it takes to cause it.",
        "",
        "| alert | the fault that was caused | on call after | verdict |",
        "|---|---|---|---|",
    ]
    lines += [f"| {one['alert']} | {one['fault']} | {_seconds(one)} | {_verdict(one)} |" for one in alerts]
    lines += [
        "",
        *[f"- {one['alert']}: {one['why']}" for one in alerts if not one["good"] and one["why"]],
        f"Commit {about['commit']}, {about['date']}, {about['cores']} cores shared by everything, load"
        f" average {about['load_before']} at the begin and {about['load_after']} at the end,"
        f" {about['seconds']:.0f} s.",
    ]
    return "\n".join(lines) + "\n"


def _seconds(one: dict[str, Any]) -> str:
    if one["before"] and not one["seconds"]:
        return "was before it"
    return "never" if one["seconds"] is None else f"{one['seconds']:.1f} s"


def _verdict(one: dict[str, Any]) -> str:
    if one["good"]:
        return "fired; the machine was crowded before, too" if one["before"] else "fired"
    return "fired before its fault" if one["seconds"] is not None else "SILENT"
