"""Has the devices of ended links removed from their account, beside the answer to whoever reported.

Rule: only the fast path, after the transaction. Nobody waits for it, and a node that does not answer finds
the same wish in its next heartbeat.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from functions.pool_client import PoolClient
from storage.errors import PoolRefused, PoolUnreachable
from storage.session_table import SessionTable
from storage.sessions import Session

log = logging.getLogger(__name__)

THREADS = 2
"""Logging out takes a node a second or two, and accounts that are linked twice are rare."""


class DeviceRemoval:
    """Calls nodes in threads of its own. `close` waits for the calls that are on their way."""

    def __init__(self, sessions: SessionTable, pool: PoolClient) -> None:
        self._sessions = sessions
        self._pool = pool
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="device-removal")
        self._asking: set[str] = set()
        self._lock = threading.Lock()

    def after_arrival(self, session_id: str) -> None:
        """Ask for the devices of the links that this session's arrival has ended."""
        for session in self._sessions.devices_to_remove(session_id):
            with self._lock:
                news = session.id not in self._asking
                self._asking.add(session.id)
            if news:
                self._threads.submit(self._remove, session)

    def _remove(self, session: Session) -> None:
        try:
            if session.node_url is not None:
                self._pool.log_out(session.node_url, session.id, session.generation)
        except (PoolUnreachable, PoolRefused) as error:
            log.warning(
                "wish_left_to_heartbeat",
                extra={"session_id": session.id, "node_id": session.node_id, "error": str(error)},
            )
        except Exception:
            log.exception("device_removal_failed", extra={"session_id": session.id})
        finally:
            with self._lock:
                self._asking.discard(session.id)

    def close(self) -> None:
        """Begin no more calls. Twice is fine."""
        self._threads.shutdown(cancel_futures=True)
