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
from functions.metrics import Metrics, open_metrics, share_between_processes
from functions.node_watch import NodeWatch
from functions.retry_schedule import SCHEDULE, next_attempt_at
from functions.webhook_sender import Delivered, Failed, Gone, WebhookSender
from storage import logs
from storage.attempts import Tried
from storage.clock import Clock, SystemClock
from storage.database import Database, bring_up_to_date, open_database
from storage.deliveries import Deliveries
from storage.delivery import Delivery
from storage.errors import ConfigError
from storage.nodes import Nodes
from storage.retention import Retention

log = logging.getLogger(__name__)

SENDERS = 32
"""Webhooks under way at a time. They wait for other people's servers, not for us."""

SLOW_SENDERS = 16
"""Of these, for endpoints that are slow, failing or new. However many hang, the other half is free."""

CLAIM_FOR = timedelta(seconds=60)
"""Longer than an attempt: 10 s on the wire and up to 30 s in a resolver that does not answer."""

LOOK_EVERY_SECONDS = 0.02
"""How often to ask whether somebody wrote: 2 µs a look, and a QR is on its way within 20 ms."""

LONGEST_SLEEP_SECONDS = 1.0
"""Between two looks at the table itself: how late a retry may be, or an endpoint's next chance."""

PRUNE_EVERY_SECONDS = 600.0
"""Between two looks for what is too old."""

PRUNE_AGAIN_SECONDS = 0.5
"""Between two batches while there is more of it: 400 rows of each kind a second, and the lock mostly free."""


