"""The soak's result for people."""

from __future__ import annotations

from typing import Any

from bench.samples import median, p95

MB = 1024 * 1024


def markdown(result: dict[str, Any]) -> str:
    """From what is written as JSON."""
    about = result["about"]
    lines = [
        f"# Soak: {about['minutes']:g} minutes, {'good' if result['good'] else 'NOT good'}",
        "",
        f"Commit {about['commit']}, {about['date']}, seed {about['seed']}, {about['cores']} cores, "
        f"store: {about['store']}; webhooks received {about.get('webhooks', {}).get('received', 0)}.",
        "",
        *[
            f"- {one}"
            for one in result["problems"] or ["nothing grew, nothing was left, everything came back"]
        ],
        "",
        "| what was done | times |",
        "|---|---|",
        *[f"| {name.replace('_', ' ')} | {count} |" for name, count in sorted(result["journeys"].items())],
        *[
            f"| fault: {name.replace('_', ' ')} | {count} |"
            for name, count in sorted(result["faults"].items())
        ],
        "",
    ]
    if seconds := result["link_seconds"]:
        lines += [
            f"A link with faults around it: median {median(seconds):.1f} s, p95 {p95(seconds):.1f} s.",
            "",
        ]
    lines += [
        "From the end of each life's warm-up, a Theil-Sen line; the fastest growing life of each figure.",
        "",
        "| figure | judged | first | last | an hour | its later half | limit | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    seen = set()
    for one in result["findings"]:
        if one["series"] not in seen:
            seen.add(one["series"])
            figures = (_figure(one, name) for name in ("first", "last", "per_hour", "late_per_hour"))
            limit = "-" if one["limit_per_hour"] is None else _figure(one, "limit_per_hour")
            lines.append(
                f"| {one['series']} | {one['seconds'] / 60:.0f} min | {' | '.join(figures)} "
                f"| {limit} | {one['verdict']} |"
            )
    unjudged = [name for name in result["too_short_to_judge"] if name not in seen]
    lines += ["", f"Too short to be judged: {', '.join(unjudged) or 'nothing'}."]
    lines += ["", "| table | rows at the end | after retention |", "|---|---|---|"]
    after = result["rows_after_retention"]
    lines += [
        f"| {name} | {rows} | {after.get(name, 0)} |" for name, rows in result["rows_at_the_end"].items()
    ]
    lines += ["", "| log | lines | bytes | errors |", "|---|---|---|---|"]
    for name, log in result["logs"].items():
        errors = (
            ", ".join(f"{e['count']} {e['event']}" for e in log["events"] if e["level"] == "error") or "none"
        )
        lines.append(f"| {name} | {log['lines']} | {log['bytes']:,} | {errors} |")
    return "\n".join(lines) + "\n"


def _figure(finding: dict[str, Any], name: str) -> str:
    value = finding[name]
    return f"{value / MB:.1f} MB" if finding["series"].endswith("memory") else f"{value:.1f}"
