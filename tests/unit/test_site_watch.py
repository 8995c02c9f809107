"""When a node believes that it is cut off from WhatsApp, on a real socket."""

from __future__ import annotations

import socket

from browser_pool.site_watch import TIMES, SiteWatch
from tests.ports import free_port


def watch_of(port: int) -> SiteWatch:
    return SiteWatch(f"http://127.0.0.1:{port}/")


async def look(watch: SiteWatch, times: int) -> bool:
    for _ in range(times):
        watch.note(reached=await watch.look())
    return watch.away


async def test_a_site_that_cannot_be_reached_any_more_is_away_until_it_can_again() -> None:
    port = free_port()
    watch = watch_of(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not await look(watch, 1)
    assert not await look(watch, TIMES - 1), "a moment's loss moves nobody"
    assert await look(watch, 1)
    with socket.create_server(("127.0.0.1", port)):
        assert await look(watch, TIMES - 1)
        assert not await look(watch, 1)


async def test_a_loss_between_two_good_looks_is_forgotten() -> None:
    port = free_port()
    watch = watch_of(port)
    for _ in range(TIMES):
        with socket.create_server(("127.0.0.1", port)):
            await look(watch, 1)
        assert not await look(watch, TIMES - 1)


async def test_a_site_that_was_never_reached_is_not_away() -> None:
    assert not await look(watch_of(free_port()), TIMES * 2)
