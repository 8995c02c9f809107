"""What wrong keys and link tokens cost, and what the time of an answer tells of them.

Rule: real gunicorn, real sockets; kinds are asked in turn at random over one connection of the same machine,
the best place that an attacker could have.
"""

from __future__ import annotations

import random
import secrets
import statistics
import string
from pathlib import Path
from typing import Any

from bench.limited_server import UNLIMITED, Client, cpu_of, make_keys
from tests.fakes.processes import Gunicorn

ALPHABET = string.ascii_letters + string.digits


def letters(number: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(number))


def costs(directory: Path, number: int) -> dict[str, Any]:
    """CPU of the server for each wrong key and token, limited as it comes, and looked up every time."""
    found = {}
    for name, settings in (("limited", {}), ("each looked up", UNLIMITED)):
        with Gunicorn(directory, **settings) as server:
            make_keys(directory)
            client = Client(server.port)
            for what in ("key", "token"):
                statuses: dict[int, int] = {}
                before = cpu_of(server)
                for _ in range(number):
                    status, _ = (
                        client.ask("/api/sessions", f"lp_{letters(8)}_{letters(43)}")
                        if what == "key"
                        else client.ask(f"/link/{letters(43)}/status")
                    )
                    statuses[status] = statuses.get(status, 0) + 1
                cost = (cpu_of(server) - before) / number * 1e6
                found[f"{what}, {name}"] = {"cpu_us": round(cost), "answers": statuses}
            client.close()
    return found


def timing(directory: Path, number: int) -> dict[str, Any]:
    """Whether the time of an answer tells what was wrong. In turn at random, over one connection."""
    with Gunicorn(directory, GUNICORN_CMD_ARGS="--workers=1", **UNLIMITED) as server:
        good, revoked = make_keys(directory)
        _, prefix, secret = good.split("_")
        kinds = {
            "unknown prefix": lambda: ("/api/sessions", f"lp_{letters(8)}_{letters(43)}"),
            "known prefix, wrong secret": lambda: ("/api/sessions", f"lp_{prefix}_{letters(43)}"),
            "known prefix, half of the secret": lambda: (
                "/api/sessions",
                f"lp_{prefix}_{secret[:21]}{letters(22)}",
            ),
            "revoked key": lambda: ("/api/sessions", revoked),
            "wrong token": lambda: (f"/link/{letters(43)}/status", None),
        }
        client = Client(server.port)
        took: dict[str, list[float]] = {kind: [] for kind in kinds}
        order = [kind for kind in kinds for _ in range(number)]
        random.shuffle(order)
        for kind in order:
            path, key = kinds[kind]()
            took[kind].append(client.ask(path, key)[1] / 1000)
        client.close()
    base = took["unknown prefix"]
    return {
        kind: {
            "p50_us": round(statistics.median(values)),
            "p95_us": round(statistics.quantiles(values, n=20)[-1]),
            "slower_than_unknown_prefix": round(superiority(values, base), 3),
        }
        for kind, values in took.items()
    }


def superiority(ours: list[float], theirs: list[float]) -> float:
    """How often one of ours is larger than one of theirs: 0.5 is a coin. (Mann-Whitney's U, by ranks.)"""
    ranked = sorted([(value, 1) for value in ours] + [(value, 0) for value in theirs])
    ranks = sum(rank for rank, (_, is_ours) in enumerate(ranked, start=1) if is_ours)
    return (ranks - len(ours) * (len(ours) + 1) / 2) / (len(ours) * len(theirs))
