"""A signature is good for one request, one direction, one node."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import Untrusted
from storage.node_signing import NODE_HEADER, NONCE_HEADER, SIGNATURE_HEADER, Direction, sign, verify

OLD, NEW = "5e1f0c7a" * 8, "b7d94e20" * 8
NOW = datetime(2026, 1, 1, tzinfo=UTC)
URL = "http://10.0.0.7:8100"
CALL: tuple[Any, ...] = ("PUT", "/sessions/x", b"{}")


def test_a_signed_call_is_good_and_names_the_node() -> None:
    headers = sign(OLD, URL, *CALL, NOW, Direction.CALL)
    assert verify(OLD, headers, *CALL, NOW, Direction.CALL) == (URL, headers[NONCE_HEADER])


@pytest.mark.parametrize(
    ("made", "taken"), [(Direction.CALL, Direction.REPORT), (Direction.REPORT, Direction.CALL)]
)
def test_a_call_is_no_report_and_a_report_is_no_call(made: Direction, taken: Direction) -> None:
    headers = sign(OLD, "node-1", *CALL, NOW, made)
    relabelled = headers | {SIGNATURE_HEADER: headers[SIGNATURE_HEADER].replace(made.value, taken.value)}
    for one in (headers, relabelled):
        with pytest.raises(Untrusted):
            verify(OLD, one, *CALL, NOW, taken)


@pytest.mark.parametrize(
    "other",
    [("POST", "/sessions/x", b"{}"), ("PUT", "/sessions/y", b"{}"), ("PUT", "/sessions/x", b"{ }")],
    ids=["method", "path", "body"],
)
def test_a_signature_is_for_one_request(other: tuple[Any, ...]) -> None:
    with pytest.raises(Untrusted):
        verify(OLD, sign(OLD, URL, *CALL, NOW, Direction.CALL), *other, NOW, Direction.CALL)


def test_a_signature_cannot_be_given_to_another_node() -> None:
    headers = sign(OLD, URL, *CALL, NOW, Direction.CALL) | {NODE_HEADER: "http://10.0.0.8:8100"}
    with pytest.raises(Untrusted):
        verify(OLD, headers, *CALL, NOW, Direction.CALL)


def test_while_a_secret_is_replaced_both_are_good() -> None:
    for signing in (OLD, NEW):
        verify((OLD, NEW), sign(signing, URL, *CALL, NOW), *CALL, NOW)
    with pytest.raises(Untrusted, match="POOL_SECRET"):
        verify((NEW,), sign(OLD, URL, *CALL, NOW), *CALL, NOW)


@pytest.mark.parametrize("age", [timedelta(minutes=5, seconds=1), -timedelta(minutes=5, seconds=1)])
def test_a_signature_dies_after_five_minutes(age: timedelta) -> None:
    with pytest.raises(Untrusted, match="clocks"):
        verify(OLD, sign(OLD, URL, *CALL, NOW - age), *CALL, NOW)


@given(
    st.dictionaries(
        st.sampled_from(["Linkpool-Node", "Linkpool-Timestamp", "Linkpool-Nonce", "Linkpool-Signature"]),
        st.text(st.characters(codec=None), max_size=400),
    ),
    st.text(max_size=30),
    st.binary(max_size=30),
)
def test_whatever_the_headers_say_nothing_but_untrusted_comes_of_it(
    headers: dict[str, str], path: str, body: bytes
) -> None:
    with pytest.raises(Untrusted):
        verify((OLD, NEW), headers, "POST", path, body, NOW)
