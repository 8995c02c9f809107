"""An S3 server that tests talk to: where it is, and how to be let in.

Rule: every store has a prefix of its own, so that tests which share a server cannot meet. A bucket of its
own only for a test that needs one: SeaweedFS takes a third of a second for the first write to a bucket.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from boto3.session import Session

from storage.object_s3 import S3Store

SHARED_BUCKET = "shared"


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """SeaweedFS, moto, or a proxy before one of them."""

    url: str
    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        """What boto3 reads; the settings of whoever runs the tests are kept out."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_SESSION_TOKEN": "",
            "AWS_PROFILE": "",
            "AWS_ENDPOINT_URL": "",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def at(self, url: str) -> S3Server:
        """The same server by another way."""
        return replace(self, url=url)

    def with_keys(self, **keys: str) -> S3Server:
        """Somebody else at the same server."""
        return replace(self, **keys)

    def client(self) -> Any:
        """boto3 itself, for what a store does not do."""
        session = Session(self.access_key, self.secret_key, region_name="us-east-1")
        return session.client("s3", endpoint_url=self.url)

    def new_bucket(self) -> str:
        bucket = f"test-{secrets.token_hex(6)}"
        self.make(bucket)
        return bucket

    def make(self, bucket: str) -> None:
        """Whoever starts a server makes the shared bucket."""
        client = self.client()
        try:
            client.create_bucket(Bucket=bucket)
        finally:
            client.close()

    def store(
        self, environment: pytest.MonkeyPatch, bucket: str | None = None, *, read_within: float = 20
    ) -> S3Store:
        """A store that is empty, with credentials from the environment as in production."""
        for name, value in self.environment.items():
            if value:
                environment.setenv(name, value)
            else:
                environment.delenv(name, raising=False)
        return S3Store(
            bucket or SHARED_BUCKET,
            f"some/prefix-{secrets.token_hex(6)}",
            endpoint_url=self.url,
            read_within=timedelta(seconds=read_within),
        )
