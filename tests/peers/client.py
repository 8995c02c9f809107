"""One unmodified whatsapp-web.js client in a Node process: events come as JSON, commands go as words."""

import json
import queue
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.peers.installed import HERE
from tests.standin import chromium
from tests.standin.client import StandIn

WITHIN = 40.0  # seconds for one event
EXIT_WITHIN = 10.0


class PeerFailed(Exception):
    """The client ended with an error, or an event did not come; the message holds what it said until then."""


class WhatsAppWebJs:
    def __init__(self, standin: StandIn, directory: Path, *, phone: str | None = None) -> None:
        """Start a client with its LocalAuth profile in `directory`. With a phone it asks for a code."""
        self._directory = directory
        config = {
            "profile": str(directory / "auth"),
            "cache": str(directory / "cache"),
            "chromium": chromium.path(),
            "args": [*chromium.flags(), *standin.browser_args],
            "phone": phone,
        }
        self._process = subprocess.Popen(
            ["node", "whatsapp_web.mjs", json.dumps(config)],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.events: list[dict[str, Any]] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name="peer-events")
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def expect(self, name: str, within: float = WITHIN) -> dict[str, Any]:
        """The next event of this name; others on the way are kept in `events`."""
        deadline = time.monotonic() + within
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise PeerFailed(f"no {name} within {within} s after {self.events}") from None
            if line is None:
                raise PeerFailed(f"the client ended before {name}, after {self.events}")
            event: dict[str, Any] = json.loads(line)
            self.events.append(event)
            if event["event"] == "error":
                raise PeerFailed(event["message"])
            if event["event"] == name:
                return event

    def ask(self, command: str, answer: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self.expect(answer)

    def heard(self, name: str) -> bool:
        return any(event["event"] == name for event in self.events)

    def close(self) -> None:
        """Close the browser, end the process, and see that nothing stays."""
        try:
            if self._process.poll() is None:
                self.ask("close", "closed")
                self._process.wait(EXIT_WITHIN)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join(EXIT_WITHIN)
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()
        chromium.await_no_process(self._directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
