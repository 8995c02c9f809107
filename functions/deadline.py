"""One deadline over everything a thread does with one connection, however slowly the other side drips."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

_thread = threading.local()


class Deadline:
    """Within `with Deadline(seconds)`, ends the watched connection when the time is up.

    A timeout of a socket starts anew with every byte; this one does not.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._watched: socket.socket | None = None
        self.over = False
        """The time was up; what was read since may be half of something."""

    @staticmethod
    def current() -> Deadline:
        """The one that this thread is in."""
        deadline: Deadline = _thread.deadline
        return deadline

    def watch(self, connection: socket.socket) -> None:
        """End this connection when the time is up, or at once if it is."""
        with self._lock:
            self._watched = connection
            if self.over:
                _shut(connection)

    def _end(self) -> None:
        with self._lock:
            self.over = True
            if self._watched is not None:
                _shut(self._watched)

    def __enter__(self) -> Deadline:
        _thread.deadline = self
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        del _thread.deadline


def _shut(connection: socket.socket) -> None:
    """Whoever waits for it in another thread sees its end."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
