"""Health in the shape that was agreed on."""

from tests.fakes import fixtures
from tests.fakes.databases import rows
from tests.fakes.functions import Backend, LocalFunctions
from tests.fakes.pool import FakePool

functions = fixtures.functions
backend = fixtures.backend
idle_pool = fixtures.idle_pool
pool = fixtures.pool


def test_health_has_the_agreed_shape(functions: LocalFunctions, backend: Backend, pool: FakePool) -> None:
    linked, _ = backend.create(), backend.create()
    pool.scan(linked["id"])
    pool.relay(functions.send)
    health = functions.client.get("/health").get_json()
    assert health["status"] == "healthy"
    assert health["uptime"] >= 0
    assert health["memory"]["rss"] > 10**6
    assert health["sessions"] == {"active": 2, "authenticated": 1, "qr_scanning": 1}
    assert health["performance"] == {"avg_qr_time_ms": 41.0, "avg_phone_extraction_ms": 88.0}
    (node,) = health["nodes"]
    assert (node["index"], node["alive"], node["capacity"], node["sandbox"]) == (0, True, 10, True)


def test_health_of_the_accounts_has_the_agreed_shape(
    functions: LocalFunctions, backend: Backend, pool: FakePool
) -> None:
    empty = functions.client.get("/health/whatsapp").get_json()
    assert empty["accounts"] == {"connected": 0, "total": 0, "success_rate": 0}
    linked, _, deleted = (backend.create()["id"] for _ in range(3))
    backend.delete(f"/api/sessions/{deleted}")
    pool.scan(linked)
    pool.relay(functions.send)
    accounts = functions.client.get("/health/whatsapp").get_json()["accounts"]
    assert accounts == {"connected": 1, "total": 2, "success_rate": 50.0}


def test_without_a_node_it_is_degraded_but_ready_to_take_sessions(functions: LocalFunctions) -> None:
    assert functions.client.get("/health").get_json()["status"] == "degraded"
    ready = functions.client.get("/readyz")
    assert (ready.status_code, ready.get_json()) == (200, {"status": "ready", "live_nodes": 0})


def test_a_registry_that_does_not_answer_is_not_ready(functions: LocalFunctions) -> None:
    rows(functions.services.database, "ALTER TABLE sessions RENAME TO elsewhere")
    assert functions.client.get("/readyz").status_code == 503
    assert functions.client.get("/livez").status_code == 200
