"""What SNAPSHOT_KEY may be, and that a wrapped key opens in its own place only."""

import base64
import os
from dataclasses import replace

import pytest

from storage.errors import ConfigError
from storage.key_wrap import LocalKeyWrap, WrappedKey, key_wrap_from
from storage.snapshot_errors import SnapshotCorrupt, SnapshotNewer, WrongKey
from tests.fakes.vaults import SECRET

KEY = os.urandom(32)


def text(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "not base64!",
        "c2hvcnQ=",
        text(bytes(31)),
        text(bytes(33)),
        text(bytes(32)),
        text(bytes(range(32))),
        text(bytes(range(64, 0, -2))),
        text(b"0123456789abcdef" * 2),
        text(b"change-me-change-me-change-me-!!"),
        "0" * 64,
    ],
)
def test_a_key_that_is_none_is_refused_with_how_to_make_one(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"SNAPSHOT_KEY .*openssl rand -base64 32") as caught:
        key_wrap_from(wrong)
    assert not wrong or wrong not in str(caught.value)


def test_a_random_key_is_taken_with_its_newline() -> None:
    secret = os.urandom(32)
    wrapped = key_wrap_from(text(secret) + "\n").wrap(KEY, "keyring")
    assert LocalKeyWrap(secret).unwrap(wrapped, "keyring") == KEY


def test_a_random_key_may_be_in_hex() -> None:
    secret = os.urandom(32)
    wrapped = key_wrap_from(secret.hex()).wrap(KEY, "keyring")
    assert LocalKeyWrap(secret).unwrap(wrapped, "keyring") == KEY


def test_a_kms_key_needs_a_name() -> None:
    with pytest.raises(ConfigError, match="SNAPSHOT_KEY is `aws-kms:` without"):
        key_wrap_from("aws-kms:")


def test_a_wrapped_key_opens_in_its_own_context_only() -> None:
    wrap = LocalKeyWrap(SECRET)
    wrapped = WrappedKey.from_bytes(wrap.wrap(KEY, "one").to_bytes(), "it")
    assert wrap.unwrap(wrapped, "one") == KEY
    with pytest.raises(SnapshotCorrupt, match="the key of other is damaged"):
        wrap.unwrap(wrapped, "other")
    with pytest.raises(SnapshotCorrupt):
        wrap.unwrap(replace(wrapped, blob=b""), "one")


def test_another_secret_is_the_wrong_key_and_both_are_named() -> None:
    ours, theirs = LocalKeyWrap(SECRET), LocalKeyWrap(os.urandom(32))
    with pytest.raises(WrongKey) as caught:
        ours.unwrap(theirs.wrap(KEY, "one"), "one")
    assert ours.key_id in str(caught.value)
    assert theirs.key_id in str(caught.value)


def test_wrapping_twice_never_gives_the_same() -> None:
    wrap = LocalKeyWrap(SECRET)
    assert wrap.wrap(KEY, "one") != wrap.wrap(KEY, "one")


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"{}", b'{"format":0}', b'{"format":1,"key_id":"x","wrapped":"*"}', b'{"format":true}'],
)
def test_what_is_no_wrapped_key_is_corrupt(raw: bytes) -> None:
    with pytest.raises(SnapshotCorrupt):
        WrappedKey.from_bytes(raw, "the key object")


def test_a_newer_wrapped_key_asks_for_an_upgrade() -> None:
    with pytest.raises(SnapshotNewer, match="upgrade"):
        WrappedKey.from_bytes(b'{"format":2}', "the key object")
