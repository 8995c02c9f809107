"""Two cases of the failure matrix, small: three nodes, three accounts, a short lease."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.matrix.__main__ import DURABLE
from bench.matrix.cases import CASES
from bench.matrix.run import Stage, run
from bench.matrix.verdict import problems
from tests import postgres
from tests.s3_server import S3Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]  # a minute on a machine of its own


@pytest.fixture(scope="module")
def stage(seaweed: S3Server) -> Iterator[Stage]:
    with postgres.running(DURABLE) as server:  # of its own: it is stopped in the middle of its work
        yield Stage(
            postgres=server,
            store=seaweed,
            sessions=3,
            lease_seconds=5,
            grace_seconds=60,  # the promise is 15 on a machine of one's own; this one is shared
            patient=False,
            say=print,
        )


@pytest.mark.parametrize("name", ["freeze", "hang"])
def test_three_nodes_break_and_no_account_is_lost_or_run_twice(
    name: str, stage: Stage, tmp_path: Path
) -> None:
    measured = run(CASES[name], stage, tmp_path)
    assert problems(measured) == []
    assert measured.struck > 0
