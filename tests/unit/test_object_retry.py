"""What is tried again, for how long, and how the outcome of a lost conditional write is found out."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from storage.clock import ManualClock
from storage.object_directory import DirectoryStore
from storage.object_retry import RetryingStore
from storage.objects import ObjectMissing, PreconditionFailed, StoreRefused, StoreUnavailable
from tests.fakes.flaky_store import Break, FlakyStore

NONE, BEFORE, AFTER = Break.NONE, Break.BEFORE, Break.AFTER


class Patience:
    """Waits by moving a clock; remembers for how long."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.waited: list[float] = []

    def wait(self, seconds: float) -> bool | None:
        self.waited.append(seconds)
        self.clock.advance(timedelta(seconds=seconds))
        return None


@pytest.fixture
def real(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def flaky(real: DirectoryStore) -> FlakyStore:
    return FlakyStore(real)


@pytest.fixture
def patience() -> Patience:
    return Patience()


@pytest.fixture
def store(flaky: FlakyStore, patience: Patience) -> RetryingStore:
    return RetryingStore(flaky, clock=patience.clock, wait=patience.wait, jitter=lambda: 1.0)


@pytest.mark.parametrize("fault", [BEFORE, AFTER])
@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.get("head").data,
        lambda store: store.size("head"),
        lambda store: store.put("head", b"old"),
        lambda store: store.delete("head"),
        lambda store: [line.key for line in store.list("")],
    ],
    ids=["get", "size", "put", "delete", "list"],
)
def test_what_can_be_repeated_is_repeated_until_it_is_answered(
    store: RetryingStore,
    real: DirectoryStore,
    flaky: FlakyStore,
    use: Callable[[object], object],
    fault: Break,
) -> None:
    real.put("head", b"old")
    real.put("other", b"1")
    expected = use(real)
    flaky.plan = [fault, fault, fault]
    assert use(store) == expected
    assert len(flaky.calls) == 4


@pytest.mark.parametrize("plan", [[BEFORE], [AFTER], [BEFORE, AFTER], [AFTER, BEFORE], [AFTER, AFTER, AFTER]])
@pytest.mark.parametrize("existing", [False, True], ids=["create", "overwrite"])
def test_a_conditional_write_that_got_no_answer_is_done_once(
    store: RetryingStore, real: DirectoryStore, flaky: FlakyStore, plan: list[Break], existing: bool
) -> None:
    version = real.put_if("head", b"before", version=None) if existing else None
    flaky.plan = plan
    given = store.put_if("head", b"ours", version=version)
    assert real.get("head").data == b"ours"
    assert real.get("head").version == given


@pytest.mark.parametrize("fault", [BEFORE, AFTER])
def test_a_rival_that_won_meanwhile_is_not_taken_for_us(
    store: RetryingStore, real: DirectoryStore, flaky: FlakyStore, patience: Patience, fault: Break
) -> None:
    version = real.put_if("head", b"before", version=None)

    def rival(seconds: float) -> bool | None:
        real.put("head", b"the rival's")
        return patience.wait(seconds)

    flaky.plan = [fault]
    store = RetryingStore(flaky, clock=patience.clock, wait=rival)
    with pytest.raises(PreconditionFailed):
        store.put_if("head", b"ours", version=version)
    assert real.get("head").data == b"the rival's"


def test_an_answer_that_says_no_is_believed_without_reading(
    store: RetryingStore, real: DirectoryStore, flaky: FlakyStore
) -> None:
    real.put("head", b"ours")
    with pytest.raises(PreconditionFailed):
        store.put_if("head", b"ours", version=None)
    assert flaky.calls == ["put_if"]


def test_an_object_that_was_deleted_meanwhile_is_not_ours(
    real: DirectoryStore, flaky: FlakyStore, patience: Patience
) -> None:
    version = real.put_if("head", b"before", version=None)

    def vanish(seconds: float) -> bool | None:
        real.delete("head")
        return patience.wait(seconds)

    flaky.plan = [AFTER]
    with pytest.raises(PreconditionFailed):
        RetryingStore(flaky, clock=patience.clock, wait=vanish).put_if("head", b"ours", version=version)


def test_looking_for_our_own_write_is_tried_again_too(
    store: RetryingStore, real: DirectoryStore, flaky: FlakyStore
) -> None:
    flaky.plan = [AFTER, NONE, BEFORE, NONE, AFTER]  # put_if, put_if, get, put_if, get
    given = store.put_if("head", b"ours", version=None)
    assert given == real.get("head").version
    assert flaky.calls == ["put_if", "put_if", "get", "put_if", "get", "put_if", "get"]


def test_only_unavailable_is_tried_again(
    store: RetryingStore, flaky: FlakyStore, patience: Patience, tmp_path: Path
) -> None:
    with pytest.raises(ObjectMissing):
        store.get("nothing")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "file").touch()
    strange = RetryingStore(DirectoryStore(tmp_path / "strange"), wait=patience.wait)
    with pytest.raises(StoreRefused):
        strange.get("nothing")
    assert patience.waited == []


def test_the_budget_ends_it_and_the_last_error_is_told(
    store: RetryingStore, flaky: FlakyStore, patience: Patience
) -> None:
    flaky.plan = [BEFORE] * 1000
    with pytest.raises(StoreUnavailable, match="the connection broke"):
        store.put_if("head", b"1", version=None)
    assert patience.waited[:7] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0])
    assert 50 < sum(patience.waited) <= 60


def test_pauses_are_spread(flaky: FlakyStore, patience: Patience) -> None:
    flaky.plan = [BEFORE] * 3
    RetryingStore(flaky, clock=patience.clock, wait=patience.wait, jitter=lambda: 0.0).put("head", b"1")
    assert patience.waited == pytest.approx([0.05, 0.1, 0.2])


def test_a_service_that_stops_is_not_held_up(flaky: FlakyStore) -> None:
    flaky.plan = [BEFORE] * 3
    with pytest.raises(StoreUnavailable):
        RetryingStore(flaky, wait=lambda _: True).put("head", b"1")
    assert flaky.calls == ["put"]
