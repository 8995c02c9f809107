"""What a session is told when its login cannot be had."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from browser_pool.errors import LoginLost
from browser_pool.link_state import LinkState
from browser_pool.login_keeper import LoginKeeper
from browser_pool.profile import Profile
from storage.models import SessionStatus


class OneDamaged:
    """A store with a single snapshot, whose pack is damaged."""

    async def restore(self, profile: Profile, tried: set[str], **_: object) -> NoReturn:
        tried.add("the only one")
        raise LoginLost("1 snapshots were tried and none brought the login back")


async def test_a_lost_disk_with_one_snapshot_that_is_damaged_is_the_end_and_not_tried_for_ever(
    tmp_path: Path,
) -> None:
    shop: Any = SimpleNamespace(restorer=OneDamaged(), snapshots=None, snapshotter=None)
    link = LinkState(status=SessionStatus.CONNECTED, linked=True, phone_number=None, last_ref=None)
    spec = SimpleNamespace(snapshot_id="the only one", generation=1)
    ledger: Any = SimpleNamespace(spec=spec, write=lambda report: None)
    logins = LoginKeeper(shop, Profile(tmp_path, "lost"), link, ledger)
    with pytest.raises(LoginLost):
        await logins.provide()
    assert not logins.try_another(), "there is no other: the session fails, and LinkpoolRestoreFailed is told"
