"""The statistics of the bench."""

import pytest

from bench.samples import Series, median, p95


def test_median_is_the_middle_or_the_mean_of_the_two_in_the_middle() -> None:
    assert median([3.0, 1.0, 2.0]) == 2.0
    assert median([4.0, 1.0, 2.0, 3.0]) == 2.5


@pytest.mark.parametrize(("count", "rank"), [(1, 1), (2, 2), (19, 19), (20, 19), (21, 20), (100, 95)])
def test_p95_is_a_sample_that_95_of_100_do_not_exceed(count: int, rank: int) -> None:
    values = [float(value) for value in range(count, 0, -1)]
    assert p95(values) == rank
    assert sum(value <= p95(values) for value in values) >= 0.95 * count


def test_nothing_has_no_figures() -> None:
    with pytest.raises(ValueError, match="p95 of nothing"):
        p95([])
    with pytest.raises(ValueError, match="at least one sample"):
        Series(values=())


def test_series_keeps_every_sample_in_order() -> None:
    said = Series(values=(0.3, 0.1, 0.2)).to_json()
    assert said["values"] == [0.3, 0.1, 0.2]
    assert (said["samples"], said["median"], said["p95"], said["best"], said["worst"]) == (
        3,
        0.2,
        0.3,
        0.1,
        0.3,
    )
