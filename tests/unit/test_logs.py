"""Log lines."""

import asyncio
import contextvars
import io
import json
import logging
from collections.abc import Iterator

import pytest

from storage import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    made = io.StringIO()
    logs.configure(made)
    yield made
    root.handlers[:] = before
    root.setLevel(level)


def test_a_line_is_one_json_object_with_event_and_fields(stream: io.StringIO) -> None:
    logging.getLogger("part").info("slot_assigned", extra={"session_id": "s", "waited_ms": 41})
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["session_id"], line["waited_ms"]) == (
        "slot_assigned",
        "info",
        "s",
        41,
    )
    assert line["time"].endswith("Z")


def test_a_traceback_stays_in_its_line(stream: io.StringIO) -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("part").exception("broke")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError" in json.loads(line)["traceback"]


@pytest.mark.parametrize(
    ("number", "masked"), [("+6281234567890", "+62*********90"), ("+123", "****"), (None, None)]
)
def test_a_number_is_masked(number: str | None, masked: str | None) -> None:
    assert logs.mask_phone(number) == masked


def test_debug_is_for_our_own_lines_and_not_for_those_of_libraries(stream: io.StringIO) -> None:
    logs.configure(stream, "debug")
    logging.getLogger("browser_pool.slot").debug("ours")
    logging.getLogger("urllib3.connectionpool").debug("POST /secret/path")
    logs.configure(stream)
    logging.getLogger("browser_pool.slot").debug("no longer")
    assert "ours" in stream.getvalue()
    assert "secret" not in stream.getvalue()
    assert "no longer" not in stream.getvalue()


def test_lines_of_a_request_carry_its_id_also_in_what_it_began(stream: io.StringIO) -> None:
    log = logging.getLogger("part")

    async def later() -> None:
        log.info("later")

    async def request() -> None:
        logs.REQUEST_ID.set("req-1")
        log.info("now")
        await asyncio.create_task(later())

    contextvars.Context().run(asyncio.run, request())  # nothing of what ran before in this process
    contextvars.Context().run(log.info, "elsewhere")
    lines = [json.loads(line) for line in stream.getvalue().splitlines() if '"part"' in line]
    assert [(line["event"], line.get("request_id")) for line in lines] == [
        ("now", "req-1"),
        ("later", "req-1"),
        ("elsewhere", None),
    ]


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\nb", "é", None])
def test_an_id_that_could_do_harm_is_not_taken_over(given: str | None) -> None:
    assert logs.harmless_request_id(given) is None
