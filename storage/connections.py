"""Connections to PostgreSQL that lie ready, up to a number, for the threads of one process.

Rule: whoever asks connects, in its own thread, and asks again until its patience ends. psycopg_pool connects
in threads of its own: after an outage they pause longer and longer, at a fork they are gone, and on Lambda
they stand still. A server that is back is to be used at once.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

RETRY_SECONDS = 0.05
"""Between two tries to connect. A refused connection costs the server nothing."""


class Closable(Protocol):
    """What a pool needs to know of a connection."""

    def close(self) -> None: ...


C = TypeVar("C", bound=Closable)


class NoConnection(Exception):
    """None was free, or could be made, in time."""


class Connections(Generic[C]):
    """Take one, give it back."""

    def __init__(
        self,
        connect: Callable[[], C],
        *,
        is_usable: Callable[[C], bool],
        failures: tuple[type[Exception], ...],
        most: int,
        wait_seconds: float,
    ) -> None:
        self._connect = connect
        self._is_usable = is_usable
        self._failures = failures
        self._most = most
        self._wait_seconds = wait_seconds
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._idle: list[C] = []
        self._permits = threading.Semaphore(self._most)

    def take(self) -> C:
        """One that lies ready, the youngest first, or a new one. Raises NoConnection."""
        if self._process != os.getpid():
            self._begin()  # a fork must not speak on its parent's connections, nor close them
        give_up_at = time.monotonic() + self._wait_seconds
        if self._closed:
            raise NoConnection("the registry is closed")
        if not self._permits.acquire(timeout=self._wait_seconds):
            raise NoConnection(f"all {self._most} connections are taken")
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return self._made(give_up_at)
        except BaseException:
            self._permits.release()
            raise

    def _made(self, give_up_at: float) -> C:
        while True:
            try:
                return self._connect()
            except self._failures as error:
                if time.monotonic() >= give_up_at:
                    raise NoConnection(type(error).__name__) from error
                time.sleep(RETRY_SECONDS)

    def give(self, connection: C) -> None:
        """Back; one that is broken, or in the middle of something, is closed."""
        if self._closed or not self._is_usable(connection):
            connection.close()
        else:
            self._idle.append(connection)
        self._permits.release()

    def forget_idle(self) -> None:
        """After one broke: the others have probably lost the same server."""
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:  # another thread took it
                return

    def close(self) -> None:
        """Close what lies ready, and what is given back later. Twice is fine."""
        self._closed = True
        if self._process == os.getpid():
            self.forget_idle()
