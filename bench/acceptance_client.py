"""A backend that asks a deployment for QRs and times them. Rule: what it creates it deletes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import requests

LOOK_EVERY_SECONDS = 0.02
WITHIN_SECONDS = 30.0
"""A QR that takes longer is none; the seeds call 20 s critical."""


@dataclass(frozen=True, kw_only=True)
class Try:
    """One attempt to get a QR."""

    session_id: str | None
    seconds: float | None
    """From the request to a live QR in the API; None when there was none in time."""
    why: str | None = None


class Backend:
    """`with Backend(url, api_key) as backend`: deletes its sessions at the end."""

    def __init__(self, url: str, api_key: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._made: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.delete_all()

    def delete_all(self) -> None:
        """Every session that this backend made."""
        for session_id in self._made:
            with suppress(requests.RequestException):
                self.call("DELETE", f"/api/sessions/{session_id}")
        self._made.clear()

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """One call of the HTTP API."""
        return requests.request(method, self._url + path, headers=self._headers, timeout=30, **more)

    def session(self, session_id: str) -> dict[str, Any]:
        body: dict[str, Any] = self.call("GET", f"/api/sessions/{session_id}").json()
        return body

    def qrs_of(self, session_id: str) -> int:
        """How many QRs its page has shown. By its story: a webhook may come late, or twice."""
        steps = self.call("GET", f"/api/sessions/{session_id}/timeline").json()["steps"]
        return sum(step["times"] for step in steps if step["what"] == "qr_shown")

    def create(self) -> Try:
        """A new account, until its QR is there."""
        began = time.monotonic()
        try:
            answer = self.call("POST", "/api/sessions", json={"reference": "acceptance"})
        except requests.RequestException as error:
            return Try(session_id=None, seconds=None, why=type(error).__name__)
        if answer.status_code not in (201, 202):
            return Try(session_id=None, seconds=None, why=f"{answer.status_code} {answer.text[:200]}")
        session_id: str = answer.json()["id"]
        self._made.append(session_id)
        return self._until_qr(session_id, answer.json(), began, None)

    def regenerate(self, session_id: str) -> Try:
        """Another QR for a session that shows one."""
        shown = self.session(session_id)["qr"]
        began = time.monotonic()
        answer = self.call("POST", f"/api/sessions/{session_id}/qr", json={})
        if not answer.ok:
            return Try(session_id=session_id, seconds=None, why=f"{answer.status_code} {answer.text[:200]}")
        return self._until_qr(session_id, answer.json(), began, shown and shown["text"])

    def at_once(self, count: int) -> list[Try]:
        """So many accounts in the same moment."""
        with ThreadPoolExecutor(count) as threads:
            return list(threads.map(lambda _: self.create(), range(count)))

    def until(self, session_id: str, statuses: tuple[str, ...], within: float = WITHIN_SECONDS) -> str:
        """The status that was reached, or the last one when the time was over."""
        deadline = time.monotonic() + within
        while (status := str(self.session(session_id)["status"])) not in statuses:
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_EVERY_SECONDS)
        return status

    def _until_qr(self, session_id: str, session: dict[str, Any], began: float, not_this: str | None) -> Try:
        while (qr := session.get("qr")) is None or qr["text"] == not_this:
            if time.monotonic() - began > WITHIN_SECONDS:
                where = f"{session.get('status')} ({session.get('reason_code')})"
                return Try(
                    session_id=session_id, seconds=None, why=f"no QR in {WITHIN_SECONDS:g} s; it is {where}"
                )
            time.sleep(LOOK_EVERY_SECONDS)
            session = self.session(session_id)
        return Try(session_id=session_id, seconds=time.monotonic() - began)
