"""Objects in S3, or in a server that speaks it: `SNAPSHOT_URL=s3://bucket/prefix`. boto3's S3 has this door.

Rule: one call is one attempt. boto3 retries nothing here, because it cannot know whether a conditional
write that got no answer was done; `storage/object_retry.py` finds out.

A version is the ETag, which for plain objects is the hash of the content. So two writes that must be told
apart must not have the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError

from storage.object_keys import check_key, check_prefix, is_key
from storage.objects import Listed, Stored, StoreUnavailable
from storage.s3_errors import error_code, s3_errors, status_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_WITHIN = timedelta(seconds=5)
"""A TCP and TLS handshake across an ocean takes under one second."""

READ_WITHIN = timedelta(seconds=20)
"""Silence between two pieces of an answer. S3 begins to answer in under a second, slow servers in a few."""

CONNECTIONS = 20
"""At most so many at once; further threads wait. boto3's default of 10 logs a warning when exceeded."""


class Traffic:
    """What was sent to the store, for bench and tests. A request that is answered with an error counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.bytes_sent = 0
        """Of bodies; headers are about a kilobyte a request."""

    def add(self, body_bytes: int) -> None:
        with self._lock:
            self.requests += 1
            self.bytes_sent += body_bytes


class S3Store:
    """One prefix of one bucket. boto3 itself finds credentials and region, in the usual AWS variables."""

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        endpoint_url: str | None = None,
        connect_within: timedelta = CONNECT_WITHIN,
        read_within: timedelta = READ_WITHIN,
    ) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._keeps_versions = False
        self.traffic = Traffic()
        config = Config(
            signature_version="s3v4",
            # Servers of one's own rarely have a name for every bucket.
            s3={"addressing_style": "path" if endpoint_url else "auto"},
            connect_timeout=connect_within.total_seconds(),
            read_timeout=read_within.total_seconds(),
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=CONNECTIONS,
        )
        with s3_errors("open", self.url):
            # A session of our own: boto3's default one is not safe to share between threads.
            self._client: S3Client = Session().client("s3", endpoint_url=endpoint_url, config=config)
        self._client.meta.events.register("before-send.s3", self._count)

    @property
    def url(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def get(self, key: str) -> Stored:
        name = self._name(key)
        with s3_errors("get", key):
            answer = self._client.get_object(Bucket=self._bucket, Key=name)
            # `with answer["Body"]` would give the stream below, which checks neither length nor checksum.
            with closing(answer["Body"]) as body:
                data = body.read()
            length, version = answer["ContentLength"], _whole(answer["ETag"])
        if len(data) != length:
            raise StoreUnavailable("get", key, f"{len(data)} of {length} bytes came", "try again")
        return Stored(data=data, version=version)

    def put(self, key: str, data: bytes) -> None:
        self._put("put", key, data)

    def put_if(self, key: str, data: bytes, *, version: str | None) -> str:
        if version is None:
            return self._put("put_if", key, data, IfNoneMatch="*")
        return self._put("put_if", key, data, IfMatch=version)

    def size(self, key: str) -> int:
        """By reading one byte. HEAD does not say whether the object or its bucket is missing, and when the
        connection breaks within its headers, http.client takes `Content-Length: 10` of 1000 for the whole.
        """
        name = self._name(key)
        with s3_errors("size", key):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=name, Range="bytes=0-0")
            except ClientError as error:
                if status_of(error) == 416:
                    return 0  # there is no first byte
                raise
            with closing(answer["Body"]) as body:
                body.read(1)
            part_of = answer.get("ContentRange", "").rpartition("/")[2]
            return int(part_of) if part_of else answer["ContentLength"]

    def list(self, prefix: str) -> Iterator[Listed]:
        """What is below our prefix and has no name of ours is somebody else's, and left out.

        Sorted here: SeaweedFS gives `a/b` before `a-b`, folder by folder.
        """
        found = [line for line in self._lines(check_prefix(prefix)) if is_key(line.key)]
        yield from sorted(found, key=lambda line: line.key)

    def delete(self, key: str) -> None:
        name = self._name(key)
        with s3_errors("delete", key):
            try:
                answer = self._client.delete_object(Bucket=self._bucket, Key=name)
            except ClientError as error:
                if error_code(error) == "NoSuchKey":
                    return
                raise
            if answer.get("DeleteMarker") or answer.get("VersionId") or self._keeps_versions:
                self._delete_versions(name)  # what was sealed must not stay below a marker

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _name(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _put(self, operation: str, key: str, data: bytes, **condition: Any) -> str:
        name = self._name(key)
        checksum = base64.b64encode(hashlib.sha256(data).digest()).decode()
        with s3_errors(operation, key):
            answer = self._client.put_object(
                Bucket=self._bucket, Key=name, Body=data, ChecksumSHA256=checksum, **condition
            )
            self._keeps_versions |= bool(answer.get("VersionId"))
            return _whole(answer["ETag"])

    def _lines(self, prefix: str) -> Iterator[Listed]:
        token: dict[str, Any] = {}
        while True:
            with s3_errors("list", prefix):
                page = self._client.list_objects_v2(
                    Bucket=self._bucket, Prefix=self._prefix + prefix, **token
                )
                lines = [
                    Listed(
                        key=line["Key"].removeprefix(self._prefix),
                        size=line["Size"],
                        modified_at=line["LastModified"].astimezone(UTC),
                    )
                    for line in page.get("Contents", [])
                ]
                token = {"ContinuationToken": page["NextContinuationToken"]} if page["IsTruncated"] else {}
            yield from lines
            if not token:
                return

    def _delete_versions(self, name: str) -> None:
        """Everything that was ever stored under this name. Versions are listed in the order of names."""
        token: dict[str, Any] = {}
        while True:
            page = self._client.list_object_versions(Bucket=self._bucket, Prefix=name, **token)
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            ours = [version["VersionId"] for version in found if version["Key"] == name]
            for version in ours:
                self._client.delete_object(Bucket=self._bucket, Key=name, VersionId=version)
            if not page["IsTruncated"] or not ours:
                return
            token = {
                "KeyMarker": page["NextKeyMarker"],
                "VersionIdMarker": page["NextVersionIdMarker"],
            }

    def _count(self, request: Any, **_: Any) -> None:
        """Called by boto3 with every HTTP request that it is about to send."""
        self.traffic.add(int(request.headers.get("Content-Length") or 0))


def _whole(etag: str) -> str:
    """Headers that were cut off are no error to http.client; a value that was is one to us."""
    if not etag.strip('"') or etag.startswith('"') != (len(etag) > 1 and etag.endswith('"')):
        raise ValueError(f"the ETag is cut off: {etag!r}")
    return etag
