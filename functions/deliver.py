"""The deliverer: `python -m functions.deliver` sends the webhooks that are owed. A composition root.

Rule: a delivery is claimed before it is sent and settled after; a deliverer that is killed in between loses
its claim by time, and the webhook is sent again under the same webhook-id.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import assert_never

from functions.config import FunctionsConfig
from functions.guarded_http import GuardedHttp
from functions.retry_schedule import SCHEDULE, next_attempt_at
from functions.webhook_sender import Delivered, Failed, Gone, WebhookSender
from storage import logs
from storage.clock import Clock, SystemClock
from storage.database import Database
from storage.deliveries import Deliveries, Delivery
from storage.errors import ConfigError

log = logging.getLogger(__name__)

SENDERS = 16
"""Webhooks under way at a time. They wait for other people's servers, not for us."""

CLAIM_FOR = timedelta(seconds=60)
"""Longer than an attempt: 10 s on the wire and up to 30 s in a resolver that does not answer."""

LOOK_EVERY_SECONDS = 0.02
"""How often to ask whether somebody wrote: 2 µs a look, and a QR is on its way within 20 ms."""

LONGEST_SLEEP_SECONDS = 1.0
"""Between two looks at the table itself, in case that a look at the version missed something."""


class Deliverer:
    """Claims, sends, settles, until it is stopped."""

    def __init__(
        self,
        *,
        database: Database,
        deliveries: Deliveries,
        sender: WebhookSender,
        clock: Clock,
        senders: int = SENDERS,
        claim_for: timedelta = CLAIM_FOR,
        schedule: Sequence[timedelta] = SCHEDULE,
    ) -> None:
        self._database = database
        self._deliveries = deliveries
        self._sender = sender
        self._clock = clock
        self._senders = senders
        self._claim_for = claim_for
        self._schedule = schedule
        self._stopping = threading.Event()
        self._finished = threading.Event()
        self._busy = 0
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Claim nothing more; `run` returns when what is under way is settled. Safe in a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Until `stop`."""
        with ThreadPoolExecutor(self._senders, thread_name_prefix="sender") as pool:
            while not self._stopping.is_set():
                try:
                    seen = self._database.data_version()
                    if not self._claim(pool.submit):
                        self._wait(seen)
                except Exception:
                    log.exception("deliverer_stumbled")
                    self._stopping.wait(LONGEST_SLEEP_SECONDS)

    def _claim(self, submit: Callable[..., object]) -> int:
        free = self._senders - self._busy
        if free <= 0:
            return 0
        claim = self._deliveries.claim_due(free, self._claim_for)
        for delivery in claim.deliveries:
            with self._lock:
                self._busy += 1
            submit(self._deliver, delivery, claim.token)
        return len(claim.deliveries)

    def _wait(self, seen: int) -> None:
        """Until somebody wrote, a sender is free again, an attempt is due, or it is time to stop."""
        due_at = self._deliveries.next_attempt_at()
        sleep = LONGEST_SLEEP_SECONDS
        if due_at is not None:
            sleep = min(sleep, max(0.0, (due_at - self._clock.now()).total_seconds()))
        wake_at = self._clock.monotonic() + max(sleep, LOOK_EVERY_SECONDS)
        while self._clock.monotonic() < wake_at and not self._stopping.is_set():
            if self._finished.wait(LOOK_EVERY_SECONDS):
                self._finished.clear()
                return
            if self._database.data_version() != seen:
                return

    def _deliver(self, delivery: Delivery, token: str) -> None:
        """In a thread of the pool: one attempt and what came of it."""
        try:
            self._attempt(delivery, token)
        except Exception:
            log.exception("delivery_broke", extra={"delivery_id": delivery.id})
        finally:
            with self._lock:
                self._busy -= 1
            self._finished.set()

    def _attempt(self, delivery: Delivery, token: str) -> None:
        began = self._clock.monotonic()
        result = self._sender.send(delivery)
        fields = {
            "delivery_id": delivery.id,
            "session_id": delivery.session_id,
            "event_type": delivery.type,
            "attempt": delivery.attempts + 1,
            "took_ms": round((self._clock.monotonic() - began) * 1000, 1),
        }
        match result:
            case Delivered():
                self._deliveries.delivered(delivery, token, result.status_code)
                log.info("delivered", extra=fields)
            case Failed():
                now = self._clock.now()
                next_at = next_attempt_at(
                    delivery.attempts + 1, now, result.retry_after, schedule=self._schedule
                )
                self._deliveries.failed(
                    delivery,
                    token,
                    error=result.error,
                    status_code=result.status_code,
                    next_attempt_at=next_at,
                )
                event = "delivery_dead" if next_at is None else "delivery_failed"
                log.warning(event, extra=fields | {"error": result.error, "next_attempt_at": next_at})
            case Gone():
                self._deliveries.disable_endpoint(delivery.endpoint_id, "the receiver answered 410 Gone")
                log.warning("endpoint_disabled", extra=fields | {"endpoint_id": delivery.endpoint_id})
            case _:
                assert_never(result)


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    logs.configure()
    try:
        config = FunctionsConfig.from_env(os.environ)
        database = Database(config.database_url)
    except ConfigError as error:
        sys.exit(str(error))
    clock = SystemClock()
    http = GuardedHttp(config.webhook_allow_hosts)
    try:
        database.migrate()
        deliverer = Deliverer(
            database=database,
            deliveries=Deliveries(database, clock),
            sender=WebhookSender(http, clock),
            clock=clock,
            schedule=config.webhook_retry,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: deliverer.stop())
        log.info("deliverer_started", extra={"senders": SENDERS})
        deliverer.run()
        log.info("deliverer_stopped")
    finally:
        http.close()
        database.close()


if __name__ == "__main__":
    main()
