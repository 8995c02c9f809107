"""Which page speaks for which device. One at a time: the newest gets the device, the older one a conflict."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.standin.sockets import PageSocket
    from tests.standin.stats import Stats


class Presence:
    def __init__(self) -> None:
        self._speakers: dict[str, PageSocket] = {}
        self.pages: set[PageSocket] = set()

    def speaker(self, device_id: str) -> PageSocket | None:
        return self._speakers.get(device_id)

    def of_phone(self, number: str) -> list[PageSocket]:
        """Open pages of a phone's devices, and pages this phone is linking right now."""
        return [page for page in self.pages if page.number == number]

    async def claim(self, device_id: str, page: PageSocket, *, takeover: bool, stats: Stats) -> None:
        """Give the device to this page. Two pages that both answer are a double run, and counted as one. A
        page that reloads itself keeps its tab and is none; a takeover goes on with a conflict counted before.
        """
        older = self._speakers.get(device_id)
        self._speakers[device_id] = page
        if older is None or older is page or older.tab == page.tab:
            return
        if not takeover:
            if await older.answers():
                stats.double_runs += 1
            else:
                stats.stale_replaced += 1
        await older.send("conflict")

    def displace(self, device_id: str) -> PageSocket | None:
        """Take the device away from its page, as if a browser we do not know had opened it."""
        return self._speakers.pop(device_id, None)

    def leave(self, page: PageSocket) -> None:
        self.pages.discard(page)
        for device_id in [key for key, speaker in self._speakers.items() if speaker is page]:
            del self._speakers[device_id]
