"""A profile's files: its lock, its name, and localStorage beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser_pool.errors import ProfileBusy
from browser_pool.profile import Profile, finish_erasing, profiles_on_disk

ORIGIN = "https://web.whatsapp.com"


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    profile = Profile(tmp_path, "s1")
    profile.prepare(walked=False)
    with profile.locked(), pytest.raises(ProfileBusy, match="s1"), profile.locked():
        pass
    with profile.locked():
        pass


def test_what_a_dead_browser_held_back_replaces_what_is_there(tmp_path: Path) -> None:
    profile = Profile(tmp_path, "s1")
    profile.prepare(walked=False)
    assert profile.local_storage_to_restore() is None
    profile.save_local_storage(ORIGIN, {"secret": "1"}, clean=False)
    assert profile.local_storage_to_restore() == (ORIGIN, {"secret": "1"}, True)


def test_after_an_orderly_close_only_what_is_missing_is_put_back(tmp_path: Path) -> None:
    profile = Profile(tmp_path, "s1")
    profile.prepare(walked=False)
    profile.save_local_storage(ORIGIN, {"secret": "1"}, clean=False)
    profile.mark_clean()
    assert profile.local_storage_to_restore() == (ORIGIN, {"secret": "1"}, False)


def test_an_adopted_profile_takes_its_sessions_name_when_its_browser_is_gone(tmp_path: Path) -> None:
    profile = Profile(tmp_path, "s1", "warm-1")
    profile.prepare(walked=False)
    assert profiles_on_disk(tmp_path) == ["warm-1"]
    profile.settle()
    profile.settle()
    assert profiles_on_disk(tmp_path) == ["s1"]
    assert profile.exists


def test_an_erased_profile_is_gone_even_when_erasing_was_interrupted(tmp_path: Path) -> None:
    profile = Profile(tmp_path, "s1")
    profile.prepare(walked=False)
    profile.root.rename(profile.root.with_name("s1.erasing"))
    assert profiles_on_disk(tmp_path) == []
    finish_erasing(tmp_path)
    assert not list((tmp_path / "profiles").iterdir())
    profile.erase()
