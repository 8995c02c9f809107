"""Guilty or not: what the ends of starts say about the golden profile."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path

import pytest

from browser_pool.errors import PageUnreachable, QrTimedOut, SlotError
from browser_pool.golden_keeper import UNKNOWN, GoldenKeeper, Wish
from browser_pool.golden_profile import GoldenProfile
from browser_pool.identity import Identity
from browser_pool.profile import Profile
from browser_pool.start_queue import Permit
from storage.clock import ManualClock

WISH = Wish(web="2.3", everybodys=frozenset())


class Node:
    """A keeper with a golden profile, and starts on its data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.clock = ManualClock()
        golden = GoldenProfile(data_dir)
        self.keeper = GoldenKeeper(golden, self.clock, enabled=True, chromium="1.0", owner_uid=None)

    async def build(self, wish: Wish = WISH) -> None:
        source = self.data_dir / "source"
        (source / "Default" / "Cache").mkdir(parents=True, exist_ok=True)
        (source / "Default" / "Cache" / "file").write_bytes(b"public")
        await self.keeper.install(source, Identity(()), wish)

    async def start(self, name: str, end: SlotError | None = None) -> bool:
        """One start; whether it began from the golden profile."""
        profile = Profile(self.data_dir, name)
        with contextlib.suppress(SlotError):
            async with self.keeper.trial(profile, Permit(lambda: None)):
                began_golden = (profile.user_data_dir / "Default" / "Cache" / "file").exists()
                profile.user_data_dir.mkdir(parents=True, exist_ok=True)
                if end is not None:
                    raise end
        return began_golden

    def wants(self, web: str) -> bool:
        return self.keeper._wants(web)


@pytest.fixture
async def node(tmp_path: Path) -> Node:
    node = Node(tmp_path)
    await node.build()
    return node


async def test_a_new_profile_begins_with_it_and_one_that_exists_is_left_alone(node: Node) -> None:
    Profile(node.data_dir, "old").user_data_dir.mkdir(parents=True)
    assert await node.start("new")
    assert not await node.start("old")


async def test_failing_with_it_and_succeeding_without_proves_the_harm(node: Node) -> None:
    assert await node.start("s1", QrTimedOut("no QR"))
    assert not await node.start("s1"), "the retry begins anew, without it"
    assert node.keeper.manifest is None
    assert not (node.data_dir / "golden").exists()
    assert not node.wants("2.3")
    assert node.wants("2.4")
    node.clock.advance(timedelta(hours=1, seconds=1))
    assert node.wants("2.3")


async def test_failing_without_it_too_clears_it(node: Node) -> None:
    await node.start("s1", QrTimedOut("no QR"))
    await node.start("s1", QrTimedOut("no QR"))
    assert await node.start("s2")


async def test_a_warm_slot_that_failed_makes_the_next_one_do_without(node: Node) -> None:
    await node.start("warm-1", QrTimedOut("no QR"))
    assert not await node.start("warm-2")
    assert node.keeper.manifest is None


async def test_a_site_that_does_not_answer_accuses_nobody(node: Node) -> None:
    await node.start("s1", PageUnreachable("away"))
    assert await node.start("s2")


async def test_it_is_built_for_a_version_once_an_hour_and_daily_for_an_unknown_one(node: Node) -> None:
    assert not node.wants("2.3")
    assert node.wants("2.4")
    await node.build(Wish(web="2.4", everybodys=frozenset()))
    assert not node.wants("2.3"), "two versions in turns do not build in turns"
    assert not node.wants(UNKNOWN)
    node.clock.advance(timedelta(days=1, seconds=1))
    assert node.wants("2.3")
    assert not node.wants("2.4")
    assert node.wants(UNKNOWN)


async def test_a_copy_that_fails_costs_nothing_but_the_caches(node: Node) -> None:
    (node.data_dir / "golden").rename(node.data_dir / "elsewhere")
    assert not await node.start("s1")
    assert Profile(node.data_dir, "s1").exists
