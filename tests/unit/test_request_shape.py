"""When a request has arrived whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.raw_body import MAX_BODY_BYTES
from functions.request_shape import LARGEST_HEAD, Arrived, RequestShape, is_urgent

GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
CHUNKED = POST.replace(b"Content-Length: 4", b"Transfer-Encoding: chunked")


def looked(data: bytes) -> Arrived:
    return RequestShape().look(bytearray(data))


@pytest.mark.parametrize(
    ("data", "arrived"),
    [
        (GET, Arrived.WHOLE),
        (GET[:-1], Arrived.PART),
        (POST + b"{}", Arrived.PART),
        (POST + b"{}  ", Arrived.WHOLE),
        (POST + b"{}  GET", Arrived.WHOLE),
        (POST.replace(b": 4", b": -4"), Arrived.WHOLE),
        (POST.replace(b": 4", b": four"), Arrived.WHOLE),
        (POST.replace(b": 4", b": " + b"9" * 30), Arrived.WHOLE),
        (POST.replace(b": 4", f": {MAX_BODY_BYTES + 1}".encode()), Arrived.UNREAD),
        (POST.replace(b": 4", f": {MAX_BODY_BYTES}".encode()), Arrived.PART),
        (POST.replace(b"Content-Length: 4", b"content-length:\t4") + b"{}", Arrived.PART),
        (CHUNKED, Arrived.PART),
        (CHUNKED + b"2\r\n{}\r\n0\r\n\r\n", Arrived.WHOLE),
        (CHUNKED + b"2;x=y\r\n{}\r\n0\r\nTrailer: x\r\n\r\n", Arrived.WHOLE),
        (CHUNKED + b"100\r\n 0\r\n\r\n0\r\n\r\n", Arrived.PART),
        (CHUNKED + b"0\r\nTrailer: x\r\n", Arrived.PART),
        (CHUNKED + b"x\r\n", Arrived.MALFORMED),
        (CHUNKED + b"1" * 300, Arrived.MALFORMED),
        (CHUNKED + b"FFFFFFF\r\n" + b"x" * 2 * MAX_BODY_BYTES, Arrived.BODY_TOO_LARGE),
        (POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"), Arrived.AWAITED),
        (b"G" * (LARGEST_HEAD + 1), Arrived.HEAD_TOO_LARGE),
        (b"G" * LARGEST_HEAD + GET, Arrived.HEAD_TOO_LARGE),
    ],
)
def test_a_request_is_whole_when_nothing_more_is_to_be_read(data: bytes, arrived: Arrived) -> None:
    assert looked(data) is arrived


@given(st.integers(1, 100), st.sampled_from([b"chunked", b"length"]))
def test_it_does_not_matter_how_it_is_cut(cut: int, how: bytes) -> None:
    shape, data, answers = RequestShape(), bytearray(), []
    whole = POST + b"{}  " if how == b"length" else CHUNKED + b"2\r\n{}\r\na\r\n0123456789\r\n0\r\n\r\n"
    for piece in [whole[i : i + cut] for i in range(0, len(whole), cut)]:
        data += piece
        answers.append(shape.look(data))
    assert answers[-1] is Arrived.WHOLE
    assert set(answers[:-1]) <= {Arrived.PART}


def test_100_continue_is_said_once() -> None:
    shape, data = RequestShape(), bytearray(POST.replace(b"\r\n\r\n", b"\r\nexpect: 100-Continue\r\n\r\n"))
    assert [shape.look(data), shape.look(data)] == [Arrived.AWAITED, Arrived.PART]


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_bytes_bring_it_down(first: bytes, second: bytes) -> None:
    shape, data = RequestShape(), bytearray(first)
    shape.look(data)
    data += second
    shape.look(data)
    shape.is_exactly(data)
    is_urgent(data)


def test_a_connection_goes_on_only_after_exactly_one_request() -> None:
    for data, exactly in (
        (GET, True),
        (GET + b"G", False),
        (GET.replace(b"Host: x", b"Connection: Close"), False),
        (POST + b"{}  ", True),
        (CHUNKED + b"2\r\n{}\r\n0\r\n\r\n", True),
        (CHUNKED + b"2\r\n{}\r\n0\r\n\r\nG", False),
    ):
        shape = RequestShape()
        shape.look(bytearray(data))
        assert shape.is_exactly(bytearray(data)) is exactly


def test_a_browser_is_told_from_a_program() -> None:
    fields = {b"Accept: text/html,*/*": True, b"accept: application/json": False, b"X: y": False}
    for field, page in fields.items():
        data = bytearray(GET.replace(b"Host: x", field))
        shape = RequestShape()
        shape.look(data)
        assert shape.wants_page(data) is page


def test_what_nodes_and_probes_ask_is_urgent() -> None:
    assert is_urgent(bytearray(GET))
    assert is_urgent(bytearray(b"POST /api/nodes/a/heartbeat HTTP/1.1"))
    assert not is_urgent(bytearray(POST))
