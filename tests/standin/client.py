"""A running stand-in, for tests: starts the process, plays the phone, reads the counters, stops the process.

with StandIn.start(options={"sync_ms": 300}) as standin:
    page.goto(standin.url)
    standin.scan(page.get_attribute("[data-ref]", "data-ref"), "6281234567890")
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

ROOT = Path(__file__).parents[2]
START_WITHIN = 40.0  # seconds; the medium weight is generated before the first line
STOP_WITHIN = 20.0
CALL_WITHIN = 30.0


class PhoneRefused(Exception):
    """The phone API said no. `code` is its reason, `status` the HTTP status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code


class StandIn:
    def __init__(self, process: subprocess.Popen[str], url: str, tls_port: int | None) -> None:
        self.process = process
        self.url = url
        self.tls_port = tls_port
        self._http = requests.Session()

    @classmethod
    def start(
        cls,
        options: dict[str, Any] | None = None,
        *,
        tls: bool = False,
        state_dir: Path | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> Self:
        """Start a stand-in and wait until it serves."""
        with tempfile.TemporaryDirectory(prefix="standin-") as directory:
            port_file = Path(directory) / "ports"
            command = [
                sys.executable,
                "-m",
                "tests.standin",
                "--host",
                host,
                "--port",
                str(port),
                "--port-file",
                str(port_file),
            ]
            command += ["--options", json.dumps(options or {})]
            command += ["--tls-port", "0"] if tls else []
            command += ["--state-dir", str(state_dir)] if state_dir else []
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, text=True)
            try:
                ports = _wait(lambda: _ports(process, port_file), START_WITHIN, "the stand-in serves")
            except BaseException:
                process.kill()
                process.wait()
                raise
        return cls(process, f"http://{host}:{ports[0]}", ports[1] if tls else None)

    @property
    def browser_args(self) -> list[str]:
        """Chromium flags that bring https://web.whatsapp.com here (needs tls=True)."""
        return [
            f"--host-resolver-rules=MAP web.whatsapp.com 127.0.0.1:{self.tls_port}",
            "--ignore-certificate-errors",
        ]

    # -- the phone

    def scan(self, ref_text: str, phone_number: str, pushname: str | None = None) -> dict[str, Any]:
        """Scan the QR. Returns when the site accepted it; the page is linked link_ms later."""
        return self._post("scan", ref_text=ref_text, phone_number=phone_number, pushname=pushname)

    def pair(self, phone_number: str, code: str) -> dict[str, Any]:
        """Enter the pairing code that a page shows for this number."""
        return self._post("pair", phone_number=phone_number, code=code)

    def passkey_done(self, phone_number: str) -> None:
        """The owner confirmed the link with the passkey."""
        self._post("passkey_done", phone_number=phone_number)

    def passkey_cancel(self, phone_number: str) -> None:
        self._post("passkey_cancel", phone_number=phone_number)

    def revoke(self, phone_number: str) -> None:
        """Remove all linked devices of the phone."""
        self._post("revoke", phone_number=phone_number)

    def conflict(self, phone_number: str) -> None:
        """Open the phone's device elsewhere."""
        self._post("conflict", phone_number=phone_number)

    def drop(self, phone_number: str | None = None) -> None:
        """Cut the sockets of one phone, or all of them."""
        self._post("drop", phone_number=phone_number)

    def offline(self, phone_number: str, seconds: float) -> None:
        """Cut the phone's sockets and refuse new ones for a while."""
        self._post("offline", phone_number=phone_number, seconds=seconds)

    # -- looking

    def state(self, phone_number: str) -> dict[str, Any]:
        """The phone's devices: each with linked, pages, state (CONNECTED, …, away, revoked)."""
        return self._call("GET", "state", params={"phone_number": phone_number})

    def speaking(self, within: float = 1.0) -> dict[str, bool]:
        """Phone number (digits) of every linked device → whether a page that runs speaks for it."""
        answer: dict[str, bool] = self._call("GET", "speaking", params={"within": within})["speaking"]
        return answer

    def stats(self) -> dict[str, Any]:
        return self._call("GET", "stats")

    def options(self, **changes: Any) -> dict[str, Any]:
        """All options; with arguments, changes them first."""
        return self._call("PATCH", "options", json=changes) if changes else self._call("GET", "options")

    def wait_for(self, fact: Callable[[], Any], what: str, within: float = 10.0) -> Any:
        """The first true answer of `fact`, asked again until the deadline."""
        return _wait(fact, within, what)

    # -- life

    def close(self) -> None:
        """Stop the process. Twice is fine."""
        self._http.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        if self.process.returncode:
            raise RuntimeError(f"stand-in ended with {self.process.returncode}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _post(self, action: str, **body: Any) -> dict[str, Any]:
        return self._call(
            "POST", action, json={key: value for key, value in body.items() if value is not None}
        )

    def _call(self, method: str, action: str, **kwargs: Any) -> dict[str, Any]:
        answer = self._http.request(method, f"{self.url}/phone/{action}", timeout=CALL_WITHIN, **kwargs)
        body: dict[str, Any] = answer.json()
        if answer.status_code >= 400:
            raise PhoneRefused(answer.status_code, body["error"], body["message"])
        return body


def _ports(process: subprocess.Popen[str], port_file: Path) -> list[int] | None:
    if process.poll() is not None:
        raise RuntimeError(f"stand-in ended with {process.returncode} before it served")
    return [int(line) for line in port_file.read_text().split()] if port_file.exists() else None


def _wait(fact: Callable[[], Any], within: float, what: str) -> Any:
    deadline = time.monotonic() + within
    while True:
        if answer := fact():
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {within} s until {what}")
        time.sleep(0.02)
