"""When an event stream ends and when it only breathes; how many there may be."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from functions import gunicorn_conf
from functions.event_feed import EventFeed
from functions.stream_places import STREAMS_PER_PROCESS, ProcessFull, StreamPlaces, WorkspaceFull
from storage.clock import SystemClock
from storage.database import Database, open_database
from storage.event_stream import EventStream, StreamFilter
from tests.fakes.databases import registry_in

HOLDER = """
import sys
from pathlib import Path
from functions.stream_places import StreamPlaces
place = StreamPlaces(Path(sys.argv[1]), per_workspace=1).take("w")
print("taken", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = open_database(registry_in(tmp_path))
    made.migrate()
    yield made
    made.close()


def feed(database: Database, client: socket.socket, stop: bool = False, **times: timedelta) -> EventFeed:
    return EventFeed(
        database=database,
        stream=EventStream(database),
        clock=SystemClock(),
        client=client,
        is_stopping=lambda: stop,
        workspace_id="w",
        position=7,
        wanted=StreamFilter(),
        **times,
    )


def test_a_quiet_stream_breathes_and_ends_when_its_time_is_over(
    database: Database, sockets: tuple[socket.socket, socket.socket]
) -> None:
    short = timedelta(milliseconds=200)
    pieces = list(feed(database, sockets[0], lifetime=short, heartbeat=timedelta(milliseconds=10)))
    assert pieces[0] == b"retry: 1000\nid: 7\n\n"
    assert len(pieces) > 1
    assert set(pieces[1:]) == {b": alive\n\n"}


def test_a_stream_ends_when_its_client_leaves(
    database: Database, sockets: tuple[socket.socket, socket.socket]
) -> None:
    pieces = iter(feed(database, sockets[0]))
    next(pieces)
    sockets[1].close()
    assert list(pieces) == []


def test_a_stream_ends_when_the_process_stops(
    database: Database, sockets: tuple[socket.socket, socket.socket]
) -> None:
    assert len(list(feed(database, sockets[0], stop=True))) == 1


def test_streams_leave_half_of_the_threads_to_requests() -> None:
    assert gunicorn_conf.threads >= STREAMS_PER_PROCESS * 2


def test_places_are_counted_by_workspace_and_by_process(tmp_path: Path) -> None:
    places = StreamPlaces(tmp_path / "streams", per_workspace=2, per_process=3)
    held = [places.take("a"), places.take("a"), places.take("b")]
    with pytest.raises(WorkspaceFull):
        places.take("a")
    with pytest.raises(ProcessFull):
        places.take("b")
    held[0].release()
    held[0].release()
    held.append(places.take("b"))
    for place in held:
        place.release()
    assert (tmp_path / "streams").stat().st_mode & 0o777 == 0o600


def test_places_are_counted_over_processes_and_come_back_from_the_dead(tmp_path: Path) -> None:
    places = StreamPlaces(tmp_path / "streams", per_workspace=1)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "streams")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"taken\n"
        with pytest.raises(WorkspaceFull):
            places.take("w")
        holder.kill()
        holder.wait()
        places.take("w").release()