class Deliverer:
    """Claims, sends, settles, until it is stopped."""

    def __init__(
        self,
        *,
        database: Database,
        deliveries: Deliveries,
        sender: WebhookSender,
        retention: Retention,
        clock: Clock,
        senders: int = SENDERS,
        slow_senders: int = SLOW_SENDERS,
        claim_for: timedelta = CLAIM_FOR,
        schedule: Sequence[timedelta] = SCHEDULE,
        metrics: Metrics | None = None,
        node_watch: NodeWatch | None = None,
    ) -> None:
        self._database = database
        self._deliveries = deliveries
        self._sender = sender
        self._retention = retention
        self._clock = clock
        self._senders = senders
        self._slow_senders = slow_senders
        self._claim_for = claim_for
        self._schedule = schedule
        self._metrics = metrics or Metrics()
        self._node_watch = node_watch
        self._stopping = threading.Event()
        self._finished = threading.Event()
        self._busy = 0
        self._slow_busy = 0
        self._prune_at = clock.monotonic()
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Claim nothing more; `run` returns when what is under way is settled. Safe in a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Until `stop`."""
        with ThreadPoolExecutor(self._senders, thread_name_prefix="sender") as pool:
            while not self._stopping.is_set():
                try:
                    self._metrics.deliverer_looked(self._clock.now().timestamp())
                    if self._node_watch is not None:
                        self._node_watch.look_when_due()
                    seen = self._database.data_version()
                    if not self._claim(pool.submit):
                        self._prune()
                        self._wait(seen)
                except Exception:
                    log.exception("deliverer_stumbled")
                    self._stopping.wait(LONGEST_SLEEP_SECONDS)

    def run_until_idle(self, within: timedelta) -> int:
        """Send what is due, until nothing is or the time is up; give how many attempts were made.

        For a deliverer that is woken by whoever owes, and that pays for every second.
        """
        until = self._clock.monotonic() + within.total_seconds()
        attempts = 0
        with ThreadPoolExecutor(self._senders, thread_name_prefix="sender") as pool:
            while self._clock.monotonic() < until and not self._stopping.is_set():
                self._finished.clear()
                claimed = self._claim(pool.submit)
                attempts += claimed
                if claimed:
                    continue
                with self._lock:
                    under_way = self._busy
                if not under_way:
                    break
                self._finished.wait(until - self._clock.monotonic())  # the next of a session may be due now
        self._prune()
        return attempts

    def _claim(self, submit: Callable[..., object]) -> int:
        with self._lock:
            free, slow_free = self._senders - self._busy, self._slow_senders - self._slow_busy
        if free <= 0:
            return 0
        claim = self._deliveries.claim_due(free, self._claim_for, slow_free)
        for delivery in claim.deliveries:
            self._count(delivery, 1)
            submit(self._deliver, delivery, claim.token)
        return len(claim.deliveries)

    def _count(self, delivery: Delivery, one: int) -> None:
        assert delivery.sending is not None
        with self._lock:
            self._busy += one
            self._slow_busy += 0 if delivery.sending.quick else one

    def _prune(self) -> None:
        """Forget a batch of what is old, when it is time for that."""
        if self._clock.monotonic() >= self._prune_at:
            more = self._retention.prune()
            self._prune_at = self._clock.monotonic() + (PRUNE_AGAIN_SECONDS if more else PRUNE_EVERY_SECONDS)

    def _wait(self, seen: int | str) -> None:
        """Until somebody wrote, a sender is free again, or it is time for a look or to stop."""
        wake_at = self._clock.monotonic() + LONGEST_SLEEP_SECONDS
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
            self._count(delivery, -1)
            self._finished.set()

    def _attempt(self, delivery: Delivery, token: str) -> None:
        started_at, began = self._clock.now(), self._clock.monotonic()
        result = self._sender.send(delivery)
        took = timedelta(seconds=self._clock.monotonic() - began)
        tried = Tried(
            started_at=started_at,
            took=took,
            status_code=result.status_code,
            error=result.error,
            answer=result.answer,
        )
        fields = {
            "delivery_id": delivery.id,
            "session_id": delivery.session_id,
            "event_type": delivery.type,
            "attempt": delivery.attempts + 1,
            "took_ms": round(took.total_seconds() * 1000, 1),
        }
        match result:
            case Delivered():
                self._deliveries.delivered(delivery, token, tried)
                self._metrics.delivery("delivered", took.total_seconds())
                log.info("delivered", extra=fields)
            case Failed():
                now = self._clock.now()
                next_at = next_attempt_at(
                    delivery.attempts + 1, now, result.retry_after, schedule=self._schedule
                )
                self._deliveries.failed(
                    delivery, token, tried, next_attempt_at=next_at, retry_after=result.retry_after
                )
                self._metrics.delivery("dead" if next_at is None else "failed", took.total_seconds())
                event = "delivery_dead" if next_at is None else "delivery_failed"
                log.warning(event, extra=fields | {"error": result.error, "next_attempt_at": next_at})
            case Gone():
                self._deliveries.gone(delivery, token, tried)
                self._metrics.delivery("gone", took.total_seconds())
                log.warning("endpoint_disabled", extra=fields | {"endpoint_id": delivery.endpoint_id})
            case _:
                assert_never(result)


def make_deliverer(config: FunctionsConfig, database: Database, http: GuardedHttp, clock: Clock) -> Deliverer:
    """A deliverer over an open registry."""
    return Deliverer(
        database=database,
        deliveries=Deliveries(database, clock),
        sender=WebhookSender(http, clock),
        retention=Retention(database, clock, config.events_keep, config.audit_keep, config.ended_keep),
        clock=clock,
        schedule=config.webhook_retry,
        metrics=open_metrics(config.metrics_token),
        node_watch=NodeWatch(Nodes(database, clock), clock, config.lease_ttl),
    )


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    logs.configure(level=os.environ.get("LOG_LEVEL"))
    share_between_processes(os.environ)
    try:
        config = FunctionsConfig.from_env(os.environ)
        database = open_database(config.database_url, keys=config.number_keys)
    except ConfigError as error:
        sys.exit(str(error))
    clock = SystemClock()
    http = GuardedHttp(config.webhook_allow_hosts)
    try:
        bring_up_to_date(database, config.number_keys)
        deliverer = make_deliverer(config, database, http, clock)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: deliverer.stop())
        log.info("deliverer_started", extra={"senders": SENDERS})
        deliverer.run()
        log.info("deliverer_stopped")
    except ConfigError as error:
        sys.exit(str(error))
    finally:
        http.close()
        database.close()


if __name__ == "__main__":
    main()
