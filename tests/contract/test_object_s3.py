"""S3 in particular: who may enter, buckets that are gone or keep versions, and what a request costs."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from storage.object_s3 import S3Store
from storage.objects import ObjectMissing, PreconditionFailed, StoreRefused, StoreUnavailable
from tests.ports import free_port
from tests.s3_server import S3Server

USES: dict[str, Callable[[S3Store], object]] = {
    "get": lambda store: store.get("head"),
    "size": lambda store: store.size("head"),
    "list": lambda store: list(store.list("")),
    "delete": lambda store: store.delete("head"),
    "put": lambda store: store.put("head", b"1"),
    "create": lambda store: store.put_if("head", b"1", version=None),
    "overwrite": lambda store: store.put_if("head", b"1", version='"0cc175b9c0f1b6a831c399e269772661"'),
}


@pytest.fixture(params=["seaweed", "moto"])
def server(request: pytest.FixtureRequest) -> S3Server:
    server: S3Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def nobody(seaweed: S3Server) -> S3Server:
    """A server that does not answer."""
    port = free_port()
    return seaweed.at(f"http://127.0.0.1:{port}")


@pytest.fixture
def website(seaweed: S3Server) -> Iterator[S3Server]:
    """A server that speaks HTTP, but not S3, and says 404 to everything."""

    class NotFound(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_error(404)

        do_HEAD = do_PUT = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            pass

    web = ThreadingHTTPServer(("127.0.0.1", 0), NotFound)
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield seaweed.at(f"http://127.0.0.1:{web.server_port}")
    web.shutdown()
    thread.join()
    web.server_close()


def test_a_bucket_that_vanished_is_refused_and_no_absence(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = server.new_bucket()
    store = server.store(monkeypatch, bucket)
    with pytest.raises(ObjectMissing):
        store.size("head")
    client = server.client()
    client.delete_bucket(Bucket=bucket)
    client.close()
    overwrite = USES["overwrite"]
    for use in USES.values():
        # SeaweedFS looks at If-Match first; whoever reads again then is refused.
        expected = (StoreRefused, PreconditionFailed) if use is overwrite else StoreRefused
        with pytest.raises(expected, match=r"NoSuchBucket.*correct SNAPSHOT_URL|412 PreconditionFailed"):
            use(store)
    store.close()


@pytest.mark.parametrize("wrong", [{"access_key": "unknown"}, {"secret_key": "wrong"}], ids=["key", "secret"])
def test_wrong_credentials_are_refused_with_what_to_check(
    seaweed: S3Server, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]
) -> None:
    store = seaweed.with_keys(**wrong).store(monkeypatch)
    for use in USES.values():
        with pytest.raises(StoreRefused, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY") as refused:
            use(store)
        assert seaweed.secret_key not in str(refused.value)
    store.close()


def test_no_credentials_are_refused_with_what_to_set(
    seaweed: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = seaweed.with_keys(access_key="", secret_key="").store(monkeypatch)
    for use in USES.values():
        with pytest.raises(StoreRefused, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
            use(store)
    store.close()


def test_a_profile_that_does_not_exist_is_refused(seaweed: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    seaweed.store(monkeypatch).close()
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(StoreRefused, match="nobody"):
        S3Store("bucket", endpoint_url=seaweed.url)


def test_a_server_that_is_down_is_unavailable(nobody: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    store = nobody.store(monkeypatch)
    for use in USES.values():
        with pytest.raises(StoreUnavailable, match="S3_ENDPOINT_URL"):
            use(store)
    store.close()


def test_the_404_of_a_server_that_is_not_s3_is_no_absence(
    website: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = website.store(monkeypatch)
    for use in USES.values():
        with pytest.raises(StoreUnavailable):
            use(store)
    store.close()


def test_delete_leaves_no_version_in_a_bucket_that_keeps_them(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = server.new_bucket()
    client = server.client()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    store = server.store(monkeypatch, bucket)
    for content in (b"1", b"2", b"3"):
        store.put("head", content)
        store.put("head-2", content)
    store.delete("head")
    store.put("head", b"4")
    store.delete("head")
    store.delete("head")
    left = client.list_object_versions(Bucket=bucket)
    names = [version["Key"] for version in [*left.get("Versions", []), *left.get("DeleteMarkers", [])]]
    assert [name.rpartition("/")[2] for name in names] == ["head-2"] * 3
    assert store.get("head-2").data == b"3"
    with pytest.raises(ObjectMissing):
        store.get("head")
    store.put_if("head", b"5", version=None)
    client.close()
    store.close()


def test_what_others_keep_below_our_prefix_is_left_out(
    seaweed: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = seaweed.store(monkeypatch)
    store.put("head", b"1")
    bucket, _, prefix = store.url.removeprefix("s3://").partition("/")
    client = seaweed.client()
    client.put_object(Bucket=bucket, Key=f"{prefix}/read me.txt", Body=b"")
    client.put_object(Bucket=bucket, Key=f"{prefix}-other/head", Body=b"")
    assert [line.key for line in store.list("")] == ["head"]
    client.close()
    store.close()


def test_requests_and_bytes_are_counted(seaweed: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    store = seaweed.store(monkeypatch)
    traffic = store.traffic
    costs: list[tuple[int, int]] = []
    uses: list[Callable[[], object]] = [
        lambda: store.put("head", b"1" * 1000),
        lambda: store.get("head"),
        lambda: store.size("head"),
        lambda: list(store.list("")),
        lambda: store.delete("head"),
    ]
    for use in uses:
        before = traffic.requests, traffic.bytes_sent
        use()
        costs.append((traffic.requests - before[0], traffic.bytes_sent - before[1]))
    assert costs == [(1, 1000), (1, 0), (1, 0), (1, 0), (1, 0)]
    with pytest.raises(ObjectMissing):
        store.get("head")
    assert traffic.requests == 6
    store.close()


def test_a_checksum_goes_with_every_object(seaweed: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the store refuses what the way to it has changed."""
    store = seaweed.store(monkeypatch)
    store.put("head", b"abc")
    bucket, _, prefix = store.url.removeprefix("s3://").partition("/")
    client = seaweed.client()
    about = client.head_object(Bucket=bucket, Key=f"{prefix}/head", ChecksumMode="ENABLED")
    assert about["ChecksumSHA256"] == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
    client.close()
    store.close()
