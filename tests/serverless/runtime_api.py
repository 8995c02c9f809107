"""Lambda's runtime API on loopback, under which awslambdaric runs a handler as AWS runs it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import Future
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_PREFIX = "/2018-06-01/runtime"
_IDLE_SECONDS = 0.2


class HandlerFailed(Exception):
    """What the runtime reported of an exception that left the handler."""


class LambdaRuntime:
    """One warm Lambda: a process of awslambdaric, asked by `invoke`."""

    def __init__(
        self, handler: str, directory: Path, log: Path, *, search: list[Path], **environ: str
    ) -> None:
        self._events: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._answers: dict[str, Future[Any]] = {}
        self._closing = threading.Event()
        self.init_error: str | None = None
        runtime = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                taken = runtime._next()
                if taken is None:
                    return self._answer(410, b"")
                request_id, event = taken
                headers = {
                    "Content-Type": "application/json",  # awslambdaric ends with a segmentation fault without
                    "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000",
                    "Lambda-Runtime-Aws-Request-Id": request_id,
                    "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 28) * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:local:0:function:local",
                }
                return self._answer(200, event, headers)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = self.path.removeprefix(_PREFIX).strip("/").split("/")
                if parts[0] == "init":
                    runtime.init_error = body.decode(errors="replace")
                elif parts[2] == "response":
                    runtime._answers.pop(parts[1]).set_result(json.loads(body))
                else:
                    runtime._answers.pop(parts[1]).set_exception(HandlerFailed(body.decode(errors="replace")))
                self._answer(202, b"{}")

            def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """The log of the process is what matters."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Connections break off when the process is killed."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-S", "-m", "awslambdaric", handler],
                cwd=directory,
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": os.pathsep.join(str(path) for path in search),
                    "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
                    "LAMBDA_TASK_ROOT": str(directory),
                    "AWS_LAMBDA_FUNCTION_NAME": "local",
                    "AWS_REGION": "eu-central-1",
                    "AWS_DEFAULT_REGION": "eu-central-1",
                    **environ,
                },
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def invoke(self, event: object, *, within: float = 30) -> Any:
        """The handler's answer. Raises HandlerFailed."""
        request_id = str(uuid.uuid4())
        answer: Future[Any] = Future()
        self._answers[request_id] = answer
        self._events.put((request_id, json.dumps(event).encode()))
        while True:
            try:
                return answer.result(_IDLE_SECONDS)
            except TimeoutError:
                within -= _IDLE_SECONDS
                if self.init_error is not None:
                    raise HandlerFailed(self.init_error) from None
                if self.process.poll() is not None:
                    raise HandlerFailed(self.log.read_text()[-3000:]) from None
                if within < 0:
                    raise

    def _next(self) -> tuple[str, bytes] | None:
        while not self._closing.is_set():
            try:
                return self._events.get(timeout=_IDLE_SECONDS)
            except queue.Empty:
                continue
        return None

    def close(self) -> None:
        """End the process, as AWS ends one: without a word."""
        self._closing.set()
        self.process.kill()
        self.process.wait()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
