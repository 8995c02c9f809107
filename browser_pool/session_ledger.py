"""What a session said, and what a restarted pool must remember of it, written in one transaction.

Whatever dies next, the outbox and the journal agree.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from browser_pool.journal import BrowserMark, JournalEntry
from browser_pool.link_state import LinkState
from browser_pool.outcome import Report
from browser_pool.pool_db import transaction
from browser_pool.profile import Profile
from browser_pool.start_timer import StartTimer
from browser_pool.workshop import Workshop
from storage.events import EventType
from storage.models import Phase, SessionStatus
from storage.node_protocol import SessionSpec

log = logging.getLogger(__name__)

PASSING = frozenset(
    {
        EventType.QR_CODE_GENERATED,
        EventType.PAIRING_CODE_GENERATED,
        EventType.SESSION_QUEUED,
        EventType.SESSION_STARTING,
        EventType.SESSION_PROGRESSED,
    }
)
"""A power cut that takes one of these has taken the browser it tells of as well."""


class Ledger(Protocol):
    """Where a browser run writes what it sees: a session's events, or nothing durable for a warm slot."""

    mark: BrowserMark | None
    phase: Phase | None
    timer: StartTimer

    @property
    def name(self) -> str:
        """For log lines: the session's id, or the warm slot's."""

    @property
    def workspace(self) -> str:
        """Whose turn in the start queue a start takes."""

    def write(self, report: Report) -> None:
        """Take one event."""


class SessionLedger:
    """Writes one session's events; `mark` is the browser to be found again."""

    def __init__(
        self,
        shop: Workshop,
        link: LinkState,
        profile: Profile,
        spec: SessionSpec,
        mark: BrowserMark | None,
    ) -> None:
        self.spec = spec
        self.mark = mark
        self._profile = profile
        self.phase: Phase | None = None
        self.timer = StartTimer(shop.clock)
        self._shop = shop
        self._link = link
        self._changed = asyncio.Event()
        self._let_go = False
        self.heard: Callable[[Report], None] = lambda _: None
        """Told of each event after it was written."""

    @property
    def name(self) -> str:
        return self.spec.id

    @property
    def workspace(self) -> str:
        return self.spec.workspace_id

    def write(self, report: Report) -> None:
        """One event, durable when this returns."""
        if report.type is EventType.QR_CODE_GENERATED:
            report.data.update(self.timer.first_qr())
            self.phase = Phase.WAITING_FOR_SCAN
        elif "phase" in report.data:
            self.phase = Phase(report.data["phase"])
        elif report.type is EventType.SESSION_READY:
            self.phase = None
        with transaction(self._shop.db, passing=report.type in PASSING):
            event = self._shop.outbox.append(self.spec.id, self.spec.generation, report.type, report.data)
            self.remember()
        log.info(
            "session_event",
            extra={
                "session_id": self.spec.id,
                "event_id": event.id,
                "type": report.type.value,
                "from": report.before.value,
                "to": report.after.value,
                "reason_code": report.data.get("reason_code"),
                "phase": report.data.get("phase"),
            },
        )
        self._shop.metrics.event(report.type, report.before, report.data)
        self.stir()
        self.heard(report)

    def remember(self) -> None:
        """The journal entry alone: a browser came or went."""
        if not self._let_go:
            self._shop.journal.save(self.entry())

    def let_go(self) -> None:
        """From now on the row in the journal is nobody's, or that of who runs the session next. What still
        comes, as of a snapshot that was under way, is told and not remembered: a deleted session's row came
        back, and with it, at the next start of the pool, its browser."""
        self._let_go = True

    def entry(self) -> JournalEntry:
        """What the next pool process has to know."""
        asleep = self._link.status is SessionStatus.HIBERNATED and self.mark is None
        return JournalEntry(
            spec=self.spec,
            status=self._link.status,
            phone_number=self._link.phone_number,
            profile=self._profile.name,
            ref=self._link.last_ref,
            browser=self.mark,
            hibernated_at=self._shop.clock.now() if asleep else None,
        )

    def stir(self) -> None:
        """Wake whoever waits in `wait_until`."""
        self._changed.set()

    async def wait_until(self, reached: Callable[[], bool]) -> None:
        """Return when an event made this true; the caller bounds the wait."""
        while not reached():
            self._changed.clear()
            await self._changed.wait()
