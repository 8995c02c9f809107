"""Health, in the shape the seeds agreed on, and probes for whoever runs the process.

Rule: counts, averages and nodes only. Nothing here names a workspace, a session or a phone number.
"""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify

from functions.core_services import CoreServices
from storage.models import LINKED, LINKING, SessionStatus

_KILOBYTE = 1024
_PAGE_BYTES = resource.getpagesize()
_AUTHENTICATED = LINKED | {SessionStatus.AUTHENTICATED}


def health_routes(services: CoreServices) -> Blueprint:
    """GET /health, /health/whatsapp, /livez, /readyz, /metrics."""
    routes = _Routes(services)
    blueprint = Blueprint("health", __name__)
    blueprint.add_url_rule("/health", "health", routes.health)
    blueprint.add_url_rule("/health/whatsapp", "whatsapp", routes.whatsapp)
    blueprint.add_url_rule("/livez", "livez", routes.livez)
    blueprint.add_url_rule("/readyz", "readyz", routes.readyz)
    blueprint.add_url_rule("/metrics", "metrics", routes.metrics)
    return blueprint


class _Routes:
    """The handlers, with what they need."""

    def __init__(self, services: CoreServices) -> None:
        self._services = services
        self._started = services.clock.monotonic()

    def health(self) -> Response:
        counts = self._services.registry.sessions.counts()
        timings = self._services.registry.sessions.average_timings()
        nodes = self._nodes()
        return jsonify(
            status=_status(nodes),
            uptime=round(self._services.clock.monotonic() - self._started, 3),
            memory=_memory(),
            sessions={
                "active": sum(counts.get(status, 0) for status in LINKED | LINKING),
                "authenticated": sum(counts.get(status, 0) for status in _AUTHENTICATED),
                "qr_scanning": counts.get(SessionStatus.QR_SCANNING, 0),
            },
            performance={
                "avg_qr_time_ms": _rounded(timings["qr_generation_ms"]),
                "avg_phone_extraction_ms": _rounded(timings["phone_extraction_ms"]),
            },
            nodes=nodes,
        )

    def whatsapp(self) -> Response:
        counts = self._services.registry.sessions.counts()
        connected = counts.get(SessionStatus.CONNECTED, 0)
        total = sum(number for status, number in counts.items() if status is not SessionStatus.DELETED)
        return jsonify(
            status=_status(self._nodes()),
            accounts={
                "connected": connected,
                "total": total,
                "success_rate": round(connected / total * 100, 2) if total else 0,
            },
        )

    def livez(self) -> Response:
        """The process answers. It asks nothing else, so that a slow disk gets nobody killed."""
        return jsonify(status="alive")

    def readyz(self) -> Response:
        """The registry answers. Nodes are not asked for: without one, sessions wait in the registry and are
        taken up by the first that reports, so a backend is better served by us than by nobody."""
        if not self._services.database.answers():
            response = jsonify(status="not_ready", reason="the registry cannot be read")
            response.status_code = 503
            response.headers["Cache-Control"] = "no-store"
            return response
        live = sum(node["alive"] for node in self._nodes())
        return jsonify(status="ready", live_nodes=live)

    def metrics(self) -> Response:
        """For Prometheus: what all workers of this machine counted, and what the registry knows."""
        text, content_type = self._services.metrics.exposition(self._services.registry_metrics)
        return Response(text, headers={"Cache-Control": "no-store"}, content_type=content_type)

    def _nodes(self) -> list[dict[str, Any]]:
        now = self._services.clock.now()
        return [
            {
                "index": node.instance_index,
                "region": node.region,
                "alive": node.alive(now, self._services.config.lease_ttl),
                "draining": node.draining,
                "capacity": node.capacity,
                "live": node.live,
                "warm": node.warm,
                "queued": node.queued,
                "sandbox": node.sandbox,
            }
            for node in self._services.nodes.all()
        ]


def _status(nodes: list[dict[str, Any]]) -> str:
    """healthy while somebody can start a session; degraded while nobody can."""
    return "healthy" if any(node["alive"] and not node["draining"] for node in nodes) else "degraded"


def _rounded(value: float | None) -> float:
    return 0 if value is None else round(value, 1)


def _memory() -> dict[str, int]:
    """Bytes, as process.memoryUsage() named them in the seeds, as far as they mean something here."""
    resident_pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KILOBYTE
    return {"rss": resident_pages * _PAGE_BYTES, "peak_rss": peak}
