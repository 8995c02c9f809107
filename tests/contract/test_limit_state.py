"""What all that count requests do alike: the file of one machine, and the rows of both registries."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from functions.limit_state import LimitState, RegistryLimits
from functions.limit_table import LimitTable
from functions.rate_policy import RatePolicy
from storage.database import open_database
from storage.limit_rows import LimitRows

NOW = 1_800_000_000.0
TEN = RatePolicy(name="ten", quota=10)
Open = Callable[[], LimitState]


def in_file(path: str) -> LimitState:
    return LimitTable(Path(path))


class OwnRegistry(RegistryLimits):
    """On a registry that nobody else has open here."""

    def __init__(self, url: str) -> None:
        self._database = open_database(url)
        self._database.migrate()
        super().__init__(LimitRows(self._database))

    def close(self) -> None:
        super().close()
        self._database.close()


def in_registry(url: str) -> LimitState:
    return OwnRegistry(url)


@pytest.fixture(params=["file", "sqlite", "postgres"])
def open_state(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Also for another process to call."""
    if request.param == "file":
        return partial(in_file, str(tmp_path / "limits"))
    if request.param == "sqlite":
        return partial(in_registry, f"sqlite:///{tmp_path}/registry.db")
    return partial(in_registry, request.getfixturevalue("postgres_url"))


@pytest.fixture
def state(open_state: Open) -> Iterator[LimitState]:
    opened = open_state()
    yield opened
    opened.close()


def allowed(state: LimitState, times: int, who: str = "a", now: float = NOW) -> int:
    return sum(state.take(TEN, who, now).allowed for _ in range(times))


def test_a_full_quota_may_come_at_once_and_no_more(state: LimitState) -> None:
    assert allowed(state, 50) == 10


def test_it_is_refilled_evenly(state: LimitState) -> None:
    allowed(state, 10)
    assert allowed(state, 3, now=NOW + 5.9) == 0
    assert allowed(state, 3, now=NOW + 6.1) == 1
    assert allowed(state, 20, now=NOW + 30.1) == 4
    assert allowed(state, 20, now=NOW + 300) == 10


def test_what_is_told_is_what_happens(state: LimitState) -> None:
    left = [state.take(TEN, "a", NOW).to_field() for _ in range(10)]
    assert (left[0], left[-1]) == ('"ten";r=9;t=6', '"ten";r=0;t=60')
    refused = state.take(TEN, "a", NOW + 1)
    assert (refused.allowed, refused.retry_after) == (False, 5)
    assert state.take(TEN, "a", NOW + 1 + refused.retry_after).allowed
    assert TEN.to_field() == '"ten";q=10;w=60'


def test_looking_takes_nothing(state: LimitState) -> None:
    assert allowed(state, 9) == 9
    assert all(state.look(TEN, "a", NOW).allowed for _ in range(20))
    assert allowed(state, 5) == 1
    assert not state.look(TEN, "a", NOW).allowed
    assert state.look(TEN, "nobody yet", NOW).allowed


def test_one_caller_takes_nothing_from_another(state: LimitState) -> None:
    assert allowed(state, 20, "a") == 10
    assert allowed(state, 20, "b") == 10
    assert state.take(RatePolicy(name="other", quota=10), "a", NOW).allowed


def test_a_clock_that_is_set_back_locks_nobody_out_for_longer_than_a_window(state: LimitState) -> None:
    allowed(state, 10, now=NOW + 365 * 86400)
    refused = state.take(TEN, "a", NOW)
    assert refused.retry_after <= 60
    assert state.take(TEN, "b", NOW).allowed


@pytest.mark.parametrize("who", ["", "\udc80\ud800", "x" * 100_000, "\n", "a\nb"])
def test_any_text_names_a_caller(state: LimitState, who: str) -> None:
    assert state.take(TEN, who, NOW).allowed


def test_threads_share_a_quota(state: LimitState) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda _: allowed(state, 10), range(8))) == 10


def _in_process(open_state: Open) -> int:
    state = open_state()
    try:
        return allowed(state, 10)
    finally:
        state.close()


def test_processes_share_a_quota(open_state: Open) -> None:
    open_state().close()
    with multiprocessing.get_context("spawn").Pool(3) as processes:
        assert sum(processes.map(_in_process, [open_state] * 6)) == 10


def test_the_file_does_not_grow_and_forgets_who_is_nearest_to_being_whole(tmp_path: Path) -> None:
    table = LimitTable(tmp_path / "limits")
    size = (tmp_path / "limits").stat().st_size
    allowed(table, 10, "the flood's victim")
    for number in range(20_000):
        table.take(TEN, f"address {number}", NOW)
    assert not table.take(TEN, "the flood's victim", NOW).allowed
    assert (tmp_path / "limits").stat().st_size == size
    table.close()
    table.close()


@pytest.mark.parametrize("content", [b"", b"x", b"lplimit1" + bytes(100), bytes(2_000_000)])
def test_a_file_that_is_none_of_ours_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "limits").write_bytes(content)
    table = LimitTable(tmp_path / "limits")
    assert allowed(table, 20) == 10
    table.close()
    again = LimitTable(tmp_path / "limits")
    assert allowed(again, 20) == 0
    again.close()


def test_a_new_file_harms_nobody_who_has_the_old_one_mapped(tmp_path: Path) -> None:
    """Cutting a mapped file would kill him at his next touch."""
    old = LimitTable(tmp_path / "limits")
    assert allowed(old, 10) == 10
    (tmp_path / "limits").unlink()
    (tmp_path / "limits").write_bytes(b"of another release")
    new = LimitTable(tmp_path / "limits")
    assert (allowed(new, 20), allowed(old, 20)) == (10, 0)
    old.close()
    new.close()


def test_rows_of_who_is_whole_again_are_removed(registry_url: str) -> None:
    database = open_database(registry_url)
    database.migrate()
    rows = LimitRows(database)
    rows.take("a", now=NOW, interval=6, window=60)
    rows.take("b", now=NOW + 100, interval=6, window=60)
    assert rows.forget(NOW + 50) == 1
    assert (rows.look("a"), rows.look("b")) == (0.0, NOW + 106)
    database.close()
