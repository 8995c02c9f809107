"""Looks without a pause at whether each session is connected, and remembers since when it was not.

Rule: connected is what both sides say. The page answered WhatsApp's stand-in just now, so neither a frozen
browser nor one behind a cut passes; and the functions call the session connected, or do not answer at all and
called it so before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import requests

from bench.matrix.world import World

ANSWER_WITHIN = 1.0
"""Seconds that a page has to answer the stand-in. It takes a few ms; a busy machine, more."""
PAUSE = 0.1


@dataclass(kw_only=True)
class Absence:
    """A time in which a session was not connected, by `time.monotonic`."""

    began: float
    why: str
    ended: float | None = None


@dataclass(kw_only=True)
class Account:
    """What was seen of one session."""

    session_id: str
    number: str
    """Digits."""
    status: str = "unknown"
    node_id: str | None = None
    absences: list[Absence] = field(default_factory=list)

    @property
    def away(self) -> bool:
        return bool(self.absences) and self.absences[-1].ended is None

    def back_at(self, since: float) -> float | None:
        """When the last absence of after `since` ended; None while it lasts, `since` when there was none."""
        later = [one for one in self.absences if one.ended is None or one.ended > since]
        return since if not later else later[-1].ended

    def away_after(self, moment: float) -> bool:
        return any(one.ended is None or one.ended > moment for one in self.absences)


class Watch:
    """`with Watch(world, {session_id: number}) as watch`: a thread that looks until the end."""

    def __init__(self, world: World, numbers: Mapping[str, str]) -> None:
        self.accounts = {
            session_id: Account(session_id=session_id, number=number.removeprefix("+"))
            for session_id, number in numbers.items()
        }
        self.looks = 0
        self.slowest_look = 0.0
        self.errors: list[str] = []
        self._world = world
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def all_connected(self) -> bool:
        return self.looks > 1 and not any(account.away for account in self.accounts.values())

    def _run(self) -> None:
        phone = self._world.another_phone()
        http = requests.Session()
        http.headers["Authorization"] = f"Bearer {self._world.api_key}"
        while not self._end.is_set():
            began = time.monotonic()
            try:
                speaking = phone.speaking(ANSWER_WITHIN)
                self._note(began, speaking, self._ask(http))
            except Exception as error:  # a look that failed is told, and no session's absence
                self.errors.append(f"{type(error).__name__}: {error}"[:200])
            self.slowest_look = max(self.slowest_look, time.monotonic() - began)
            self.looks += 1
            self._end.wait(PAUSE)
        http.close()

    def _ask(self, http: requests.Session) -> list[dict[str, Any]]:
        try:
            answer = http.get(f"{self._world.functions_url}/api/sessions?limit=100", timeout=2)
            sessions: list[dict[str, Any]] = answer.json()["sessions"] if answer.ok else []
        except (requests.RequestException, ValueError):
            return []  # away, or without its database: what it said last counts
        return sessions

    def _note(self, began: float, speaking: Mapping[str, bool], sessions: list[dict[str, Any]]) -> None:
        now = time.monotonic()
        for row in sessions:
            if row["id"] in self.accounts:
                self.accounts[row["id"]].status = row["status"]
                self.accounts[row["id"]].node_id = row["node_id"]
        for account in self.accounts.values():
            answers = speaking.get(account.number, False)
            if answers and account.status == "connected":
                if account.away:
                    account.absences[-1].ended = now
            elif not account.away:
                why = account.status if answers else f"{account.status}, its page does not answer"
                account.absences.append(Absence(began=began, why=why))
