"""Requests at a constant rate, whatever comes back: an open loop, as a crowd is one.

Rule: a request is due at its time, and timed from there, so waiting for a free connection counts.
What was due and found none to the end is told as not sent: then the machine in front is what queues.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import time
from collections import Counter
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CLOSE = re.compile(rb"(?i)\r\nconnection: *close")
_BODILESS = {204, 304}
PATIENCE_SECONDS = 30.0
"""For answers to what was sent, once nothing more is."""
_CONNECT_AT_ONCE = 20
"""New connections in one turn of the loop."""


@dataclass
class Offered:
    """What became of an offer."""

    rate: int
    seconds: float
    statuses: Counter[int] = field(default_factory=Counter)
    good_took: list[float] = field(default_factory=list)
    """Seconds from due to answered, of what was answered with 200 or 304."""
    lost: int = 0
    """Sent, and never answered: the connection was closed or reset, or nothing came."""
    not_sent: int = 0
    connections: int = 0

    def share(self, *statuses: int) -> float:
        """Of all that were due."""
        return sum(self.statuses[one] for one in statuses) / max(1, round(self.rate * self.seconds))

    def quantile(self, share: float) -> float | None:
        """Of good answers, in seconds."""
        ordered = sorted(self.good_took)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


class _Connection:
    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()
        self.due_at: float | None = None

    def answered(self) -> int | None:
        """The status, once the answer is whole."""
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return None
        status = int(self.received[9:12])
        length = _LENGTH.search(self.received, 0, end + 2)
        wanted = 0 if status in _BODILESS or length is None else int(length[1])
        return status if len(self.received) >= end + 4 + wanted else None

    @property
    def closes(self) -> bool:
        return _CLOSE.search(self.received) is not None


class OpenLoop:
    """Asks one server for these requests in turn, over so many connections at most."""

    def __init__(self, port: int, requests: list[bytes], most_connections: int) -> None:
        self._address = ("127.0.0.1", port)
        self._requests = requests
        self._most = most_connections

    def offer(self, rate: int, seconds: float) -> Offered:
        """Offer it, and wait for what is on its way."""
        offered = Offered(rate=rate, seconds=seconds)
        idle: list[_Connection] = []
        busy: set[_Connection] = set()
        with selectors.DefaultSelector() as selector:
            began = time.perf_counter()
            due, total = 0, round(rate * seconds)
            while due < total and (now := time.perf_counter()) < began + seconds:
                connecting = 0
                while due < total and began + due / rate <= now:
                    if not idle:
                        if len(busy) >= self._most or connecting >= _CONNECT_AT_ONCE:
                            break
                        connecting += 1
                        idle.append(self._connect(selector, offered))
                    self._send(
                        idle.pop(), began + due / rate, self._requests[due % len(self._requests)], busy
                    )
                    due += 1
                self._read(selector, idle, busy, offered, 0.001)
            offered.not_sent = total - due
            until = time.perf_counter() + PATIENCE_SECONDS
            while busy and time.perf_counter() < until:
                self._read(selector, idle, busy, offered, 0.1)
            offered.lost += len(busy)
            for one in [*idle, *busy]:
                one.socket.close()
        return offered

    def _connect(self, selector: selectors.BaseSelector, offered: Offered) -> _Connection:
        made = _Connection(self._address)
        selector.register(made.socket, selectors.EVENT_READ, made)
        offered.connections += 1
        return made

    def _send(self, one: _Connection, due_at: float, request: bytes, busy: set[_Connection]) -> None:
        one.due_at = due_at
        one.received.clear()
        busy.add(one)
        with contextlib.suppress(OSError):  # reading finds it closed, and counts it
            one.socket.sendall(request)

    def _read(
        self,
        selector: selectors.BaseSelector,
        idle: list[_Connection],
        busy: set[_Connection],
        offered: Offered,
        wait: float,
    ) -> None:
        for key, _ in selector.select(wait):
            one: _Connection = key.data
            try:
                piece = one.socket.recv(65536)
            except OSError:
                piece = b""
            one.received += piece
            status = one.answered() if one in busy else None
            if status is not None and one.due_at is not None:
                offered.statuses[status] += 1
                if status in {200, 304}:
                    offered.good_took.append(time.perf_counter() - one.due_at)
                busy.discard(one)
                if piece and not one.closes:
                    idle.append(one)
                    continue
            elif piece:
                continue
            elif one in busy:
                offered.lost += 1
                busy.discard(one)
            elif one in idle:
                idle.remove(one)
            selector.unregister(one.socket)
            one.socket.close()
