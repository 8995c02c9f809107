"""What `python -m bench.limits` found, for people."""

from __future__ import annotations

from typing import Any


def markdown(results: dict[str, Any]) -> str:
    """Tables of the parts that were measured."""
    about = results["about"]
    lines = [
        "# Limits under load",
        "",
        f"`python -m bench.limits`, commit {about['commit']}, {about['date']}, {about['cores']} cores shared "
        f"by server and client, load of the machine before: {about['load_before']}. gunicorn with two "
        "workers, SQLite.",
    ]
    if results.get("tenfold"):
        lines += _tenfold(results["tenfold"])
    if results.get("connections"):
        lines += _connections(results["connections"])
    if results.get("wrong"):
        lines += _wrong(results["wrong"])
    if results.get("timing"):
        lines += _timing(results["timing"])
    return "\n".join(lines) + "\n"


def _tenfold(found: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "## Ten times the sustainable rate",
        "Status reads of hosted pages, offered at a constant rate whatever comes back, over at most 1,000 "
        "connections. Sustainable: 99 % answered, p95 within 100 ms of the time at which a request was due. "
        "What found no free connection was not sent: a thousand answers were awaited.",
    ]
    for name, one in found.items():
        lines += [
            "",
            f"With {name}, {one['pages']} pages: {one['sustainable_per_s']} a second are sustainable.",
            "",
            "| offered a second | answers a second | errors | others | not sent a second | good: p50, p95 |",
            "|---|---|---|---|---|---|",
        ]
        for label in ("ten times", "sustainable again", "ten times again"):
            row = one[label]
            answers = _counted(row["answers_per_s"])
            others = sum(one["other_answers"].values())
            lines.append(
                f"| {row['offered_per_s']} ({label}) | {answers} | {row['errors']} | {others} | "
                f"{row['not_sent_per_s']} | {row['good_p50_ms']} ms, {row['good_p95_ms']} ms |"
            )
        after, memory = one["right_after"], ", ".join(map(str, one["memory_mb"]))
        lines += [
            "",
            f"The next 50: {_statuses(after)}, p50 {after['p50_ms']} ms, worst {after['worst_ms']} ms."
            f" Memory of all of gunicorn before, after it, and after ten times again: {memory} MB.",
        ]
    return lines


def _connections(found: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "## Many connections",
        "wrk, which asks again when it was answered.",
        "",
        "| connections | answers a second | errors | p99 | the next 50 |",
        "|---|---|---|---|---|",
    ]
    for name, one in found.items():
        if name == "memory_mb":
            continue
        answers = _counted(one["answers_per_s"])
        after = one.get("afterwards")
        told = "" if after is None else f"{_statuses(after)}, p50 {after['p50_ms']} ms"
        lines.append(f"| {name} | {answers} | {one['errors'] or 'none'} | {one['p99']} | {told} |")
    memory = ", ".join(str(one) for one in found["memory_mb"])
    return [*lines, "", f"Memory after each: {memory} MB."]


def _wrong(found: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "## Wrong keys and tokens",
        "",
        "| what | CPU of the server each | answers |",
        "|---|---|---|",
    ]
    for name, one in found.items():
        answers = _counted(one["answers"])
        lines.append(f"| {name} | {one['cpu_us']} µs | {answers} |")
    return lines


def _timing(found: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "## What the time tells",
        "Slower than an unknown prefix in so many of 100 pairs; 50 tells nothing.",
        "",
        "| what was wrong | p50 | p95 | slower in |",
        "|---|---|---|---|",
    ]
    for name, one in found.items():
        share = round(one["slower_than_unknown_prefix"] * 100)
        lines.append(f"| {name} | {one['p50_us']} µs | {one['p95_us']} µs | {share} |")
    return lines


def _statuses(after: dict[str, Any]) -> str:
    return ", ".join(map(str, after["statuses"]))


def _counted(answers: dict[Any, int]) -> str:
    return ", ".join(f"{count} of {status}" for status, count in answers.items())
