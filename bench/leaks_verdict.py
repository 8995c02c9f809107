"""What stays of a session, judged: objects by type, Python's memory, the process's, descriptors, threads.

Rule: types of ours and of Playwright's must not grow at all. Memory may, by what a remembered row or token
takes; it is judged over the second half of the rounds, when buffers and caches have found their size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.census import OURS, PLAYWRIGHTS
from bench.leaks_rounds import Look, Round
from bench.trend import trend

KB = 1024
MB = 1024 * 1024
COUNTED = (*OURS, PLAYWRIGHTS, "asyncio.", "_asyncio.", "aiohttp.", "sqlite3.Connection")
"""Types whose objects are told one by one. Of the rest only Python's memory as a whole."""
A_TYPE = 0.04
"""Objects of one type for each session: eight after 200. A leak is one or more."""
FIGURES = {
    "memory": 16 * KB,
    "blocks": 60.0,
    "malloc": 8 * KB,
    "descriptors": 0.04,
    "threads": 0.04,
}
"""What may stay of each session. An hour of 500 links would keep 8 MB."""


OF_CENSUS = ("blocks", "malloc")
"""Figures that only a process itself can tell."""


def judge(rounds: Sequence[Round], about: dict[str, Any]) -> dict[str, Any]:
    """For the result file."""
    processes = [_process(role, rounds) for role in rounds[0].looks]
    return {
        "about": {**about, "sessions": rounds[-1].sessions, "rounds": len(rounds) - 1},
        "good": not any(process["leaks"] for process in processes),
        "processes": processes,
    }


def _process(role: str, rounds: Sequence[Round]) -> dict[str, Any]:
    looks = [(found.sessions, found.looks[role]) for found in rounds if role in found.looks]
    late = looks[len(looks) // 2 :]
    figures: dict[str, dict[str, Any]] = {}
    for name, limit in FIGURES.items():
        if name in OF_CENSUS and looks[0][1].census is None:
            continue
        each = _each(late, name)
        figures[name] = {
            "values": [_value(look, name) for _, look in looks],
            "each_session_first_half": round(_each(looks[: len(looks) // 2 + 1], name), 2),
            "each_session": round(each, 2),
            "limit": limit,
        }
    types = _types([(sessions, look) for sessions, look in looks[1:] if look.census is not None])
    leaks = [name for name, one in figures.items() if one["each_session"] > one["limit"]]
    others = _types(late, every=True)
    return {"role": role, "leaks": [*leaks, *types], "figures": figures, "types": types, "others": others}


def _value(look: Look, name: str) -> float:
    if name in OF_CENSUS:
        assert look.census is not None
        of_census: float = getattr(look.census, name)
        return of_census
    value: float = getattr(look, name)
    return value


def _each(looks: Sequence[tuple[int, Look]], name: str) -> float:
    return trend([sessions for sessions, _ in looks], [_value(look, name) for _, look in looks]).slope


def _types(looks: Sequence[tuple[int, Look]], *, every: bool = False) -> dict[str, float]:
    """Those that grow, with how many stay of each session. The first round has made what is made once."""
    found: dict[str, float] = {}
    for name in {
        name for _, look in looks if look.census for name in look.census.of(*([""] if every else COUNTED))
    }:
        counts = [look.census.types.get(name, 0) for _, look in looks if look.census]
        each = trend([sessions for sessions, _ in looks], counts).slope
        if each > A_TYPE:
            found[name] = round(each, 2)
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def markdown(result: dict[str, Any]) -> str:
    """For people."""
    about = result["about"]
    lines = [
        f"# What stays of a session: {'nothing that grows' if result['good'] else 'something GROWS'}",
        "",
        f"{about['sessions']} sessions linked and ended in {about['rounds']} rounds, {about['minutes']:g} "
        f"minutes; commit {about['commit']}, {about['date']}. Looked at with nothing under way.",
        "",
        "| process | memory after each round, MB | of each session, first half | second half "
        "| of it not free in the allocator | Python's blocks of each session | descriptors | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in result["processes"]:
        figures = one["figures"]
        memory, blocks, malloc = figures["memory"], figures.get("blocks"), figures.get("malloc")
        lines.append(
            f"| {one['role']} | {', '.join(f'{value / MB:.1f}' for value in memory['values'])} "
            f"| {memory['each_session_first_half'] / KB:.1f} kB | {memory['each_session'] / KB:.1f} kB "
            f"| {_kb(malloc)} "
            f"| {blocks['each_session'] if blocks else '-'} "
            f"| {figures['descriptors']['values'][0]} to {figures['descriptors']['values'][-1]} "
            f"| {', '.join(one['leaks']) or 'flat'} |"
        )
    return "\n".join(lines) + "\n"


def _kb(figure: dict[str, Any] | None) -> str:
    return "-" if figure is None else f"{figure['each_session'] / KB:.1f} kB"
