"""The one door to prometheus_client for the node: what it counts, and the text that Prometheus reads.

Rule: no session, workspace, number, ref or address may become a label; labels come from our own enums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from browser_pool.facts import LOOKUPS, OUTCOMES
from browser_pool.pulse import Pulse
from storage.events import EventType
from storage.models import ReasonCode, SessionStatus

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 8, 10, 12, 15, 20, 30, 60)
"""From a warm QR (20 ms) over a cold one (1.5 s) to the seeds' thresholds (8, 12, 15, 20 s) and deadlines."""
LAG_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
MB = 1024 * 1024
PSS_BYTES = tuple(size * MB for size in (50, 75, 100, 125, 150, 200, 250, 300, 400, 500, 600, 800, 1200))
CPU_RATIO = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 4)
SNAPSHOT_BYTES = tuple(size * 1024 for size in (16, 64, 256, 1024, 4096, 16384, 65536))
METHODS = ("me_user", "conn_serialized", "conn_me", "conn_wid", "unknown")
PARTS = ("launch", "load", "retrieval")
_BEFORE_QR = frozenset({SessionStatus.CREATED, SessionStatus.QUEUED, SessionStatus.STARTING})
_REASONS = frozenset(reason.value for reason in ReasonCode)

Readings = Mapping[tuple[str, str], float | Mapping[str, float]]
"""(name, help) to a value, or to values by `state`; read when somebody asks."""

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class PoolMetrics:
    """One for the node. `readings` is set by the composition root."""

    def __init__(self) -> None:
        self.readings: Callable[[], Readings] = dict
        self.pulse = Pulse()
        own = self._own = CollectorRegistry()

        def counter(name: str, help_: str, *labels: str) -> Counter:
            return Counter(name, help_, labels, registry=own)

        def histogram(name: str, help_: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, help_, labels, buckets=buckets, registry=own)

        self._qr = histogram(
            "qr_generation_time_seconds", "From the wish to the first QR, warm or cold.", SECONDS, "start"
        )
        self._parts = {
            part: histogram(f"qr_{part}_time_seconds", f"Of a cold start: {part}.", SECONDS) for part in PARTS
        }
        self._qr_good = counter("qr_generation_success", "Starts that showed a QR.")
        self._qr_bad = counter("qr_generation_failure", "Starts that failed before any QR.", "reason")
        self._phone = histogram(
            "phone_extraction_time_seconds", "From the scan to the number.", SECONDS, "method"
        )
        self._phone_late = counter("phone_extraction_late", "Links that were connected without a number.")
        self._events = counter("linkpool_session_events", "Events of sessions on this node.", "type")
        self._failures = counter("linkpool_session_failures", "Sessions that ended as failed.", "reason")
        self._browsers = counter("linkpool_browser_failures", "Browsers that had to be replaced.", "reason")
        self._lookups = counter(
            "linkpool_page_lookups", "Lookups in WhatsApp's page, and what came of them.", "lookup", "outcome"
        )
        self._pss = histogram("linkpool_slot_pss_bytes", "Memory of a slot at each look.", PSS_BYTES)
        self._cpu = histogram("linkpool_slot_cpu_ratio", "Cores a slot used between two looks.", CPU_RATIO)
        self._saved = counter("linkpool_snapshots_saved", "Snapshots that were saved.")
        self._not_saved = counter("linkpool_snapshot_failures", "Tries to save a snapshot that failed.")
        self._new_bytes = counter("linkpool_snapshot_new_bytes", "Bytes sent to the store for snapshots.")
        self._sizes = histogram("linkpool_snapshot_size_bytes", "Size of saved snapshots.", SNAPSHOT_BYTES)
        self._restores = counter("linkpool_restores", "Logins brought back from the store.", "outcome")
        self._lag = histogram("linkpool_event_loop_lag_seconds", "How late the event loop was.", LAG_SECONDS)
        self._canary = counter("linkpool_canary_runs", "Looks of the canary at WhatsApp's page.", "outcome")
        self._canary_at = Gauge(
            "linkpool_canary_success_timestamp_seconds", "When the canary last saw a QR.", registry=own
        )
        self._canary_time = histogram(
            "linkpool_canary_qr_seconds", "Cold start to QR of the canary.", SECONDS
        )
        self._drills = counter("linkpool_drills", "Snapshots that were opened to see them work.", "outcome")
        own.register(_Readings(lambda: self.readings()))
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """So that the first failure is an increase, and an absent series means an absent node."""
        for lookup in LOOKUPS:
            for outcome in OUTCOMES:
                self._lookups.labels(lookup, outcome)
        for reason in ReasonCode:
            self._qr_bad.labels(reason.value)
            self._browsers.labels(reason.value)
        for outcome in ("restored", "failed"):
            self._restores.labels(outcome)
        for outcome in ("good", "bad"):
            self._canary.labels(outcome)
        for outcome in ("passed", "failed", "not_held"):
            self._drills.labels(outcome)

    def event(self, type_: EventType, before: SessionStatus, data: Mapping[str, Any]) -> None:
        """A session's event was written to the outbox."""
        self._events.labels(type_.value).inc()
        match type_:
            case EventType.QR_CODE_GENERATED if "qr_generation_ms" in data:
                self._qr_good.inc()
                self._qr.labels("cold" if "load_ms" in data else "warm").observe(
                    data["qr_generation_ms"] / 1000
                )
                self.start_parts(data)
                self.pulse.qr_shown(data["qr_generation_ms"])
            case EventType.SESSION_READY | EventType.PHONE_RESOLVED:
                self._number(data)
            case EventType.SESSION_FAILED:
                reason = _reason(data)
                self._failures.labels(reason).inc()
                if before in _BEFORE_QR:
                    self._qr_bad.labels(reason).inc()
                if reason in (ReasonCode.RESTORE_CORRUPT.value, ReasonCode.RESTORE_MISSING.value):
                    self._restores.labels("failed").inc()
            case EventType.SESSION_RESTORED:
                self._restores.labels("restored").inc()
            case EventType.SNAPSHOT_SAVED:
                self._saved.inc()
                self._new_bytes.inc(data.get("new_bytes", 0))
                self._sizes.observe(data.get("size_bytes", 0))

    def start_parts(self, data: Mapping[str, Any]) -> None:
        """Where the time of a cold start went; also of a warm slot's, which is nobody's event."""
        for part, histogram in self._parts.items():
            if f"{part}_ms" in data:
                histogram.observe(data[f"{part}_ms"] / 1000)

    def _number(self, data: Mapping[str, Any]) -> None:
        if data.get("phone_number") is None:
            self._phone_late.inc()
        elif "phone_extraction_ms" in data:
            method = data.get("phone_extraction_method")
            method = method if method in METHODS else "unknown"
            self._phone.labels(method).observe(data["phone_extraction_ms"] / 1000)
            self.pulse.phone_found(data["phone_extraction_ms"])
            self.lookup("number", "found" if method == "me_user" else "fell_back")

    def lookup(self, name: str, outcome: str) -> None:
        """Something was looked up in the page. What whatsapp.js does not know is no label."""
        if name in LOOKUPS and outcome in OUTCOMES:
            self._lookups.labels(name, outcome).inc()

    def browser_failed(self, reason: ReasonCode) -> None:
        """A slot could not go on."""
        self._browsers.labels(reason.value).inc()
        self.pulse.start_failed()

    def slot_used(self, pss_bytes: int, cpu_ratio: float | None) -> None:
        """One slot at one look; the ratio is unknown at the first."""
        self._pss.observe(pss_bytes)
        if cpu_ratio is not None:
            self._cpu.observe(cpu_ratio)

    def snapshot_failed(self) -> None:
        """A login could not be saved; it will be tried again."""
        self._not_saved.inc()

    def drill(self, outcome: str) -> None:
        """Of a snapshot: passed, failed, not_held."""
        self._drills.labels(outcome).inc()

    def loop_was_late(self, seconds: float) -> None:
        """How long something kept the event loop."""
        self._lag.observe(seconds)

    def canary(self, *, good: bool, qr_seconds: float | None, now: float) -> None:
        """What the canary came back with."""
        self._canary.labels("good" if good else "bad").inc()
        if qr_seconds is not None:
            self._canary_time.observe(qr_seconds)
            self._canary_at.set(now)

    def exposition(self) -> tuple[bytes, str]:
        """Everything, in Prometheus' text form, and its content type."""
        return generate_latest(self._own), CONTENT_TYPE_LATEST


class _Readings(Collector):
    def __init__(self, read: Callable[[], Readings]) -> None:
        self._read = read

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for (name, help_), value in self._read().items():
            if isinstance(value, Mapping):
                gauge = GaugeMetricFamily(name, help_, labels=["state"])
                for state, number in value.items():
                    gauge.add_metric([state], number)
            else:
                gauge = GaugeMetricFamily(name, help_)
                gauge.add_metric([], value)
            yield gauge

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing: the parts that are read are not made yet when this is registered."""
        return ()


def _reason(data: Mapping[str, Any]) -> str:
    reason = str(data.get("reason_code"))
    return reason if reason in _REASONS else "other"
