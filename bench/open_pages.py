"""Many hosted pages that are open at once, as the server sees them: each polls when it was told to, with its
cookie and its ETag, over a connection of its own.

Rule: a page asks for nothing before its last answer is complete, as the script on it does.
"""

from __future__ import annotations

import heapq
import json
import re
import selectors
import socket
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests

from bench.loader import BadAnswers

_POLL = re.compile(r'<script nonce="[^"]*" type="application/json" id="poll">(.*?)</script>', re.DOTALL)
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_ETAG = re.compile(rb"(?i)\r\netag: *(\S+)")
_PACE = re.compile(rb"(?i)\r\npoll-after-ms: *(\d+)")
_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
ANSWER_WITHIN = 10.0  # seconds, as on the page
REFUSED_WAIT = 1.0  # seconds, what Retry-After says


@dataclass
class OpenPage:
    """One tab."""

    host: str
    port: int
    path: str
    cookie: str
    etag: str
    wait: float
    """Seconds between an answer and the next question."""
    refused: int = 0
    """Times that the server was overloaded; the page asks again, as the script on it does."""
    socket: socket.socket | None = None
    asked_at: float = 0.0
    received: bytearray = field(default_factory=bytearray)

    @classmethod
    def opened(cls, link_url: str) -> OpenPage:
        """The page as a browser has it after loading."""
        parts = urlsplit(link_url)
        answer = requests.get(link_url, headers={"Accept": "text/html", "User-Agent": _AGENT}, timeout=30)
        found = _POLL.search(answer.text)
        if answer.status_code != 200 or found is None:
            raise BadAnswers(f"the page did not open: {answer.status_code}")
        poll = json.loads(found[1])
        assert parts.hostname is not None
        assert parts.port is not None
        return cls(
            host=parts.hostname,
            port=parts.port,
            path=poll["url"],
            cookie="; ".join(f"{cookie.name}={cookie.value}" for cookie in answer.cookies),
            etag=poll["etag"],
            wait=poll["wait_ms"] / 1000,
        )

    def ask(self) -> None:
        """Send a poll; over a new connection where the server closed the last one."""
        if self.socket is None:
            self.socket = socket.create_connection((self.host, self.port), timeout=ANSWER_WITHIN)
        lines = (
            f"GET {self.path} HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            f"User-Agent: {_AGENT}",
            "Accept: application/json",
            "Accept-Language: en-GB,en;q=0.9",
            "Sec-Fetch-Site: same-origin",
            f"Cookie: {self.cookie}",
            f"If-None-Match: {self.etag}",
        )
        self.received.clear()
        self.asked_at = time.perf_counter()
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())

    def took(self) -> bool:
        """Read what is there; whether the answer is complete. Raises BadAnswers, ConnectionError."""
        assert self.socket is not None
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionResetError("closed before an answer")
        self.received += piece
        head, separator, body = bytes(self.received).partition(b"\r\n\r\n")
        if not separator:
            return False
        status = head[9:12]
        if status == b"503" and b"overloaded" in body:
            self.refused += 1
            self.wait = REFUSED_WAIT
            self.close()
            return True
        if status not in {b"200", b"304"}:
            raise BadAnswers(head.split(b"\r\n")[0].decode(errors="replace"))
        length = _LENGTH.search(head)
        if status == b"200" and (length is None or len(body) < int(length[1])):
            return False
        if etag := _ETAG.search(head):
            self.etag = etag[1].decode()
        if pace := _PACE.search(head):
            self.wait = int(pace[1]) / 1000
        if b"connection: close" in head.lower():
            self.close()
        return True

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


@dataclass(frozen=True, kw_only=True)
class Polled:
    """What the pages met."""

    answers: list[float]
    """Seconds from a question to its complete answer."""
    seconds: float
    lost: int
    """Connections that ended without an answer; the page asks again."""
    refused: int
    """Answered with 503 at once, among the answers."""


def poll(pages: list[OpenPage], seconds: float) -> Polled:
    """Keep the pages open for so long. Their first polls are spread over one wait. Raises BadAnswers."""
    began = time.perf_counter()
    refused = sum(page.refused for page in pages)
    due = [(began + page.wait * place / len(pages), place) for place, page in enumerate(pages)]
    heapq.heapify(due)
    answers: list[float] = []
    lost = 0
    with selectors.DefaultSelector() as selector:
        while (now := time.perf_counter()) < began + seconds:
            while due and due[0][0] <= now:
                place = heapq.heappop(due)[1]
                page = pages[place]
                page.ask()
                assert page.socket is not None
                selector.register(page.socket, selectors.EVENT_READ, place)
            for key, _ in selector.select(timeout=max(0.0, due[0][0] - now) if due else 0.1):
                page = pages[key.data]
                connection = key.fileobj
                try:
                    complete = page.took()
                except ConnectionError:
                    lost, complete = lost + 1, True
                    page.close()
                if complete:
                    selector.unregister(connection)
                    answers.append(time.perf_counter() - page.asked_at)
                    heapq.heappush(due, (time.perf_counter() + page.wait, key.data))
        for key in selector.get_map().values():
            pages[key.data].close()  # its answer is under way, and would be taken for the next one
    return Polled(
        answers=answers,
        seconds=time.perf_counter() - began,
        lost=lost,
        refused=sum(page.refused for page in pages) - refused,
    )
