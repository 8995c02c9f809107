"""Keys wrapped by KMS, against moto's server: the calls are real, only the service is not AWS's."""

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from storage.clock import ManualClock
from storage.key_wrap import LocalKeyWrap, key_wrap_from
from storage.kms_key_wrap import KmsKeyWrap
from storage.snapshot_errors import KeyUnavailable, SnapshotCorrupt, WrongKey
from storage.snapshot_keys import SnapshotKeys
from storage.snapshot_rewrap import rewrap
from storage.vault import Vault
from tests.fakes.memory_store import MemoryStore
from tests.fakes.vaults import SECRET, SESSION_ID, about, stage

KEY = os.urandom(32)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def kms(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in {
        "AWS_ENDPOINT_URL_KMS": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    return boto3.client("kms")


@pytest.fixture
def alias(kms: Any) -> str:
    name = f"alias/linkpool-{os.urandom(4).hex()}"
    kms.create_alias(AliasName=name, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    return name


def test_a_vault_under_a_kms_key_restores_in_another_process(alias: str, tmp_path: Path) -> None:
    store = MemoryStore()
    text = f"aws-kms:{alias}"
    root = stage(tmp_path / "in", {"a": b"1"})
    snapshot = Vault.open(store, key_wrap_from(text), ManualClock()).session(SESSION_ID).save(root, about())
    assert snapshot is not None
    again = Vault.open(store, key_wrap_from(text), ManualClock()).session(SESSION_ID)
    assert again.restore(snapshot.id, tmp_path / "out") == snapshot


def test_a_wrapped_key_opens_in_its_own_context_only(alias: str) -> None:
    wrap = key_wrap_from(f"aws-kms:{alias}")
    wrapped = wrap.wrap(KEY, "one")
    assert KEY not in wrapped.blob
    assert wrap.unwrap(wrapped, "one") == KEY
    with pytest.raises(SnapshotCorrupt):
        wrap.unwrap(wrapped, "other")
    with pytest.raises(SnapshotCorrupt):
        wrap.unwrap(replace(wrapped, blob=wrapped.blob[:-1] + bytes([wrapped.blob[-1] ^ 1])), "one")


def test_a_key_of_another_kind_is_the_wrong_one(alias: str) -> None:
    kms_wrap, local = key_wrap_from(f"aws-kms:{alias}"), LocalKeyWrap(SECRET)
    with pytest.raises(WrongKey, match=r"aws-kms:alias/linkpool"):
        local.unwrap(kms_wrap.wrap(KEY, "one"), "one")
    with pytest.raises(WrongKey, match=r"local:"):
        kms_wrap.unwrap(local.wrap(KEY, "one"), "one")


def test_a_key_that_is_not_there_is_unknown_not_wrong(alias: str, kms: Any) -> None:
    wrapped = key_wrap_from(f"aws-kms:{alias}").wrap(KEY, "one")
    kms.delete_alias(AliasName=alias)
    with pytest.raises(KeyUnavailable, match="NotFoundException"):
        key_wrap_from(f"aws-kms:{alias}").unwrap(wrapped, "one")


@pytest.mark.usefixtures("kms")
def test_a_service_that_does_not_answer_is_unknown_not_wrong(
    alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped = key_wrap_from(f"aws-kms:{alias}").wrap(KEY, "one")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        wrap = KmsKeyWrap.connect(alias)
        with pytest.raises(KeyUnavailable, match="EndpointConnectionError"):
            wrap.unwrap(wrapped, "one")


def test_a_store_goes_from_kms_to_a_key_of_its_own_and_back(alias: str, tmp_path: Path) -> None:
    store = MemoryStore()
    kms_wrap, local = key_wrap_from(f"aws-kms:{alias}"), LocalKeyWrap(SECRET)
    root = stage(tmp_path / "in", {"a": b"1"})
    snapshot = Vault.open(store, kms_wrap, ManualClock()).session(SESSION_ID).save(root, about())
    assert snapshot is not None
    for keys in (SnapshotKeys(local, [kms_wrap]), SnapshotKeys(kms_wrap, [local])):
        assert rewrap(store, keys, dry_run=False).rewrapped == 2
        assert rewrap(store, keys, dry_run=False).already == 2
        alone = Vault.open(store, keys.wrapping, ManualClock()).session(SESSION_ID)
        assert alone.restore(snapshot.id, tmp_path / keys.key_id.replace("/", "-")) == snapshot


def test_a_store_goes_from_one_kms_key_to_another(alias: str, kms: Any) -> None:
    other = kms.create_key()["KeyMetadata"]["Arn"]
    keys = SnapshotKeys.from_settings(f"aws-kms:{other}", f"aws-kms:{alias}")
    store = MemoryStore()
    Vault.open(store, key_wrap_from(f"aws-kms:{alias}"), ManualClock())
    assert rewrap(store, keys, dry_run=False).rewrapped == 1
    kms.delete_alias(AliasName=alias)
    Vault.open(store, key_wrap_from(f"aws-kms:{other}"), ManualClock())


def test_a_key_that_has_two_names_opens_under_both(alias: str, kms: Any) -> None:
    """The alias in SNAPSHOT_KEY gave way to the key's ARN, or the other way round."""
    wrapped = key_wrap_from(f"aws-kms:{alias}").wrap(KEY, "one")
    by_arn = "aws-kms:" + kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
    assert SnapshotKeys(LocalKeyWrap(SECRET), [key_wrap_from(by_arn)]).unwrap(wrapped, "one") == KEY


class OtherKey:
    """What KMS itself says where moto says AccessDenied: the ciphertext is of another key than the named."""

    def __init__(self, client: Any, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def encrypt(self, **call: Any) -> Any:
        return self._client.encrypt(**{**call, "KeyId": self._key_id})

    def decrypt(self, **call: Any) -> Any:
        try:
            return self._client.decrypt(**{**call, "KeyId": self._key_id})
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDeniedException":
                raise
            raise ClientError({"Error": {"Code": "IncorrectKeyException"}}, "Decrypt") from error


def test_an_alias_that_was_given_to_another_key_is_wrapped_anew_all_the_same(alias: str, kms: Any) -> None:
    """Its name stands in the store already, so the name says nothing."""
    first = kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
    store = MemoryStore()
    Vault.open(store, key_wrap_from(f"aws-kms:{alias}"), ManualClock())
    second = kms.create_key()["KeyMetadata"]["Arn"]
    new = KmsKeyWrap(alias, OtherKey(kms, second))
    with pytest.raises(WrongKey):
        Vault.open(store, SnapshotKeys(new), ManualClock())
    keys = SnapshotKeys(new, [KmsKeyWrap(first, OtherKey(kms, first))])
    assert rewrap(store, keys, dry_run=False).rewrapped == 1
    assert rewrap(store, keys, dry_run=False).already == 1
    Vault.open(store, SnapshotKeys(new), ManualClock())
