"""Ten times the rate at which status reads are answered within their budget: what comes back, what stays.

Rule: the sustainable rate is found first, on the same server and in the same minute, so that a busy machine
spoils neither figure alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from bench.limited_server import UNLIMITED, afterwards, make_keys, memory_of
from bench.open_loop import Offered, OpenLoop
from bench.open_pages import OpenPage
from tests.fakes.processes import Gunicorn

BUDGET_SECONDS = 0.1
"""A status read, at p95."""
PAGES = 50
FEW_PAGES = 4
"""So that each is asked more often than a page may be."""
MOST_CONNECTIONS = 1000
FIRST_RATE = 200
STEP = 1.4
TIMES = 10
GOOD = (200, 304)
REFUSED = (429, 503)


def tenfold(directory: Path, seconds: float) -> dict[str, Any]:
    """Once with the limits that it comes with, and once without, where only overload refuses."""
    found = {}
    for name, settings, pages in (("limits off", UNLIMITED, PAGES), ("limits as they come", {}, FEW_PAGES)):
        place = directory / name.replace(" ", "-")
        place.mkdir()
        with Gunicorn(place, **settings) as server:
            key, _ = make_keys(place)
            found[name] = _measure(server, key, pages, seconds)
    return found


def _measure(server: Gunicorn, key: str, pages: int, seconds: float) -> dict[str, Any]:
    loop = OpenLoop(server.port, _status_reads(server, key, pages), MOST_CONNECTIONS)
    loop.offer(FIRST_RATE, 1)
    memory = [memory_of(server)]
    steps, sustainable, rate = [], FIRST_RATE, FIRST_RATE
    while True:
        tries = [loop.offer(rate, seconds / 3)]
        if not _is_sustained(tries[0]):  # a moment of somebody else's
            tries.append(loop.offer(rate, seconds / 3))
        steps += map(_told, tries)
        if not _is_sustained(tries[-1]):
            break
        sustainable, rate = rate, round(rate * STEP)
    flood = loop.offer(TIMES * sustainable, seconds)
    right_after = afterwards(server, key)
    memory.append(memory_of(server))
    again = loop.offer(sustainable, seconds / 3)
    second = loop.offer(TIMES * sustainable, seconds)
    memory.append(memory_of(server))
    answers = flood.statuses + second.statuses
    return {
        "pages": pages,
        "sustainable_per_s": sustainable,
        "search": steps,
        "ten times": _told(flood),
        "right_after": right_after,
        "sustainable again": _told(again),
        "ten times again": _told(second),
        "other_answers": {
            status: count for status, count in answers.items() if status not in {*GOOD, *REFUSED}
        },
        "memory_mb": [round(one, 1) for one in memory],
    }


def _is_sustained(offered: Offered) -> bool:
    p95 = offered.quantile(0.95)
    good = offered.share(*GOOD, *REFUSED[:1]) > 0.99  # a limit that refuses is kept, too
    return good and not offered.lost and p95 is not None and p95 <= BUDGET_SECONDS


def _told(offered: Offered) -> dict[str, Any]:
    p50, p95 = offered.quantile(0.5), offered.quantile(0.95)
    return {
        "offered_per_s": offered.rate,
        "answers_per_s": {
            str(status): round(count / offered.seconds) for status, count in sorted(offered.statuses.items())
        },
        "errors": offered.lost,
        "not_sent_per_s": round(offered.not_sent / offered.seconds),
        "connections": offered.connections,
        "good_p50_ms": None if p50 is None else round(p50 * 1000, 1),
        "good_p95_ms": None if p95 is None else round(p95 * 1000, 1),
    }


def _status_reads(server: Gunicorn, key: str, pages: int) -> list[bytes]:
    """What open pages ask, each for its own session."""
    reads = []
    for _ in range(pages):
        made = requests.post(
            f"{server.url}/api/sessions",
            json={"start": False},
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        )
        link = urlsplit(made.json()["link_url"]).path
        page = OpenPage.opened(f"{server.url}{link}")
        lines = [
            f"GET {page.path} HTTP/1.1",
            "Host: x",
            "Accept: application/json",
            f"Cookie: {page.cookie}",
            f"If-None-Match: {page.etag}",
        ]
        reads.append(("\r\n".join(lines) + "\r\n\r\n").encode())
    return reads
