"""gunicorn's threads, and in front of them the loop that lets requests in, one by one, once they are whole.

Rule: a thread is given to a request that has arrived, and to no other. However slowly clients send, or close,
they hold a few bytes of memory and nobody up. When requests wait for a thread too long, further ones are
refused at the door in microseconds, so that those inside are answered in time.

gunicorn's own threads read from the socket: eight clients that sent one byte each were enough to stop a
worker for good, and its loop waited two seconds for every client that did not close after an answer.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.http import errors  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

from functions.goodbyes import LINGER_SECONDS, Goodbyes
from functions.raw_answers import BUSY_PAGE, answer_bytes, problem_bytes
from functions.request_reader import IncomingRequest, RequestReader
from functions.request_shape import is_urgent
from storage.errors import ConfigError

log = logging.getLogger(__name__)

WAIT_LIMIT_SECONDS = 1.0
"""Set by `functions.gunicorn_conf`."""

_AGAIN_AFTER_SECONDS = 1.0
_URGENT_FACTOR = 5
"""Probes and reports of nodes are refused when others have been for long: a lost heartbeat costs more."""
_SEND_BUFFER = 256 * 1024
"""An answer goes into the kernel at once, so that a slow reader holds no thread either."""
_ACCEPT_AT_ONCE = 16
_SOON = "Retry-After: 1"

_REFUSALS = (
    (errors.LimitRequestLine, 414, "uri_too_long", "the address is too long"),
    (errors.LimitRequestHeaders, 431, "headers_too_large", "header fields are too large or too many"),
    (errors.UnsupportedTransferCoding, 501, "http_501", "this transfer coding is not spoken here"),
    (errors.ExpectationFailed, 417, "http_417", "only 100-continue can be expected"),
    (errors.ParseException, 400, "bad_request", "this is no HTTP request that can be read"),
)


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """A worker of gunicorn. What is called in the loop must never wait."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._goodbyes = Goodbyes(self._watch, self._forget)
        self._reader = RequestReader(self._watch, self._unwatch, self._forget, self._goodbyes, self._dispatch)
        self._waiting: deque[float] = deque()
        """Since when requests have been waiting for a thread, oldest first."""

    def load_wsgi(self) -> None:
        """A wrong environment is told in its own words, without a traceback; gunicorn then stops."""
        try:
            super().load_wsgi()
        except ConfigError as error:
            sys.stderr.write(f"{error}\n")
            if self.age == 1:
                raise SystemExit(Arbiter.WORKER_BOOT_ERROR) from error
            # gunicorn fails over a second one that says so while it stops; if it goes on, it starts us again
            time.sleep(_AGAIN_AFTER_SECONDS)
            raise SystemExit(0) from error

    # ── taking connections ───────────────────────────────────────────────────

    def accept(self, listener: Any) -> None:
        for _ in range(_ACCEPT_AT_ONCE):
            if self.nr_conns >= self.worker_connections and not self._let_one_go():
                return
            try:
                client, address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            self.nr_conns += 1
            conn = TConn(self.cfg, client, address, listener.getsockname())
            if self.cfg.is_ssl:  # its bytes are not ours to read: as gunicorn does it
                client.setblocking(True)
                self.enqueue_req(conn)
            else:
                self._reader.read(conn)

    def on_client_socket_readable(self, conn: TConn, client: Any) -> None:
        if self.cfg.is_ssl:
            super().on_client_socket_readable(conn, client)
            return
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._reader.read(conn)

    def _let_one_go(self) -> bool:
        """Make room: who has been sending for longest, else who has been idle for longest."""
        if self._reader.drop_oldest():
            return True
        if self.keepalived_conns:
            conn = self.keepalived_conns.popleft()
            self._forget(conn)
            return True
        return False

    # ── letting requests in ──────────────────────────────────────────────────

    def _dispatch(self, conn: TConn, request: IncomingRequest) -> None:
        """Give a request to a thread, or refuse it here and now."""
        if self._waits_longer_than(WAIT_LIMIT_SECONDS * (_URGENT_FACTOR if is_urgent(request.data) else 1)):
            self._refuse(conn, request)
            return
        try:
            conn.init()
        except OSError:
            self._forget(conn)
            return
        conn.data_ready = True
        conn.parser.unreader.unread(bytes(request.data))
        self.enqueue_req(conn)

    def _waits_longer_than(self, seconds: float) -> bool:
        try:
            return time.monotonic() - self._waiting[0] > seconds
        except IndexError:
            return False

    def _refuse(self, conn: TConn, request: IncomingRequest) -> None:
        goes_on = self.alive and request.shape.is_exactly(request.data)
        if request.shape.wants_page(request.data):
            answer = answer_bytes(503, "text/html", BUSY_PAGE, _SOON, closes=not goes_on)
        else:
            detail = "more is asked than can be answered now; try again"
            answer = problem_bytes(503, "overloaded", detail, _SOON, closes=not goes_on)
        try:
            conn.sock.send(answer)
        except OSError:
            self._forget(conn)
            return
        if goes_on:
            self._keep_alive(conn)
        else:
            self._goodbyes.say(conn)

    # ── answering them ───────────────────────────────────────────────────────

    def enqueue_req(self, conn: TConn) -> None:
        self._waiting.append(time.monotonic())
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """In a thread."""
        with contextlib.suppress(IndexError):
            self._waiting.popleft()
        return super().handle(conn)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """In a thread."""
        if getattr(conn, "unread", False):
            req.force_close()  # the answer says so: a client that sent on would find itself cut off
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: TConn, keepalive: Any) -> bool:
        """Whether another request may follow; a body that nobody waits for is not read to its end."""
        return not getattr(conn, "unread", False) and bool(super()._keepalive_after(conn, keepalive))

    def finish_request(self, conn: TConn, fs: Any) -> None:
        """In the loop, after a thread is done."""
        if self.cfg.is_ssl:
            super().finish_request(conn, fs)
            return
        try:
            goes_on = not fs.cancelled() and fs.result()
        except Exception:
            log.exception("worker_thread_failed")
            goes_on = False
        if not goes_on:
            self._goodbyes.say(conn)
            return
        further = conn.parser.unreader.take_buffered()
        conn.sock.setblocking(False)
        if further:
            self._reader.read(conn, further)
        else:
            self._keep_alive(conn)

    def _keep_alive(self, conn: TConn) -> None:
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + LINGER_SECONDS)
        self.keepalived_conns.append(conn)
        self._watch(conn, partial(self.on_client_socket_readable, conn))

    # ── parting ──────────────────────────────────────────────────────────────

    def _watch(self, conn: TConn, handler: Callable[[Any], None]) -> None:
        self.poller.register(conn.sock, selectors.EVENT_READ, handler)

    def _forget(self, conn: TConn) -> None:
        self._unwatch(conn)
        self.nr_conns -= 1
        conn.close()

    def _unwatch(self, conn: TConn) -> None:
        with contextlib.suppress(KeyError, ValueError, OSError):
            self.poller.unregister(conn.sock)

    def murder_pending(self) -> None:
        """Called by gunicorn once in a while: let go of whom the time is up for."""
        super().murder_pending()
        now = time.monotonic()
        self._reader.end_overdue(now)
        self._goodbyes.end_overdue(now)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        self._reader.cap_silent(deadline)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """What never became a request of the application, as problem+json. No line of it is logged: it may
        hold the address of a hosted page."""
        refusals = [(status, code, why) for kind, status, code, why in _REFUSALS if isinstance(exc, kind)]
        status, code, detail = refusals[0] if refusals else (500, "internal_error", "something failed here")
        if refusals:
            log.info("request_not_read", extra={"status": status, "error": type(exc).__name__})
        else:
            log.error("request_failed_outside", exc_info=exc)
        with contextlib.suppress(OSError):
            client.settimeout(1)
            client.sendall(problem_bytes(status, code, detail))
