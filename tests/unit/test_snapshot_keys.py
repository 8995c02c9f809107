"""What SNAPSHOT_KEY and SNAPSHOT_KEY_OLD may be together, and that whichever has wrapped opens."""

import base64
import os
from dataclasses import replace

import pytest

from browser_pool.config import PoolConfig
from storage.errors import ConfigError
from storage.key_wrap import LocalKeyWrap, WrappedKey
from storage.snapshot_errors import KeyUnavailable, SnapshotCorrupt, WrongKey
from storage.snapshot_keys import SnapshotKeys

KEY = os.urandom(32)
ONE, TWO, THREE = os.urandom(32), os.urandom(32), os.urandom(32)


def text(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


def test_the_first_wraps_and_all_open() -> None:
    keys = SnapshotKeys.from_settings(text(ONE), f" {TWO.hex()} ,, {text(THREE)},{text(ONE)}\n")
    assert keys.key_id == LocalKeyWrap(ONE).key_id
    assert LocalKeyWrap(ONE).unwrap(keys.wrap(KEY, "one"), "one") == KEY
    for secret in (ONE, TWO, THREE):
        assert keys.unwrap(LocalKeyWrap(secret).wrap(KEY, "one"), "one") == KEY


def test_an_empty_old_one_counts_as_none() -> None:
    keys = SnapshotKeys.from_settings(text(ONE), " , ")
    with pytest.raises(WrongKey) as caught:
        keys.unwrap(LocalKeyWrap(TWO).wrap(KEY, "one"), "one")
    assert "SNAPSHOT_KEY_OLD holds" not in str(caught.value)


def test_every_known_key_is_named_when_none_of_them_has_wrapped() -> None:
    keys = SnapshotKeys.from_settings(text(ONE), f"{text(TWO)},{text(ONE)}")
    ours = [LocalKeyWrap(secret).key_id for secret in (ONE, TWO)]
    theirs = LocalKeyWrap(THREE)
    with pytest.raises(WrongKey) as caught:
        keys.unwrap(theirs.wrap(KEY, "one"), "one")
    assert f"SNAPSHOT_KEY is key {ours[0]} and SNAPSHOT_KEY_OLD holds {ours[1]}, but" in str(caught.value)
    assert f"made with key {theirs.key_id}" in str(caught.value)


def test_an_old_key_opens_in_its_own_context_only() -> None:
    keys = SnapshotKeys(LocalKeyWrap(ONE), [LocalKeyWrap(TWO)])
    with pytest.raises(SnapshotCorrupt, match="the key of other is damaged"):
        keys.unwrap(LocalKeyWrap(TWO).wrap(KEY, "one"), "other")


class ServiceWrap(LocalKeyWrap):
    """As KMS: the key has more names than the one in the store, and the service may be away."""

    def __init__(self, secret: bytes, *, away: bool = False) -> None:
        super().__init__(secret)
        self._own_id, self._away = self.key_id, away
        self.asked = 0

    def unwrap(self, wrapped: WrappedKey, context: str) -> bytes:
        self.asked += 1
        if self._away:
            raise KeyUnavailable("no answer")
        return super().unwrap(replace(wrapped, key_id=self._own_id), context)


def test_the_key_that_is_named_is_asked_first_and_alone() -> None:
    service = ServiceWrap(ONE)
    wrapped = LocalKeyWrap(TWO).wrap(KEY, "one")
    assert SnapshotKeys(service, [LocalKeyWrap(TWO)]).unwrap(wrapped, "one") == KEY
    assert service.asked == 0


def test_a_service_that_is_away_makes_no_wrong_key_and_hides_no_right_one() -> None:
    wrapped = LocalKeyWrap(TWO).wrap(KEY, "one")
    with pytest.raises(KeyUnavailable):
        SnapshotKeys(LocalKeyWrap(THREE), [ServiceWrap(ONE, away=True)]).unwrap(wrapped, "one")
    renamed = replace(wrapped, key_id=LocalKeyWrap(ONE).key_id)
    by_another_name = SnapshotKeys(ServiceWrap(ONE, away=True), [ServiceWrap(TWO)])
    assert by_another_name.unwrap(renamed, "one") == KEY


def test_every_wrong_key_is_told_by_its_setting_and_never_by_what_it_holds() -> None:
    wrong = ("c2hvcnQ=", "not base64!", text(bytes(32)))
    with pytest.raises(ConfigError) as caught:
        SnapshotKeys.from_settings(wrong[0], f"{wrong[1]}, {text(ONE)}, aws-kms:, {wrong[2]}")
    named = [problem.split(" is ")[0].split(" has ")[0] for problem in caught.value.problems]
    assert named == ["SNAPSHOT_KEY", *(f"SNAPSHOT_KEY_OLD (key {number} of 4)" for number in (1, 3, 4))]
    assert "openssl rand" in caught.value.problems[0]
    assert "the key that SNAPSHOT_KEY was" in caught.value.problems[1]
    assert not any(one in str(caught.value) for one in wrong)
    with pytest.raises(ConfigError, match=r"SNAPSHOT_KEY_OLD has 5 bytes"):
        SnapshotKeys.from_settings(text(ONE), wrong[0])
    with pytest.raises(ConfigError, match="SNAPSHOT_KEY_OLD holds 5 keys; give at most 4"):
        SnapshotKeys.from_settings(text(ONE), ",".join(text(os.urandom(32)) for _ in range(5)))


def test_a_node_is_told_of_both_and_an_old_one_alone_is_a_mistake() -> None:
    environ = {"POOL_SECRET": os.urandom(16).hex(), "SNAPSHOT_KEY": text(ONE), "SNAPSHOT_KEY_OLD": text(TWO)}
    config = PoolConfig.from_env(environ)
    assert (config.snapshot_key, config.snapshot_key_old) == (text(ONE), text(TWO))
    assert PoolConfig.from_env({**environ, "SNAPSHOT_KEY_OLD": ""}).snapshot_key_old == ""
    with pytest.raises(ConfigError, match="SNAPSHOT_KEY is missing, and SNAPSHOT_KEY_OLD is there") as caught:
        PoolConfig.from_env({**environ, "SNAPSHOT_KEY": ""})
    assert text(TWO) not in str(caught.value)
