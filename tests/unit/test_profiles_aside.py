"""Logins that a snapshot took the place of: there for an operator, and not for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from browser_pool.profile import Profile
from browser_pool.profiles_aside import KEPT, KEPT_FOR, ProfilesAside


def put(directory: Path, session_id: str) -> None:
    profile = Profile(directory, session_id)
    profile.prepare(walked=False)
    profile.put_aside()


def names(directory: Path) -> list[str]:
    return sorted(path.name.rpartition("-")[0] for path in (directory / "profiles-aside").iterdir())


def test_two_of_a_session_are_kept_and_all_go_with_it(tmp_path: Path) -> None:
    for session_id in ("s1", "s1", "s1", "s10"):
        put(tmp_path, session_id)
    assert names(tmp_path) == ["s1"] * KEPT + ["s10"]
    Profile(tmp_path, "s1").erase_aside()
    assert names(tmp_path) == ["s10"]


def test_after_a_month_they_go_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    aside, now = ProfilesAside(tmp_path), datetime.now(UTC)
    aside.erase_old(now)
    put(tmp_path, "s1")
    (tmp_path / "profiles-aside" / "somebody-elses").mkdir()
    aside.erase_old(now + KEPT_FOR - timedelta(hours=1))
    assert names(tmp_path) == ["s1", "somebody"]
    aside.erase_old(now + KEPT_FOR + timedelta(hours=1))
    assert names(tmp_path) == ["somebody"]
