"""What health, probes and the documentation itself promise. How to add one: see `contract`."""

from __future__ import annotations

from typing import Literal

from functions.contract import Answer, Count, Operation, Operations, Reply


class Memory(Answer):
    """Of the process that answered, in bytes."""

    rss: Count
    peak_rss: Count


class SessionCounts(Answer):
    """How many sessions there are."""

    active: Count
    authenticated: Count
    qr_scanning: Count


class Performance(Answer):
    """Averages; 0 when nothing was measured."""

    avg_qr_time_ms: float
    avg_phone_extraction_ms: float


class NodeHealth(Answer):
    """One machine with browsers."""

    index: Count
    region: str | None
    alive: bool
    draining: bool
    capacity: Count
    live: Count
    warm: Count
    queued: Count
    sandbox: bool | None


class Health(Answer):
    """healthy while somebody can start a session."""

    status: Literal["healthy", "degraded"]
    uptime: float
    """Seconds."""
    memory: Memory
    sessions: SessionCounts
    performance: Performance
    nodes: list[NodeHealth]


class Accounts(Answer):
    """How many accounts are connected."""

    connected: Count
    total: Count
    success_rate: float
    """Of all, in per cent."""


class WhatsAppHealth(Answer):
    """The accounts as a whole."""

    status: Literal["healthy", "degraded"]
    accounts: Accounts


class Alive(Answer):
    """The process answers."""

    status: Literal["alive"]


class Ready(Answer):
    """The registry answers."""

    status: Literal["ready"]
    live_nodes: Count


class NotReady(Answer):
    """The registry does not answer."""

    status: Literal["not_ready"]
    reason: str


OPERATIONS: Operations = {
    "health.health": Operation(
        summary="Health",
        text="Counts and averages. Nothing names a workspace, a session or a number.",
        replies=(
            Reply(
                status=200,
                what="How it is.",
                model=Health,
                example={
                    "status": "healthy",
                    "uptime": 86400.5,
                    "memory": {"rss": 71303168, "peak_rss": 73400320},
                    "sessions": {"active": 12, "authenticated": 10, "qr_scanning": 1},
                    "performance": {"avg_qr_time_ms": 41.2, "avg_phone_extraction_ms": 88.0},
                    "nodes": [
                        {
                            "index": 0,
                            "region": None,
                            "alive": True,
                            "draining": False,
                            "capacity": 30,
                            "live": 12,
                            "warm": 2,
                            "queued": 0,
                            "sandbox": True,
                        }
                    ],
                },
            ),
        ),
    ),
    "health.whatsapp": Operation(
        summary="Health of the linked accounts",
        replies=(
            Reply(
                status=200,
                what="How many are connected.",
                model=WhatsAppHealth,
                example={
                    "status": "healthy",
                    "accounts": {"connected": 10, "total": 12, "success_rate": 83.33},
                },
            ),
        ),
    ),
    "health.livez": Operation(
        summary="Liveness probe",
        replies=(Reply(status=200, what="It answers.", model=Alive, example={"status": "alive"}),),
    ),
    "health.readyz": Operation(
        summary="Readiness probe",
        replies=(
            Reply(
                status=200,
                what="It can serve.",
                model=Ready,
                example={"status": "ready", "live_nodes": 1},
            ),
            Reply(
                status=503,
                what="It cannot.",
                model=NotReady,
                example={"status": "not_ready", "reason": "the registry cannot be read"},
            ),
        ),
    ),
    "docs.document": Operation(
        summary="This document",
        replies=(
            Reply(
                status=200,
                what="OpenAPI 3.1.",
                media={"application/json": {"type": "object", "required": ["openapi", "info", "paths"]}},
                example={"openapi": "3.1.0", "info": {"title": "linkpool", "version": "1.0.0"}, "paths": {}},
                headers=("ETag", "Cache-Control"),
            ),
            Reply(status=304, what="As it was.", headers=("ETag", "Cache-Control")),
        ),
    ),
    "docs.page": Operation(
        summary="This document, for reading",
        replies=(
            Reply(
                status=200,
                what="A page without script.",
                media={"text/html": {"type": "string"}},
                headers=("Cache-Control",),
            ),
        ),
    ),
}
