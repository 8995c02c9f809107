"""A client of the event stream, as a browser's EventSource is one: remembers the last id, can be cut off."""

from __future__ import annotations

import json
import threading
from typing import Any

import requests

from tests.waiting import eventually


class Dashboard:
    """One connection, read in a thread of its own. `with` closes it."""

    def __init__(self, url: str, api_key: str, last_id: str | None = None, query: str = "") -> None:
        headers = {"Authorization": f"Bearer {api_key}", "Accept": "text/event-stream"}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        self.last_id = last_id
        self.events: list[dict[str, Any]] = []
        self.ended_well = False
        self.response = requests.get(
            f"{url}/api/events{query}", headers=headers, stream=True, timeout=(5, 30)
        )
        self._thread = threading.Thread(target=self._read, name="dashboard")
        self._thread.start()

    def __enter__(self) -> Dashboard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Cut the connection in the middle of whatever it does."""
        connection = getattr(self.response.raw, "_connection", None)
        if connection is not None and connection.sock is not None:
            connection.sock.shutdown(2)
        self._thread.join()
        self.response.close()

    def join(self) -> None:
        """Until the server has ended the stream."""
        self._thread.join(20)
        assert not self._thread.is_alive()

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """The first `count` events, as soon as they are there."""
        eventually(lambda: len(self.events) >= count, f"{count} events came")
        return self.events[:count]

    def _read(self) -> None:
        id_, data = None, None
        try:
            for line in self.response.iter_lines():
                name, _, value = line.decode().partition(": ")
                match name:
                    case "id":
                        id_ = value
                    case "data":
                        data = json.loads(value)
                    case "":
                        self.last_id = id_ or self.last_id
                        if data is not None:
                            self.events.append({"id": id_, **data})
                        id_, data = None, None
        except (requests.RequestException, OSError, AttributeError, ValueError):
            return  # cut off
        self.ended_well = True
