"""Unmodified whatsapp-web.js on the stand-in: one Node process with as many clients as are wanted.

The stand-in is reached as https://web.whatsapp.com: names are mapped, and its certificate is trusted by the
hash of its key. `--ignore-certificate-errors` would be simpler, but Chromium keeps no cache of such a site.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import queue
import ssl
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench import processes
from bench.machine import PEERS, clean_environ

SCRIPT = Path(__file__).parent / "peer.mjs"
LOADED_WITHIN = 30.0  # seconds
CLOSED_WITHIN = 60.0  # ten browsers at once need a few


def trust(tls_port: int) -> list[str]:
    """Chromium flags that bring https://web.whatsapp.com to this port of loopback, and trust it there."""
    pem = ssl.get_server_certificate(("127.0.0.1", tls_port))
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return [
        f"--host-resolver-rules=MAP web.whatsapp.com 127.0.0.1:{tls_port}",
        f"--ignore-certificate-errors-spki-list={base64.b64encode(digest).decode()}",
    ]


class Peer:
    """`with Peer(...) as peer`: ends with no process left."""

    def __init__(self, directory: Path, chromium: str, flags: Sequence[str]) -> None:
        """Start Node in `directory`, where LocalAuth's profiles and the web version cache lie."""
        # Chromium's sandbox refuses root; the peer's users start it without
        args = [*(["--no-sandbox"] if os.geteuid() == 0 else []), *flags]
        config = {
            "packages": str(PEERS / "package.json"),
            "profiles": str(directory / "auth"),
            "chromium": chromium,
            "args": args,
        }
        directory.mkdir(parents=True, exist_ok=True)
        self._errors = (directory / "peer.log").open("ab")
        self.spawned_at = time.time()
        self._node = subprocess.Popen(
            ["node", str(SCRIPT), json.dumps(config)],
            cwd=directory,
            env=clean_environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )
        assert self._node.stdin is not None
        assert self._node.stdout is not None
        self._input: IO[str] = self._node.stdin
        self._output: IO[str] = self._node.stdout
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.errors: list[str] = []
        self.loading_seconds = 0.0
        """From the spawn of Node until the library is loaded; stands in no figure of a cold start."""

    def _read(self) -> None:
        for line in self._output:
            self._lines.put(line)
        self._lines.put(None)

    @property
    def pid(self) -> int:
        return self._node.pid

    def loaded(self) -> Self:
        """Wait until the library is loaded, so that the next clock starts without it."""
        loaded = self.first("loaded", 1, LOADED_WITHIN)[""]
        self.loading_seconds = float(loaded["at"]) - self.spawned_at
        return self

    def initialize(self, ids: Sequence[str]) -> float:
        """Start all clients at once. Gives the time at which Node began to."""
        self._tell(start=list(ids))
        return float(self.first("starting", 1, LOADED_WITHIN)[""]["at"])

    def first(self, name: str, count: int, within: float) -> dict[str, dict[str, Any]]:
        """client → its first event of this name, from `count` clients, or from fewer when time is over."""
        found: dict[str, dict[str, Any]] = {}
        deadline = time.monotonic() + within
        failed: set[str] = set()
        while len(found) + len(failed) < count:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if line is None:
                raise RuntimeError(f"the peer ended before its {name}; {self.errors or 'see peer.log'}")
            event: dict[str, Any] = json.loads(line)
            if event["event"] == "error":
                self.errors.append(f"{event['id']}: {event['message'][:500]}")
                if event["id"] is not None:
                    failed.add(event["id"])
            if event["event"] == name:
                found.setdefault(event.get("id", ""), event)
        return found

    def close(self) -> None:
        """Close the browsers in order, so that everything is on disk; then see that nothing is left."""
        marks = processes.identities([self.pid])
        try:
            if self._node.poll() is None:
                self._tell(close=True)
                self._node.wait(CLOSED_WITHIN)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            pass  # killed below; the time was not measured
        finally:
            processes.kill(marks)
            self._node.wait()
            self._reader.join(5)
            for pipe in (self._input, self._output, self._errors):
                pipe.close()

    def _tell(self, **command: object) -> None:
        self._input.write(json.dumps(command) + "\n")
        self._input.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
