"""How gunicorn runs the functions: threads, because a request waits for SQLite or a node, never for a CPU.

Rule: no log line holds an address as it was asked for; the addresses of hosted pages are secrets.
"""

from __future__ import annotations

import os
from typing import Any

from gunicorn import glogging  # type: ignore[import-untyped]

from functions import gunicorn_worker, request_reader
from functions.metrics import DIRECTORY, share_between_processes
from storage import logs


class JsonLogger(glogging.Logger):  # type: ignore[misc]
    """gunicorn's own lines in our form. Requests are logged by `functions.request_log`, by route."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        logs.configure(level=os.environ.get("LOG_LEVEL"))

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Nothing."""


def pre_request(worker: Any, req: Any) -> None:
    """Give a client this long between two pieces of an answer, so that none can hold a thread."""
    req.unreader.sock.settimeout(request_reader.READ_TIMEOUT_SECONDS)


def post_worker_init(worker: Any) -> None:
    """Let event streams end as soon as this worker is told to stop: it waits for its threads."""
    services = worker.wsgi.extensions["linkpool"]
    services.stream_places.are_closing = lambda: not worker.alive or worker.ppid != os.getppid()


def child_exit(server: Any, worker: Any) -> None:
    """A worker is gone, and with it what it said of the present."""
    if DIRECTORY in os.environ:
        from functions.prometheus import forget_process  # where metrics are off, nobody imports it

        forget_process(worker.pid)


share_between_processes(os.environ)  # before any worker is forked, and before prometheus_client is imported
request_reader.READ_TIMEOUT_SECONDS = float(os.environ.get("FUNCTIONS_READ_TIMEOUT_SECONDS") or 10)
gunicorn_worker.WAIT_LIMIT_SECONDS = float(os.environ.get("FUNCTIONS_WAIT_LIMIT_SECONDS") or 1)

bind = f"{os.environ.get('FUNCTIONS_HOST') or '127.0.0.1'}:{os.environ.get('FUNCTIONS_PORT') or 8000}"
worker_class = "functions.gunicorn_worker.PatientWorker"
worker_connections = int(os.environ.get("FUNCTIONS_CONNECTIONS") or 1000)
"""In each worker; above it who has been silent for longest is let go."""
limit_request_line = 4094
limit_request_fields = 100
limit_request_field_size = 16 * 1024
"""`functions.header_limits` allows less, and names the field; this is for what is absurd."""
workers = 2
"""Python runs one thread at a time; two processes use two cores, and one goes on while the other restarts."""
threads = 8
"""A thread waits up to five seconds for a node that hangs, and an event stream keeps one for minutes; half of
them (`stream_places`) are left to everybody else."""
keepalive = 75
"""Seconds. Longer than the 60 of common proxies, so that it is never we who close under a request."""
graceful_timeout = 15
"""Seconds. The longest request is a node's five."""
timeout = 60
logger_class = JsonLogger
control_socket_disable = True
"""Nobody here uses it, and it would be a second way in."""
