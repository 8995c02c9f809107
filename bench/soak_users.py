"""Backends and phones of a soak: they link, log out, delete, let sleep and wake, and try again.

Rule: whatever breaks meanwhile, a user who keeps trying gets there. Who does not is written down.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests

from tests.standin.client import PhoneRefused
from tests.system import System

PATIENCE_SECONDS = 300.0
"""A link that meets a pool restart, a lost browser and a full queue, on a machine that does much else. Long,
because the question is whether a user gets there at all; how long it took is in the report."""
LOOK_EVERY_SECONDS = 0.25
USABLE = ("connected", "hibernated")
STARTS_AGAIN = ("expired", "failed", "logged_out")


class GaveUp(Exception):
    """Not there in time; says where it stood."""

    def __init__(self, why: str, session_id: str | None = None) -> None:
        super().__init__(why)
        self.session_id = session_id


class Stopped(Exception):
    """The soak ends."""


class User:
    """One thread with accounts and sessions of its own."""

    def __init__(self, name: str, seed: int, system: System, numbers: list[str], most: int) -> None:
        self.linked: dict[str, str] = {}
        """Session → number."""
        self.done: Counter[str] = Counter()
        self.gave_up: list[str] = []
        self.stories: dict[str, str] = {}
        """What was given up → what the logs say of its session."""
        self.link_seconds: list[float] = []
        self.unsure: set[str] = set()
        """Sessions that a journey gave up on."""
        self._known: set[str] = set()
        self._random = random.Random(seed)
        self._system = system
        self._numbers = numbers
        self._most = most
        self._http = requests.Session()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end after what it is doing."""
        self._stop.set()

    def join(self) -> None:
        self._thread.join()
        self._http.close()

    def _run(self) -> None:
        while not self._stop.wait(self._random.uniform(0.2, 2.0)):
            action = self._choose()
            try:
                action()
                self.done[action.__name__] += 1
            except Stopped:
                return
            except Exception as error:  # one bad journey must not end the soak; it is in the report
                why = f"{action.__name__}: {type(error).__name__}: {error}"[:400]
                self.gave_up.append(why)
                if isinstance(error, GaveUp) and error.session_id is not None:
                    self.stories[why] = self._system.story(error.session_id)

    def _choose(self) -> Callable[[], None]:
        free = [number for number in self._numbers if number not in self.linked.values()]
        if not self.linked or (free and len(self.linked) < self._most and self._random.random() < 0.5):
            return self._random.choices([self.link, self.abandon], [5, 1])[0]
        return self._random.choice(
            [self.phone_logs_out, self.log_out, self.delete, self.sleep_and_wake, self.look]
        )

    # ---- journeys

    def link(self) -> None:
        """Create, scan, usable."""
        number = self._random.choice([one for one in self._numbers if one not in self.linked.values()])
        began = time.monotonic()
        session_id = self._create()
        self._bring(session_id, number)
        self.link_seconds.append(time.monotonic() - began)

    def abandon(self) -> None:
        """Somebody closes the page."""
        self._gone(self._create())

    def phone_logs_out(self) -> None:
        """The phone removes its devices; then the session is linked anew or deleted."""
        with self._one() as (session_id, number):
            try:
                self._system.standin.revoke(number)
            except PhoneRefused:
                return  # it has no device: an earlier logout got through although its answer did not
            del self.linked[session_id]
            if not self._until(session_id, ("logged_out",), wakes=True):
                raise GaveUp("the logout by the phone was not noticed")
            if self._random.random() < 0.5:
                self._ask("POST", f"/api/sessions/{session_id}/restart", json={})
                self._bring(session_id, number)
            else:
                self._gone(session_id)

    def log_out(self) -> None:
        """The backend logs it out, and deletes it."""
        with self._one() as (session_id, _):
            del self.linked[session_id]
            self._ask("POST", f"/api/sessions/{session_id}/logout", json={})
            self._until(session_id, ("logged_out",))
            self._gone(session_id)

    def delete(self) -> None:
        """The backend deletes a linked session."""
        with self._one() as (session_id, _):
            del self.linked[session_id]
            self._gone(session_id)

    def sleep_and_wake(self) -> None:
        """Nobody needs it for a while."""
        with self._one() as (session_id, _):
            self._ask("POST", f"/api/sessions/{session_id}/hibernate", json={}, refusals=(409,))
            self._ask("POST", f"/api/sessions/{session_id}/wake", json={}, refusals=(409,))
            self._until(session_id, USABLE)

    def look(self) -> None:
        """A backend that lists, reads and asks for chats; a person who opens the page."""
        self._ask("GET", "/api/sessions?limit=50")
        with self._one() as (session_id, _):
            session = self._ask("GET", f"/api/sessions/{session_id}").json()
            self._ask("POST", f"/api/sessions/{session_id}/snapshot", json={}, refusals=(409, 503))
            if session["link_url"]:
                self._http.get(session["link_url"], timeout=10)

    # ---- steps

    def _create(self) -> str:
        key = secrets.token_hex(8)
        answer = self._ask("POST", "/api/sessions", json={}, headers={"Idempotency-Key": key})
        session_id: str = answer.json()["id"]
        self._known.add(session_id)
        return session_id

    def _bring(self, session_id: str, number: str) -> None:
        """To usable, with new scans and restarts as they are needed."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        session: dict[str, Any] = {}
        scanned: str | None = None
        while time.monotonic() < deadline:
            session = self._ask("GET", f"/api/sessions/{session_id}").json()
            if session["status"] in USABLE:
                self.linked[session_id] = number
                return
            if session["status"] in STARTS_AGAIN:
                self._ask("POST", f"/api/sessions/{session_id}/restart", json={}, refusals=(409,))
                self.done["restarted by its backend"] += 1
            qr = session["qr"]
            if qr is not None and qr["text"] != scanned:
                try:
                    self._system.standin.scan(qr["text"], number)
                    scanned = qr["text"]
                except PhoneRefused:
                    self.done["scanned a QR that was gone"] += 1
            self._pause()
        self.unsure.add(session_id)
        raise GaveUp(f"{session_id} is {session.get('status')} ({session.get('reason_code')})", session_id)

    def _until(self, session_id: str, good: tuple[str, ...], *, wakes: bool = False) -> bool:
        deadline = time.monotonic() + PATIENCE_SECONDS
        status = ""
        while time.monotonic() < deadline:
            status = self._ask("GET", f"/api/sessions/{session_id}").json()["status"]
            if status in good:
                return True
            if wakes and status == "hibernated":
                self._ask("POST", f"/api/sessions/{session_id}/wake", json={}, refusals=(409,))
            self._pause()
        self.unsure.add(session_id)
        raise GaveUp(f"{session_id} is {status}, not {' or '.join(good)}", session_id)

    def _gone(self, session_id: str) -> None:
        self._ask("DELETE", f"/api/sessions/{session_id}", refusals=(404,))

    @contextmanager
    def _one(self) -> Iterator[tuple[str, str]]:
        session_id = self._random.choice(list(self.linked))
        yield session_id, self.linked[session_id]

    def _pause(self) -> None:
        if self._stop.wait(LOOK_EVERY_SECONDS):
            raise Stopped

    def _ask(self, method: str, path: str, refusals: tuple[int, ...] = (), **more: Any) -> requests.Response:
        """Again until there is an answer: a backend's client library does the same."""
        headers = {"Authorization": f"Bearer {self._system.api_key}", **more.pop("headers", {})}
        url = f"{self._system.functions_url}{path}"
        deadline = time.monotonic() + PATIENCE_SECONDS
        last = "no answer"
        while time.monotonic() < deadline:
            try:
                answer = self._http.request(method, url, headers=headers, timeout=30, **more)
            except requests.RequestException as error:
                last = type(error).__name__
            else:
                if answer.ok or answer.status_code in refusals:
                    return answer
                last = f"{answer.status_code} {answer.text[:160]}"
                if answer.status_code < 500 and answer.status_code not in (409, 425, 429):
                    break
            self.done["asked again"] += 1
            self._pause()
        session_id = next((part for part in path.split("/") if part in self._known), None)
        raise GaveUp(f"{method} {path.partition('?')[0]}: {last}", session_id)
