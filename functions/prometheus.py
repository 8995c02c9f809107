"""The one door to prometheus_client for the functions: instruments, and the text that Prometheus reads.

Rule: what several processes count is added up from files in a shared directory; what lies in the registry is
read at the moment of the scrape, by whichever process is asked.
"""

from __future__ import annotations

from collections.abc import Iterable

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from prometheus_client.values import MutexValue, ValueClass

from functions.metrics import Metrics
from storage.event_log import Outcome
from storage.events import COMMANDS, EventType
from storage.paintings import Painted
from storage.registry_metrics import RegistryMetrics

REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Seconds: a read takes 1 ms, a warm start 20 ms, a node that hangs is left after 5 s."""
PAINT_BUCKETS = (0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30)
"""Seconds: a page that is opened paints within 250 ms, one that polls within 600 ms; the seeds took 3 s."""
DELIVERY_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Seconds: other people's servers; an attempt is given 10 s on the wire."""

CODES_OF_OURS = ("internal_error", "registry_busy", "node_unreachable")
"""Of problems that no caller can do anything about."""

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class PrometheusMetrics(Metrics):
    """Instruments of this process."""

    def __init__(self) -> None:
        self._own = CollectorRegistry()
        self._requests = Histogram(
            "linkpool_http_request_seconds",
            "How long requests took, by route.",
            ["route", "method", "status"],
            buckets=REQUEST_BUCKETS,
            registry=self._own,
        )
        self._responses = Counter(
            "linkpool_http_responses",
            "Answers by class: for alerts, which miss the first of a series that begins with its fault.",
            ["class"],
            registry=self._own,
        )
        self._not_created = Counter(
            "session_creation_errors",
            "POST /api/sessions that ended with a problem, by its code.",
            ["code"],
            registry=self._own,
        )
        self._events = Counter(
            "linkpool_events_taken",
            "Events of nodes, by what came of them.",
            ["type", "outcome"],
            registry=self._own,
        )
        self._painted = Histogram(
            "linkpool_page_painted_seconds",
            "From when the page was open and a QR, code or number known, to its paint; as pages say.",
            ["what"],
            buckets=PAINT_BUCKETS,
            registry=self._own,
        )
        self._deliveries = Counter(
            "webhook_deliveries", "Attempts to deliver a webhook.", ["outcome"], registry=self._own
        )
        self._failures = Counter(
            "webhook_failures", "Attempts to deliver a webhook that failed.", registry=self._own
        )
        self._delivery_time = Histogram(
            "webhook_delivery_seconds",
            "How long attempts to deliver a webhook took.",
            buckets=DELIVERY_BUCKETS,
            registry=self._own,
        )

        self._deliverer_at: Gauge | None = None
        for code in CODES_OF_OURS:  # from zero, so that the first one is an increase
            self._not_created.labels(code)
        for outcome in ("delivered", "failed", "dead", "gone"):
            self._deliveries.labels(outcome)
        for class_ in ("2xx", "3xx", "4xx", "5xx"):
            self._responses.labels(class_)
        for what in Painted:
            self._painted.labels(what.value)
        for refused in (Outcome.UNKNOWN_SESSION, Outcome.DOES_NOT_FIT):
            for type_ in frozenset(EventType) - COMMANDS:
                self._events.labels(type_.value, refused.value)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        self._requests.labels(route, method, str(status)).observe(seconds)
        self._responses.labels(f"{status // 100}xx").inc()

    def session_not_created(self, code: str) -> None:
        self._not_created.labels(code).inc()

    def event(self, type_: EventType, outcome: Outcome) -> None:
        self._events.labels(type_.value, outcome.value).inc()

    def painted(self, what: Painted, seconds: float) -> None:
        self._painted.labels(what.value).observe(seconds)

    def delivery(self, outcome: str, seconds: float) -> None:
        self._deliveries.labels(outcome).inc()
        self._delivery_time.observe(seconds)
        if outcome != "delivered":
            self._failures.inc()

    def deliverer_looked(self, now: float) -> None:
        if self._deliverer_at is None:  # made by deliverers alone: a worker's zero would look like 1970
            self._deliverer_at = Gauge(
                "webhook_deliverer_timestamp_seconds",
                "When a deliverer last looked for work.",
                multiprocess_mode="max",
                registry=self._own,
            )
        self._deliverer_at.set(now)

    def exposition(self, registry: RegistryMetrics) -> tuple[bytes, str]:
        asked = self._own
        if ValueClass is not MutexValue:  # decided by the environment, when the library was imported
            asked = CollectorRegistry()
            multiprocess.MultiProcessCollector(asked)  # type: ignore[no-untyped-call]
        text = generate_latest(asked) + generate_latest(_of_registry(registry))
        return text, CONTENT_TYPE_LATEST


class _Readings(Collector):
    """Gauges that are read rather than kept."""

    def __init__(self, registry: RegistryMetrics) -> None:
        self._registry = registry

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for family in self._registry.read():
            gauge = GaugeMetricFamily(family.name, family.help, labels=family.labels)
            for values, value in family.samples:
                gauge.add_metric(values, value)
            yield gauge


def _of_registry(registry: RegistryMetrics) -> CollectorRegistry:
    collected = CollectorRegistry()
    collected.register(_Readings(registry))
    return collected


def forget_process(pid: int) -> None:
    """A worker is gone: its gauges mean nothing more. Its counters stay, so that sums never fall."""
    multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
