"""What every request meets on its way to a route, and what the hosted page shows: the light services.

Rule: nothing here imports what only some routes need (models of bodies, calls to nodes, webhooks), because a
cold Lambda pays for every import before it answers. `functions.app` and the Lambdas make it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from functions.client_address import ClientAddress
from functions.config import FunctionsConfig, LimitsKept
from functions.limit_state import LimitState, RegistryLimits
from functions.limits import Limits
from functions.links import Links
from functions.metrics import Metrics, open_metrics
from functions.ops_login import OpsLogin
from functions.stream_places import limits_path
from storage.audit import AuditLog
from storage.clock import Clock
from storage.database import Database
from storage.deliveries import Deliveries
from storage.limit_rows import LimitRows
from storage.nodes import Nodes
from storage.paintings import Paintings
from storage.registry import Registry
from storage.registry_metrics import RegistryMetrics
from storage.workspaces import Workspaces


@dataclass(frozen=True, kw_only=True)
class CoreServices:
    """The parts of the functions that all of them have, by the words of the glossary."""

    config: FunctionsConfig
    clock: Clock
    database: Database
    workspaces: Workspaces
    """`get(workspace_id) -> Workspace` (name, look, who may frame its pages); `keys`."""
    registry: Registry
    """Reads sessions; applies events."""
    addresses: ClientAddress
    """Who asks, behind proxies or not."""
    limits: Limits
    links: Links
    """`find(token) -> Session | None`, `expired(session) -> bool`, `url(session) -> str`."""
    paintings: Paintings
    nodes: Nodes
    deliveries: Deliveries
    audit: AuditLog
    metrics: Metrics
    registry_metrics: RegistryMetrics
    ops_login: OpsLogin

    def close(self) -> None:
        """Close every connection; twice is fine."""
        self.limits.close()
        self.database.close()


def make_core(
    config: FunctionsConfig,
    clock: Clock,
    database: Database,
    *,
    on_owed: Callable[[], None] = lambda: None,
) -> CoreServices:
    """Every part, over an open registry; `on_owed` is called inside transactions that owe a webhook."""
    deliveries = Deliveries(database, clock, on_owed)
    registry = Registry(database, clock, deliveries)
    nodes = Nodes(database, clock)
    addresses = ClientAddress(config.trusted_proxies)
    return CoreServices(
        config=config,
        clock=clock,
        database=database,
        workspaces=Workspaces(database, clock),
        registry=registry,
        addresses=addresses,
        limits=Limits(_limit_state(config, database), config.limits, addresses, clock),
        links=Links(
            registry.sessions,
            clock,
            secret_keys=config.secret_keys,
            public_url=config.public_url,
            ttl=config.link_ttl,
        ),
        paintings=Paintings(database, clock),
        nodes=nodes,
        deliveries=deliveries,
        audit=AuditLog(database, clock),
        metrics=open_metrics(config.metrics_token),
        registry_metrics=RegistryMetrics(database, registry.sessions, nodes, clock),
        ops_login=OpsLogin(config.ops_token, config.secret_key),
    )


def _limit_state(config: FunctionsConfig, database: Database) -> LimitState | None:
    match config.limits_state:
        case LimitsKept.FILE:
            from functions.limit_table import LimitTable

            return LimitTable(config.limits_file or limits_path(config.database_url))
        case LimitsKept.REGISTRY:
            return RegistryLimits(LimitRows(database))
        case LimitsKept.OFF:
            return None
        case _:
            assert_never(config.limits_state)
