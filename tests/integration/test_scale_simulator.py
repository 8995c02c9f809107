"""The simulator of bench/scale on a small fleet: what it says of large ones rests on this."""

from pathlib import Path

from bench.scale.fleet import Fleet
from bench.scale.walk import LEASE_TTL, METRICS_TOKEN, Size, Walk
from bench.scale.watch import Watch
from tests.fakes.functions import POOL_SECRET
from tests.fakes.processes import Gunicorn
from tests.postgres import PostgresServer


def test_every_session_is_placed_and_those_of_lost_and_leaving_nodes_are_begun_elsewhere_once(
    postgres: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    environ = {
        "DATABASE_URL": postgres_url,
        "LEASE_TTL_SECONDS": str(LEASE_TTL.total_seconds()),
        "LIMITS_STATE": "off",
        "METRICS_TOKEN": METRICS_TOKEN,
    }
    with Gunicorn(tmp_path, **environ) as gunicorn:
        fleet = Fleet(gunicorn.port, POOL_SECRET)
        watch = Watch(postgres_url, gunicorn.popen.pid, postgres.pid, fleet)
        try:
            size = Size(sessions=50, nodes=5, linking=10, replaced=1)
            costs = {cost.what: cost for cost in Walk(postgres_url, fleet, watch, size).walk()}
        finally:
            fleet.close()
            watch.close()
    assert costs["create to QR"].units == 10
    assert costs["a node lost"].units >= 10
    assert costs["a region lost"].units >= 10
    assert costs["a part of the fleet replaced"].units >= 10
