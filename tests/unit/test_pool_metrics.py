"""What a node counts."""

from prometheus_client.parser import text_string_to_metric_families

from browser_pool.metrics import PoolMetrics
from storage.events import EventType as E
from storage.models import ReasonCode
from storage.models import SessionStatus as S

COLD = {"qr_generation_ms": 1500, "launch_ms": 130, "load_ms": 900, "retrieval_ms": 470}


def value(metrics: PoolMetrics, name: str, **labels: str) -> float:
    text = metrics.exposition()[0].decode()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_the_parts_of_a_cold_start_and_the_whole_of_a_warm_one() -> None:
    metrics = PoolMetrics()
    metrics.event(E.QR_CODE_GENERATED, S.STARTING, COLD)
    metrics.event(E.QR_CODE_GENERATED, S.CREATED, {"qr_generation_ms": 20})
    metrics.event(E.QR_CODE_GENERATED, S.QR_SCANNING, {})  # a refreshed one is no start
    assert value(metrics, "qr_generation_success_total") == 2
    assert value(metrics, "qr_generation_time_seconds_bucket", start="warm", le="0.025") == 1
    assert value(metrics, "qr_generation_time_seconds_sum", start="cold") == 1.5
    assert value(metrics, "qr_load_time_seconds_sum") == 0.9
    assert metrics.pulse.avg_qr_ms == 760


def test_a_failure_before_the_qr_is_one_of_qr_generation_and_a_later_one_is_not() -> None:
    metrics = PoolMetrics()
    metrics.event(E.SESSION_FAILED, S.STARTING, {"reason_code": ReasonCode.LOAD_TIMEOUT})
    metrics.event(E.SESSION_FAILED, S.CONNECTED, {"reason_code": ReasonCode.BROWSER_CRASH})
    assert value(metrics, "qr_generation_failure_total", reason="load_timeout") == 1
    assert value(metrics, "qr_generation_failure_total") == 1
    assert value(metrics, "linkpool_session_failures_total") == 2


def test_numbers_by_the_way_they_were_found() -> None:
    metrics = PoolMetrics()
    number = {"phone_number": "+6281234567890", "phone_extraction_ms": 88}
    metrics.event(E.SESSION_READY, S.AUTHENTICATED, number | {"phone_extraction_method": "me_user"})
    metrics.event(E.SESSION_READY, S.AUTHENTICATED, number | {"phone_extraction_method": "+628 is a secret"})
    metrics.event(E.SESSION_READY, S.AUTHENTICATED, {"phone_number": None})
    assert value(metrics, "phone_extraction_time_seconds_count", method="me_user") == 1
    assert value(metrics, "phone_extraction_time_seconds_count", method="unknown") == 1
    assert value(metrics, "phone_extraction_late_total") == 1
    assert value(metrics, "linkpool_page_lookups_total", lookup="number", outcome="fell_back") == 1
    assert b"628" not in metrics.exposition()[0]


def test_a_lookup_that_nobody_knows_is_no_label() -> None:
    metrics = PoolMetrics()
    metrics.lookup("requestPairingCode of +6281234567890", "missing")
    metrics.lookup("me", "missing")
    assert value(metrics, "linkpool_page_lookups_total") == 1


def test_three_failures_in_a_row_are_unwell_until_a_qr_is_seen() -> None:
    pulse = PoolMetrics().pulse
    for _ in range(3):
        assert pulse.is_well
        pulse.start_failed()
    assert not pulse.is_well
    pulse.qr_shown(None)
    assert pulse.is_well


def test_readings_are_asked_for_at_the_scrape() -> None:
    metrics = PoolMetrics()
    slots = {"live": 1.0, "queued": 0.0}
    metrics.readings = lambda: {("linkpool_slots", "Slots."): slots, ("linkpool_ready", "Ready."): 1.0}
    slots["queued"] = 7
    assert value(metrics, "linkpool_slots", state="queued") == 7
    assert value(metrics, "linkpool_ready") == 1
