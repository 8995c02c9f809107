"""Steady traffic, as backends and people make it: statuses read, pages polled, sessions made and linked.

Rule: nobody asks twice. An answer that is no success, or none at all, is a failed request and written down.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import requests

from bench.rolling.nodes import WITHIN, Nodes
from tests.standin.client import PhoneRefused

READ_EVERY = 0.2
POLL_EVERY = 1.0
"""Of one page, as a browser does it that shows nothing new."""
LOOK_EVERY = 0.1
MOST_LINKED = 4
"""Of those that the traffic links; the oldest are deleted, so that the machine is not filled."""
OURS = ("authenticated", "connected", "reconnecting", "hibernated")


class Stopped(Exception):
    """The traffic ends."""


class Traffic:
    """`with Traffic(...)`: as many backends as it is told, one reader, one browser with all the pages."""

    def __init__(self, system: Nodes, linked: dict[str, str], backends: int, link_every: float) -> None:
        self.linked = dict(linked)
        """Session → number; those of the traffic come and go."""
        self.failed: list[str] = []
        """Requests without a good answer."""
        self.asked_again: list[str] = []
        """Linked sessions that were seen with a QR, or in a state of before the link."""
        self.broken: list[str] = []
        """Creates that came to nothing."""
        self.seconds: dict[str, list[float]] = {}
        """By what was asked."""
        self.qr_seconds: list[float] = []
        self.link_seconds: list[float] = []
        self.done: Counter[str] = Counter()
        self._system = system
        self._link_every = link_every
        self._pages: dict[str, Page] = {}
        self._numbers = (f"+6281190{number:05}" for number in itertools.count(10_000))
        self._lock = threading.Lock()
        self._stop = threading.Event()
        work: list[Callable[[], None]] = [self._read, self._poll, *[self._link] * backends]
        self._threads = [threading.Thread(target=self._forever, args=(one,)) for one in work]

    def __enter__(self) -> Traffic:
        for session_id in self.linked:
            self._open_page(self._system.session(session_id))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _forever(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Stopped:
            return
        except Exception as error:  # what is not told here would be a thread that is silently gone
            self.broken.append(f"{work.__name__} ended: {type(error).__name__}: {error}"[:400])

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped

    # ── a backend that reads ─────────────────────────────────────────────────

    def _read(self) -> None:
        http = requests.Session()
        for turn in itertools.count():
            with self._lock:
                known = list(self.linked)
            if turn % 10 == 0:
                self._ask(http, "list", "GET", "/api/sessions?limit=50")
            self._read_one(http, known[turn % len(known)])
            self._pause(READ_EVERY)

    def _read_one(self, http: requests.Session, session_id: str) -> None:
        page = self._pages[session_id]
        with page.lock:
            session = None if page.closed else self._ask(http, "status", "GET", f"/api/sessions/{session_id}")
        if session is not None and (session["qr"] or session["status"] not in OURS):
            self.asked_again.append(f"{session_id} is {session['status']} for its backend")

    # ── people with the page open ────────────────────────────────────────────

    def _poll(self) -> None:
        while True:
            with self._lock:
                pages = list(self._pages.values())
            for page in pages:
                with page.lock:
                    if not page.closed:
                        self._look_at(page)
                self._pause(POLL_EVERY / (len(pages) + 1))
            self._pause(POLL_EVERY / (len(pages) + 1))

    def _look_at(self, page: Page) -> None:
        if not page.opened:
            page.opened = self._try("page opened", lambda: page.http.get(page.url, timeout=30)) is not None
            return
        headers = {"Accept": "application/json", "If-None-Match": page.etag}
        answer = self._try(
            "page polled", lambda: page.http.get(f"{page.url}/status", headers=headers, timeout=30)
        )
        if answer is None or answer.status_code == 304:
            return
        page.etag = answer.headers["ETag"]
        screen = answer.json()["page"]["screen"]
        page.was_linked |= screen == "linked"
        if page.was_linked and screen in ("scan", "code", "queued", "preparing", "not_started"):
            self.asked_again.append(f"{page.session_id} shows {screen} on its page")

    def _open_page(self, session: dict[str, Any]) -> None:
        with self._lock:
            self._pages[session["id"]] = Page(session["id"], session["link_url"])

    # ── backends that create, and phones that scan ───────────────────────────

    def _link(self) -> None:
        http = requests.Session()
        while True:
            began = time.monotonic()
            self._one_link(http)
            self._make_room(http)
            self._pause(max(0.0, self._link_every - (time.monotonic() - began)))

    def _one_link(self, http: requests.Session) -> None:
        began = time.monotonic()
        session = self._ask(http, "create", "POST", "/api/sessions", json={})
        if session is None:
            return
        session_id, number = session["id"], next(self._numbers)
        self._open_page(session)
        shown, accepted = False, ""
        while time.monotonic() - began < WITHIN:
            qr = session["qr"]
            if qr is not None:
                if not shown:
                    self.qr_seconds.append(time.monotonic() - began)
                    shown = True
                if accepted and qr["text"] != accepted:
                    self.asked_again.append(f"{session_id} shows a QR after its scan was accepted")
                accepted = accepted or self._scan(qr["text"], number)
            if session["status"] == "connected":
                self.link_seconds.append(time.monotonic() - began)
                self.done["linked"] += 1
                with self._lock:
                    self.linked[session_id] = number
                return
            if self._stop.is_set():  # nothing is left half done
                time.sleep(LOOK_EVERY)
            else:
                self._stop.wait(LOOK_EVERY)
            session = self._ask(http, "status", "GET", f"/api/sessions/{session_id}") or session
        self.broken.append(
            f"{session_id} is {session['status']} ({session['reason_code']}) after {WITHIN:.0f} s, "
            f"{'with' if shown else 'without'} a QR"
        )

    def _scan(self, ref: str, number: str) -> str:
        """The ref when the site took it. One whose browser has just gone is scanned in vain, and the person
        looks at the page again."""
        try:
            self._system.standin.scan(ref, number)
        except PhoneRefused:
            self.done["scanned a QR that was gone"] += 1
            return ""
        return ref

    def _make_room(self, http: requests.Session) -> None:
        with self._lock:
            mine = [one for one, number in self.linked.items() if number.startswith("+6281190")]
            gone = mine[0] if len(mine) > MOST_LINKED else None
            if gone is None:
                return
            del self.linked[gone]
        with self._pages[gone].lock:
            self._pages[gone].closed = True
        self._ask(http, "delete", "DELETE", f"/api/sessions/{gone}")

    # ── asking ───────────────────────────────────────────────────────────────

    def _ask(self, http: requests.Session, what: str, method: str, path: str, **more: Any) -> Any:
        url = f"{self._system.functions_url}{path}"
        headers = {"Authorization": f"Bearer {self._system.api_key}"}
        answer = self._try(what, lambda: http.request(method, url, headers=headers, timeout=30, **more))
        return None if answer is None else answer.json() if answer.content else {}

    def _try(self, what: str, ask: Callable[[], requests.Response]) -> requests.Response | None:
        """Once. None when it failed."""
        began = time.monotonic()
        try:
            answer = ask()
        except requests.RequestException as error:
            self.failed.append(f"{what}: {type(error).__name__}: {error}"[:300])
            return None
        self.seconds.setdefault(what, []).append(time.monotonic() - began)
        if answer.ok:
            return answer
        self.failed.append(f"{what}: {answer.status_code} {answer.text[:200]}")
        return None


class Page:
    """One hosted page in one browser, which keeps its cookie."""

    def __init__(self, session_id: str, url: str) -> None:
        self.session_id = session_id
        self.url = url
        self.http = requests.Session()
        self.lock = threading.Lock()
        """Whoever asks about this session; it is deleted between two questions."""
        self.closed = False
        self.etag = ""
        self.opened = False
        self.was_linked = False
