"""The walk that `make demo` shows: a link from QR to webhook, then a browser killed and back.

Rule: every step is seen from outside, as a person or a backend would see it, and has a deadline.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from deploy.backend import WorkspaceKeys, create_session
from deploy.http import call
from deploy.receiver import Received
from deploy.scripted_phone import ScriptedPhone
from deploy.settings import Settings
from deploy.waiting import TooLate, eventually
from storage.clock import Clock
from storage.errors import LinkpoolError
from storage.logs import mask_phone
from storage.secret_rules import split_secrets

PHONE_NUMBER = "+6281234567890"
PHONE_NUMBER_ON_PAGE = "+62 812-3456-7890"
BELONGS_TO_ANOTHER_BROWSER = 403
STEP_WITHIN = timedelta(seconds=60)
"""A cold start on a busy machine takes ten; what takes longer is broken."""

Say = Callable[[str], None]
T = TypeVar("T")


class WalkFailed(LinkpoolError):
    """A step did not show what it should."""


class Walk:
    """One session, step by step; `results` collects what each step took."""

    def __init__(
        self, settings: Settings, keys: WorkspaceKeys, phone: ScriptedPhone, clock: Clock, say: Say
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._phone = phone
        self._clock = clock
        self._say = say
        self._session_id = ""
        self._webhooks: list[tuple[Received, float]] = []
        self.link_url = ""
        self.results: list[tuple[str, str]] = []

    def on_webhook(self, received: Received) -> None:
        """Called by the receiver for each webhook with a good signature."""
        self._webhooks.append((received, self._clock.monotonic()))
        who = f"  {mask_phone(received.phone_number)}" if received.phone_number else ""
        self._say(f"    webhook   {received.type:<24} {received.status or ''}{who}")

    async def warm_up(self) -> None:
        """Wait until a browser shows a QR that belongs to nobody yet, when the pool keeps such slots."""
        if self._settings.environ.get("WARM_SLOTS") != "0":
            await self._eventually(self._warm_slot, "the pool has a warm slot")

    async def _warm_slot(self) -> bool | None:
        answer = await call("GET", f"{self._settings.pool_url}/health")
        return True if isinstance(answer.body, dict) and answer.body.get("warm") else None

    async def create(self) -> None:
        """Ask for a session as a backend does, and see its QR on the page."""
        started_at = self._clock.monotonic()
        session = await create_session(self._settings.functions_url, self._keys.api_key, reference="demo")
        self._session_id, self.link_url = session["id"], session["link_url"]
        self._note("session created", started_at)
        self._say(f"\n  open the page:  {self.link_url}\n")
        await self._until(lambda status: status["qr"], "there is a QR")
        await self._see_on_page('id="qr"', "a QR")
        self._note("QR on the page", started_at)

    async def scan(self) -> None:
        """Scan with the scripted phone; see the number on the page and in the webhook."""
        status = await self._until(lambda status: status["qr"], "there is a QR")
        started_at = self._clock.monotonic()
        await self._phone.scan(status["qr"]["text"], PHONE_NUMBER)
        await self._until(_linked, "the phone number is there")
        await self._see_on_page(PHONE_NUMBER_ON_PAGE, "the phone number")
        self._note("scan to phone number on the page", started_at)
        arrived_at = await self._eventually(self._ready_webhook, "session_ready arrives by webhook")
        self._note("scan to verified webhook", started_at, arrived_at)

    async def crash(self) -> None:
        """Kill the browser; see the account come back by itself, without a QR."""
        devices, old_pid = await self._phone.linked_devices(PHONE_NUMBER), await self._browser_pid()
        if old_pid is None:
            raise WalkFailed("the pool does not name the browser of the session")
        started_at = self._clock.monotonic()
        os.kill(old_pid, signal.SIGKILL)
        self._say(f"    killed the browser, process {old_pid}, with kill -9")

        async def new_browser() -> int | None:
            pid = await self._browser_pid()
            return pid if pid != old_pid else None

        await self._eventually(new_browser, "the pool starts another browser")
        await self._until(_linked, "the session is connected again")
        self._note("kill -9 of the browser to connected", started_at)
        if await self._phone.linked_devices(PHONE_NUMBER) != devices or await self._phone.double_runs():
            raise WalkFailed("the account came back as another device, or ran twice at the same time")
        if qrs := self._count("qr_code_generated", since=started_at):
            raise WalkFailed(f"coming back took {qrs} new QRs")
        self.results.append(("new QRs that this took", "none"))

    async def _until(self, fact: Callable[[dict[str, Any]], Any], what: str) -> dict[str, Any]:
        last: dict[str, Any] = {}

        async def look() -> dict[str, Any] | None:
            address = f"{self._settings.functions_url}/api/sessions/{self._session_id}"
            answer = await call("GET", address, token=self._keys.api_key)
            if not isinstance(answer.body, dict) or not answer.ok:
                return None
            last.update(answer.body)
            if answer.body["status"] in {"failed", "expired", "logged_out"}:
                raise WalkFailed(
                    f"the session ended as {answer.body['status']}: {answer.body['reason_code']}"
                )
            return answer.body if fact(answer.body) else None

        try:
            return await self._eventually(look, what)
        except TooLate as late:
            raise WalkFailed(f"{late}; last seen: {last.get('status')}, {last.get('phase')}") from late

    async def _see_on_page(self, text: str, what: str) -> None:
        """What is known is on the page as well; unless somebody has opened it, whose page it is then."""
        page = await call("GET", self._local(self.link_url))
        if page.status != BELONGS_TO_ANOTHER_BROWSER and text not in page.text:
            raise WalkFailed(f"the page does not show {what}: {page.status}")

    async def _ready_webhook(self) -> float | None:
        for received, arrived_at in self._webhooks:
            if received.type == "session_ready" and received.session_id == self._session_id:
                if received.phone_number != PHONE_NUMBER:
                    raise WalkFailed("session_ready came without the phone number")
                return arrived_at
        return None

    def _count(self, event: str, *, since: float) -> int:
        return sum(received.type == event and at >= since for received, at in self._webhooks)

    async def _browser_pid(self) -> int | None:
        secret = split_secrets(self._settings.environ["POOL_SECRET"])[0]
        answer = await call("GET", f"{self._settings.pool_url}/sessions", token=secret)
        sessions = answer.body.get("sessions", []) if isinstance(answer.body, dict) else answer.body or []
        pids = [held.get("browser_pid") for held in sessions if held.get("id") == self._session_id]
        return pids[0] if pids and isinstance(pids[0], int) else None

    async def _eventually(self, fact: Callable[[], Awaitable[T | None]], what: str) -> T:
        return await eventually(fact, self._clock, STEP_WITHIN, what)

    def _local(self, url: str) -> str:
        """PUBLIC_URL may name a host that only others can reach."""
        return url.replace(self._settings.public_url.rstrip("/"), self._settings.functions_url, 1)

    def _note(self, what: str, since: float, until: float | None = None) -> None:
        took_ms = ((self._clock.monotonic() if until is None else until) - since) * 1000
        text = f"{took_ms:.0f} ms" if took_ms < 1000 else f"{took_ms / 1000:.2f} s"
        self.results.append((what, text))
        self._say(f"  {what:<40} {text:>9}")


def _linked(status: dict[str, Any]) -> bool:
    return (status["status"], status["phone_number"]) == ("connected", PHONE_NUMBER)
