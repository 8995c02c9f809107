"""A rolling deploy for a reader: was anything lost, and what did it take."""

from __future__ import annotations

from typing import Any


def to_json(about: dict[str, Any], outcome: Any) -> dict[str, Any]:
    """Figures, not samples."""
    return {
        "about": about,
        "good": not outcome.problems,
        "problems": outcome.problems,
        "seconds": round(outcome.seconds, 1),
        "steps": [
            vars(one)
            | {
                "stopped_seconds": round(one.stopped_seconds, 2),
                "whole_seconds": round(one.whole_seconds, 2),
            }
            for one in outcome.steps
        ],
        "requests": {what: _spread(values) for what, values in sorted(outcome.requests.items())},
        "create_to_qr": _spread(outcome.qr_seconds),
        "create_to_connected": _spread(outcome.link_seconds),
        "session_away": _spread(outcome.away_seconds),
        "done": dict(outcome.done),
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {"count": 0}
    ordered = sorted(seconds)
    at = lambda part: round(ordered[min(len(ordered) - 1, int(part * len(ordered)))] * 1000, 1)  # noqa: E731
    return {"count": len(ordered), "median_ms": at(0.5), "p95_ms": at(0.95), "most_ms": at(1.0)}


def markdown(found: dict[str, Any]) -> str:
    about, requests = found["about"], found["requests"]
    count = sum(one["count"] for one in requests.values())
    lines = [
        f"# Rolling deploy: {'good' if found['good'] else 'not good'}",
        "",
        f"{about['nodes']} nodes with {about['linked']} linked sessions, real Chromium on the stand-in,"
        " PostgreSQL, gunicorn with two workers. Every node was replaced twice, one after the other, under"
        " steady traffic: first the pool process, on its machine with its browsers kept; then the machine,"
        " drained and followed by one with another name and an empty disk. In each round the functions got"
        " new workers (HUP) and the deliverer was restarted. LEASE_TTL_SECONDS=60, so that whoever a node"
        " leaves behind shows.",
        "",
        "| promised | found |",
        "|---|---|",
        f"| no request fails, and nobody asks twice | {count:,} requests,"
        f" {_of(found, 'a request failed')} failed |",
        f"| no linked session is asked for a QR | {_of(found, 'asked again', 'was told')} were |",
        f"| no account runs twice | {_of(found, 'the stand-in saw')} did |",
        f"| every create gets its QR and its link | {found['create_to_qr']['count']} creates,"
        f" {found['create_to_connected']['count']} links |",
        "| no page is loaded anew where browsers are kept |"
        f" {_of(found, 'pages of linked', 'has not kept')} were |",
        f"| no node is taken for lost | {_of(found, 'taken over', 'are on machines')} |",
        f"| every session is connected at the end | {_of(found, 'not connected')} were not |",
        "",
        "| replaced | sessions of it | process gone after | all connected, new process there |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {one['how']}: {one['node']} | {one['sessions']} | {one['stopped_seconds']:.1f} s"
        f" | {one['whole_seconds']:.1f} s |"
        for one in found["steps"]
    ]
    lines += ["", "| | how many | median | p95 | longest |", "|---|---|---|---|---|"]
    timed = requests | {
        "create to QR": found["create_to_qr"],
        "create to connected": found["create_to_connected"],
        "a session that moves is away": found["session_away"],
    }
    for what, one in timed.items():
        if one["count"]:
            lines.append(
                f"| {what} | {one['count']:,} | {one['median_ms']:,} ms | {one['p95_ms']:,} ms"
                f" | {one['most_ms']:,} ms |"
            )
    gone = found["done"].get("scanned a QR that was gone", 0)
    lines += [
        "",
        f"{gone} times somebody scanned a QR whose browser had just gone, and scanned the next one.",
        "",
        *[f"- {one}" for one in found["problems"]],
        f"Commit {about['commit']}, {about['date']}, {about['cores']} cores shared by everything, load"
        f" average {about['load_before']} at the begin and {about['load_after']} at the end,"
        f" {found['seconds']:.0f} s.",
    ]
    return "\n".join(lines) + "\n"


def _of(found: dict[str, Any], *begins: str) -> int:
    return sum(any(begin in one for begin in begins) for one in found["problems"])
