"""S3Store and RetryingStore over a connection that fails: no error is taken for an absence, no write is lost
and none is done twice."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest

from storage.clock import ManualClock
from storage.object_retry import RetryingStore
from storage.object_s3 import S3Store
from storage.objects import ObjectMissing, ObjectStore, PreconditionFailed, StoreUnavailable
from tests.faulty_http import Fault, FaultyHttp
from tests.s3_server import S3Server
from tests.waiting import eventually

SILENCE = 0.4
"""Seconds until a client gives up on a server that says nothing, where a test needs one."""

FAULTS = [fault for fault in Fault if fault not in {Fault.PASS, Fault.HOLD, Fault.CHANGED}]
NOT_DONE = {Fault.REFUSE, Fault.ERROR, Fault.HANG}
SILENT = {Fault.HANG, Fault.HOLD, Fault.DONE_HANG}
FAULTS_OF_READS = [fault for fault in FAULTS if fault is not Fault.DONE_HANG]
"""To a read it is the same as HANG, and as slow."""


@pytest.fixture
def proxy(seaweed: S3Server) -> Iterator[FaultyHttp]:
    with FaultyHttp(seaweed.url) as running:
        running.cut_at = 30  # behind the status, before anything that can be used
        yield running


@pytest.fixture
def bare(
    request: pytest.FixtureRequest, seaweed: S3Server, proxy: FaultyHttp, monkeypatch: pytest.MonkeyPatch
) -> Iterator[S3Store]:
    """Impatient only with silence that the test itself makes: this machine may be slow."""
    silent = "fault" in request.fixturenames and request.getfixturevalue("fault") in SILENT
    store = seaweed.at(proxy.url).store(monkeypatch, read_within=SILENCE if silent else 20)
    yield store
    store.close()


@pytest.fixture
def store(bare: S3Store) -> RetryingStore:
    """Patient, without waiting."""
    return patient(bare)


def patient(store: ObjectStore, wait: Callable[[], object] = lambda: None) -> RetryingStore:
    clock = ManualClock()

    def pass_time(seconds: float) -> None:
        clock.advance(timedelta(seconds=seconds))
        wait()

    return RetryingStore(store, clock=clock, wait=pass_time)


@pytest.mark.parametrize("fault", FAULTS_OF_READS)
def test_an_error_is_never_an_absence(bare: S3Store, proxy: FaultyHttp, fault: Fault) -> None:
    patient(bare).put("head", b"here" * 100)
    uses: list[Callable[[], object]] = [
        lambda: bare.get("head"),
        lambda: bare.get("nothing"),
        lambda: bare.size("head"),
        lambda: bare.size("nothing"),
        lambda: list(bare.list("")),
        lambda: list(bare.list("nothing")),
    ]
    for use in uses:
        proxy.queue.append(fault)
        with pytest.raises(StoreUnavailable):
            use()
    assert [taken for _, taken in proxy.requests[-len(uses) :]] == [fault] * len(uses)


@pytest.mark.parametrize("fault", FAULTS_OF_READS)
def test_reads_go_on_until_they_are_answered(store: RetryingStore, proxy: FaultyHttp, fault: Fault) -> None:
    store.put("head", b"here")
    proxy.queue.extend([fault])
    assert store.get("head").data == b"here"
    proxy.queue.extend([fault])
    with pytest.raises(ObjectMissing):
        store.get("nothing")
    proxy.queue.extend([fault])
    assert store.size("head") == 4
    proxy.queue.extend([fault])
    assert [line.key for line in store.list("")] == ["head"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("existing", [False, True], ids=["create", "overwrite"])
def test_a_conditional_write_is_done_once_whatever_becomes_of_the_answer(
    store: RetryingStore, proxy: FaultyHttp, fault: Fault, existing: bool
) -> None:
    version = store.put_if("head", b"before", version=None) if existing else None
    before = proxy.done
    proxy.queue.append(fault)
    given = store.put_if("head", b"ours", version=version)
    found = store.get("head")
    assert found.data == b"ours"
    assert found.version == given
    assert store.put_if("head", b"next", version=given)
    if fault not in SILENT:  # a slow machine may make more silence
        # done, refused because it was done, read; or not done, done. Then the two that follow.
        assert proxy.done - before == (1 if fault in NOT_DONE else 3) + 2


@pytest.mark.parametrize("fault", FAULTS)
def test_a_rival_that_was_faster_is_seen(bare: S3Store, proxy: FaultyHttp, fault: Fault) -> None:
    store = patient(bare)
    version = store.put_if("head", b"before", version=None)
    proxy.queue.append(fault)
    with pytest.raises(PreconditionFailed):
        patient(bare, lambda: store.put("head", b"the rival's")).put_if("head", b"ours", version=version)
    assert store.get("head").data == b"the rival's"


@pytest.mark.parametrize("fault", [Fault.HOLD])
def test_a_write_that_arrives_late_does_not_undo_what_came_after(
    store: RetryingStore, proxy: FaultyHttp, fault: Fault
) -> None:
    """The first attempt is stuck in the network until others have written."""
    version = store.put_if("head", b"before", version=None)
    proxy.queue.append(fault)
    ours = store.put_if("head", b"ours", version=version)
    store.put_if("head", b"next", version=ours)
    done = proxy.done
    assert proxy.held == 1
    proxy.release()
    eventually(lambda: proxy.done > done, "the late write was answered")
    assert store.get("head").data == b"next"


@pytest.mark.parametrize("fault", FAULTS)
def test_plain_writes_and_deletes_are_repeated(store: RetryingStore, proxy: FaultyHttp, fault: Fault) -> None:
    proxy.queue.append(fault)
    store.put("pack", b"content")
    assert store.get("pack").data == b"content"
    proxy.queue.append(fault)
    store.delete("pack")
    with pytest.raises(ObjectMissing):
        store.get("pack")


def test_an_answer_that_is_cut_anywhere_is_whole_or_an_error(bare: S3Store, proxy: FaultyHttp) -> None:
    """Headers that break off look complete to http.client."""
    bare.put("head", b"1" * 50)
    found, lines = bare.get("head"), list(bare.list(""))
    proxy.plan = lambda *_: Fault.DONE_CUT
    uses: dict[str, tuple[Callable[[], object], object]] = {
        "get": (lambda: bare.get("head"), found),
        "size": (lambda: bare.size("head"), 50),
        "list": (lambda: list(bare.list("")), lines),
        "put_if": (lambda: bare.put_if("head", b"1" * 50, version=found.version), found.version),
    }
    for use, expected in uses.values():
        proxy.longest_answer = 0
        proxy.cut_at = 0
        with pytest.raises(StoreUnavailable):
            use()
        for cut_at in range(1, proxy.longest_answer, 11):
            proxy.cut_at = cut_at
            with suppress(StoreUnavailable):
                assert use() == expected, cut_at


def test_content_that_the_way_has_changed_is_an_error(store: RetryingStore, proxy: FaultyHttp) -> None:
    store.put("head", b"here")
    proxy.queue.append(Fault.CHANGED)
    assert store.get("head").data == b"here"
    assert [fault for _, fault in proxy.requests[1:]] == [Fault.CHANGED, Fault.PASS]


def test_a_server_that_is_gone_for_good_is_told_and_ends(bare: S3Store, proxy: FaultyHttp) -> None:
    proxy.plan = lambda *_: Fault.REFUSE
    with pytest.raises(StoreUnavailable):
        patient(bare).put_if("head", b"1", version=None)
    assert 10 < len(proxy.requests) < 60


def test_a_server_that_restarts_is_waited_for(seaweed: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultyHttp(seaweed.url) as before:
        store = seaweed.at(before.url).store(monkeypatch)
        store.put("head", b"1")
    started: list[FaultyHttp] = []

    def restart() -> None:
        if not started:
            started.append(FaultyHttp(seaweed.url, before.port).__enter__())

    try:
        assert patient(store, restart).get("head").data == b"1"
        assert started
    finally:
        for running in started:
            running.__exit__(None, None, None)
        store.close()


def test_writers_that_race_over_a_bad_connection_lose_nothing(bare: S3Store, proxy: FaultyHttp) -> None:
    """Each adds its own lines to what it read. Two of five requests fail, and every line is there once.

    A write whose answer was lost, and which a rival has built on since, is refused like one that was never
    done. So a writer looks for its line before it writes it again.
    """
    luck = random.Random(7)
    quick = [fault for fault in FAULTS if fault not in SILENT]
    store = patient(bare)
    store.put_if("log", b"", version=None)
    proxy.plan = lambda *_: luck.choice(quick) if luck.random() < 0.4 else Fault.PASS

    def write(writer: int) -> None:
        for number in range(6):
            line = b"%d-%d\n" % (writer, number)
            while line not in (found := store.get("log")).data:
                with suppress(PreconditionFailed):
                    store.put_if("log", found.data + line, version=found.version)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, range(3)))
    proxy.plan = None
    lines = store.get("log").data.decode().split()
    assert sorted(lines) == sorted(f"{writer}-{number}" for writer in range(3) for number in range(6))
