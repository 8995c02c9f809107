"""The matrix for people."""

from __future__ import annotations

from typing import Any


def table(cases: list[dict[str, Any]]) -> list[str]:
    """One row a case."""
    lines = [
        "| case | all connected after (limit) | never away | QR asked | run twice"
        " | stale writes refused / accepted | events told / lost | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in cases:
        seconds = "never" if one["seconds"] is None else f"{one['seconds']:.1f} s"
        refused = one["stale_refused"] + one["stale_refused_of_nodes"]
        cells = (
            one["title"],
            f"{seconds} ({one['limit_seconds']:g} s)",
            f"{one['stayed']} of {one['sessions']}",
            one["qr_asked"],
            one["double_runs"],
            f"{refused} / {len(one['stale_accepted'])}",
            f"{one['events_told']} / {len(one['events_lost'])}",
            "NOT good" if one["problems"] else "good",
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return lines


def markdown(result: dict[str, Any]) -> str:
    """From what is written as JSON."""
    about = result["about"]
    good = "good" if result["good"] else "NOT good"
    lines = [
        f"# Failure matrix: {good}",
        "",
        f"Commit {about['commit']}, {about['date']}, {about['cores']} cores, load before {about['load']:.1f}."
        f" {about['nodes']} nodes, {about['sessions']} sessions in real Chromium, PostgreSQL, SeaweedFS;"
        f" lease {about['lease_seconds']:g} s, heartbeat 2 s.",
        "",
        *table(result["cases"]),
        "",
        *[f"- {one['name']}: {what}" for one in result["cases"] for what in one["problems"]],
        *[f"- skipped: {name}, because {why}" for name, why in result["skipped"].items()],
    ]
    return "\n".join(lines).rstrip() + "\n"
