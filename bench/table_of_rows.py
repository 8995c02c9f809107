"""Every row there is, in the order of the table: what, the seeds' figure, the target, the peer's nearest."""

from __future__ import annotations

from collections.abc import Sequence

from bench.rows import Limit, RowSpec, Target, Unit

RESTART = "its restart to ready"
COLD_START = "its cold start: it has no warm one"
COLD_RATIO = {1: 0.75, 10: 0.5}
MEMORY_RATIO = {10: 0.55}


def row_specs(sessions: Sequence[int]) -> list[RowSpec]:
    """For these numbers of sessions at once."""
    return [
        *_creating(sessions),
        *_linking(sessions),
        *_restarting(sessions),
        *_costs(sessions),
        *_elsewhere(),
    ]


def all_metrics() -> frozenset[str]:
    """What `--only` understands."""
    return frozenset(spec.metric for spec in row_specs([1]) if spec.measured_by is None)


def _creating(sessions: Sequence[int]) -> list[RowSpec]:
    return [
        RowSpec(
            metric="warm",
            what="POST /api/sessions to a live QR in the answer, warm",
            seeds="7 to 9 s",
            target=Target(limit=Limit.P95, most=0.050),
            peer_metric="cold",
            peer_note=COLD_START,
        ),
        RowSpec(
            metric="qr_painted",
            what="page opened to QR painted in a real browser, warm",
            seeds="7 to 9 s + poll 0 to 3 s",
            target=Target(limit=Limit.P95, most=0.250),
        ),
        *(
            RowSpec(
                metric="cold",
                what="cold start to QR, " + _at_once(count),
                sessions=count,
                seeds="7 to 9 s",
                target=_ratio(COLD_RATIO.get(count)),
                peer_metric="cold",
            )
            for count in sessions
        ),
    ]


def _linking(sessions: Sequence[int]) -> list[RowSpec]:
    return [
        RowSpec(
            metric="number",
            what="phone number in the registry after it exists in WhatsApp's page",
            seeds="3 to 4 s",
            target=Target(limit=Limit.P95, most=0.150),
            peer_metric="number",
            peer_note="its ready, the first event that tells the number",
        ),
        RowSpec(
            metric="number_painted",
            what="the same until it is painted on the hosted page",
            seeds="3 to 4 s + poll 0 to 3 s",
            target=Target(limit=Limit.P95, most=0.600),
        ),
        RowSpec(
            metric="number_webhook",
            what="the same until it is in a webhook that the backend has received",
            seeds="3 to 4 s + 0.5 s + 0.5 s",
        ),
        *(
            RowSpec(
                metric="link",
                what="scan to linked with number, " + _at_once(count),
                sessions=count,
                seeds="3 to 4 s after the scan was accepted",
                peer_metric="link",
                peer_note="its ready",
            )
            for count in sessions
        ),
    ]


def _restarting(sessions: Sequence[int]) -> list[RowSpec]:
    kept = [
        RowSpec(
            metric="kept",
            what="pool restart to usable, browsers kept, " + _held(count),
            sessions=count,
            seeds="3 to 5 s each",
            target=Target(limit=Limit.WORST, most=1.0),
            peer_metric="restart",
            peer_note=RESTART,
        )
        for count in sessions
    ]
    lost = [
        RowSpec(
            metric="lost",
            what="pool restart to usable, browsers lost, " + _held(count),
            sessions=count,
            seeds="3 to 5 s each",
            target=_ratio(0.6),
            peer_metric="restart",
            peer_note=RESTART,
        )
        for count in sessions
    ]
    wake = RowSpec(
        metric="wake",
        what="wake from hibernation to connected",
        seeds="3 to 5 s",
        peer_metric="restart",
        peer_note=RESTART,
    )
    return [*kept, *lost, wake]


def _costs(sessions: Sequence[int]) -> list[RowSpec]:
    memory = [
        RowSpec(
            metric="memory",
            what="PSS per linked session, " + _held(count),
            sessions=count,
            unit=Unit.BYTES,
            seeds="330 to 450 MB",
            target=_ratio(MEMORY_RATIO.get(count)),
            peer_metric="memory",
        )
        for count in sessions
    ]
    hibernated = RowSpec(
        metric="hibernated",
        what="PSS of the browsers of a hibernated session",
        unit=Unit.BYTES,
        target=Target(limit=Limit.WORST, most=0.0),
    )
    cpu = [
        RowSpec(
            metric="cpu",
            what="CPU from create to linked and synced, " + _held(count),
            sessions=count,
            peer_metric="cpu",
        )
        for count in sessions
    ]
    reads = [
        RowSpec(metric="reads_api", what="GET /api/sessions/{id}", unit=Unit.PER_SECOND),
        RowSpec(metric="reads_page", what="GET /link/{token}/status", unit=Unit.PER_SECOND),
    ]
    traffic = [
        RowSpec(
            metric="s3_bytes",
            what="bytes to S3 after one small write to a profile of 30 MB",
            unit=Unit.BYTES,
            seeds="whole profile, 50 to 100 MB",
            target=Target(limit=Limit.P95, most=150_000),
        ),
        RowSpec(
            metric="s3_requests",
            what="requests to S3 for it",
            unit=Unit.REQUESTS,
            target=Target(limit=Limit.WORST, most=6),
        ),
        RowSpec(
            metric="s3_idle",
            what="requests to S3 when nothing changed",
            unit=Unit.REQUESTS,
            target=Target(limit=Limit.WORST, most=0),
        ),
    ]
    lost = RowSpec(
        metric="lost_machine",
        what="machine lost with 20 linked sessions: back from snapshots and usable, no QR",
        sessions=20,
    )
    polls = [
        RowSpec(
            metric="poll_cpu",
            what=f"CPU of the functions for one poll of a hosted page, {count:,} pages open",
            sessions=count,
            target=Target(limit=Limit.MEDIAN, most=0.001),
        )
        for count in (50, 1000)
    ]
    answered = RowSpec(
        metric="poll_answer",
        what="poll to its answer, 1,000 pages open, one gunicorn on one core",
        sessions=1000,
        target=Target(limit=Limit.P95, most=0.100),
    )
    return [*memory, hibernated, *cpu, *reads, *polls, answered, *traffic, lost]


def _elsewhere() -> list[RowSpec]:
    return [
        RowSpec(
            metric="node_killed", what="node killed, sessions back elsewhere", measured_by="`make matrix`"
        ),
        RowSpec(
            metric="success",
            what="success of links with faults",
            seeds="98 to 100 %",
            measured_by="`make soak`",
        ),
    ]


def _ratio(most: float | None) -> Target | None:
    return None if most is None else Target(limit=Limit.RATIO, most=most)


def _at_once(count: int) -> str:
    return "alone" if count == 1 else f"{count} at once"


def _held(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"
