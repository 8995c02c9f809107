"""What the routes may use, made once in `functions.app` and passed to every blueprint."""

from __future__ import annotations

from dataclasses import dataclass

from functions.chat_sync import ChatSync
from functions.core_services import CoreServices
from functions.device_removal import DeviceRemoval
from functions.diagnoses import Diagnoses
from functions.node_reports import NodeReports
from functions.sessions import Sessions
from functions.stream_places import StreamPlaces
from storage.endpoints import Endpoints
from storage.operations import Operations
from storage.replays import Replays


@dataclass(frozen=True, kw_only=True)
class Services(CoreServices):
    """All parts of the functions."""

    sessions: Sessions
    """What a backend or a person may ask of a session."""
    chat_sync: ChatSync
    devices: DeviceRemoval
    diagnoses: Diagnoses
    node_reports: NodeReports
    stream_places: StreamPlaces
    endpoints: Endpoints
    replays: Replays
    operations: Operations

    def close(self) -> None:
        """Close every connection; twice is fine."""
        self.devices.close()
        self.sessions.close()
        super().close()
