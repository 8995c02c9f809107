"""What the routes may use, made once in `functions.app` and passed to every blueprint."""

from __future__ import annotations

from dataclasses import dataclass

from functions.chat_sync import ChatSync
from functions.config import FunctionsConfig
from functions.device_removal import DeviceRemoval
from functions.limits import Limits
from functions.links import Links
from functions.metrics import Metrics
from functions.node_reports import NodeReports
from functions.ops_login import OpsLogin
from functions.sessions import Sessions
from functions.stream_places import StreamPlaces
from storage.audit import AuditLog
from storage.clock import Clock
from storage.database import Database
from storage.deliveries import Deliveries
from storage.endpoints import Endpoints
from storage.nodes import Nodes
from storage.operations import Operations
from storage.registry import Registry
from storage.registry_metrics import RegistryMetrics
from storage.replays import Replays
from storage.workspaces import Workspaces


@dataclass(frozen=True, kw_only=True)
class Services:
    """The parts of the functions, by the words of the glossary."""

    config: FunctionsConfig
    clock: Clock
    database: Database
    workspaces: Workspaces
    """`get(workspace_id) -> Workspace` (name, look, who may frame its pages); `keys`."""
    registry: Registry
    """Reads sessions; applies events."""
    sessions: Sessions
    """What a backend or a person may ask of a session."""
    chat_sync: ChatSync
    devices: DeviceRemoval
    limits: Limits
    links: Links
    """`find(token) -> Session | None`, `expired(session) -> bool`, `url(session) -> str`."""
    nodes: Nodes
    node_reports: NodeReports
    deliveries: Deliveries
    stream_places: StreamPlaces
    endpoints: Endpoints
    replays: Replays
    audit: AuditLog
    metrics: Metrics
    registry_metrics: RegistryMetrics
    operations: Operations
    ops_login: OpsLogin

    def close(self) -> None:
        """Close every connection; twice is fine."""
        self.devices.close()
        self.sessions.close()
        self.limits.close()
        self.database.close()
