"""Whatever comes in from outside is read, or refused by its parser's own type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

CASES = Path(__file__).parent.parent / "fuzz" / "cases"
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
quick = settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def spoilt(draw: st.DrawFn, seed: bytes) -> bytes:
    """An honest input with some bytes replaced, removed or doubled."""
    data = bytearray(seed)
    for _ in range(draw(st.integers(1, 4))):
        at, much = draw(st.integers(0, len(data))), draw(st.integers(0, 6))
        data[at : at + much] = draw(st.binary(max_size=6) | st.just(bytes(data[at : at + much] * 3)))
    return bytes(data)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [one for key, inner in value.items() for one in _paths(inner, (*path, key))]
    elif isinstance(value, list):
        found += [one for index, inner in enumerate(value) for one in _paths(inner, (*path, index))]
    return found


@st.composite
def altered(draw: st.DrawFn, seed: bytes) -> bytes:
    """An honest JSON document with one value of it replaced by any other."""
    document = json.loads(seed)
    path = draw(st.sampled_from(_paths(document)))
    other = draw(JSON)
    if not path:
        return json.dumps(other).encode()
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = other
    return json.dumps(document).encode()


def inputs(name: str) -> st.SearchStrategy[bytes]:
    """Anything, honest input that was spoilt, and honest JSON with a wrong value."""
    honest = seeds()[name]
    documents = [seed for seed in honest if seed.startswith(b"{")]
    return st.one_of(
        st.binary(max_size=200),
        st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
        *[spoilt(seed) for seed in honest],
        *[altered(seed) for seed in documents],
    )


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_any_input_is_read_or_refused(name: str) -> None:
    @quick
    @given(inputs(name))
    def fuzz(data: bytes) -> None:
        TARGETS[name](data)

    fuzz()


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_honest_input_is_a_seed_of_every_target(name: str) -> None:
    assert seeds()[name]
    for seed in seeds()[name]:
        TARGETS[name](seed)


@pytest.mark.parametrize("case", sorted(path.relative_to(CASES).as_posix() for path in CASES.glob("*/*")))
def test_what_was_found_once_is_not_found_again(case: str) -> None:
    TARGETS[case.partition("/")[0]]((CASES / case).read_bytes())
