"""What becomes of requests that are offered at a constant rate, counted by the bench."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bench.open_loop import Offered, OpenLoop

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
SAME = b"HTTP/1.1 304 NOT MODIFIED\r\n\r\n"
BUSY = b"HTTP/1.1 503 BUSY\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextmanager
def server(*answers: bytes) -> Iterator[int]:
    """Gives these answers in turn on each connection; an empty one closes it instead."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            turn = 0
            while line := self.rfile.readline():
                if line != b"\r\n":
                    continue
                answer = answers[turn % len(answers)]
                turn += 1
                self.wfile.write(answer)
                if not answer or b"close" in answer:
                    return

    class Threads(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Threads(("127.0.0.1", 0), Handler) as started:
        thread = threading.Thread(target=started.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield started.server_address[1]
        finally:
            started.shutdown()
            thread.join()


def offer(port: int, most_connections: int = 4) -> Offered:
    return OpenLoop(port, [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], most_connections).offer(100, 0.3)


def test_every_request_is_answered_lost_or_not_sent() -> None:
    with server(OK, SAME, BUSY, OK) as port:
        offered = offer(port)
    assert set(offered.statuses) <= {200, 304, 503}
    assert sum(offered.statuses.values()) + offered.lost + offered.not_sent == 30
    assert offered.lost == 0
    assert len(offered.good_took) == offered.statuses[200] + offered.statuses[304]
    assert offered.quantile(0.5) is not None


def test_a_connection_that_ends_without_an_answer_is_lost_and_another_is_made() -> None:
    with server(OK, b"") as port:
        offered = offer(port)
    assert offered.lost > 0
    assert offered.statuses[200] > 0
    assert offered.connections > 1


def test_what_finds_no_connection_free_is_told_as_not_sent() -> None:
    slow = threading.Event()

    class Waiting(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            slow.wait(10)
            self.request.recv(100)
            self.request.sendall(OK)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Waiting) as started:
        thread = threading.Thread(target=started.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        threading.Timer(0.4, slow.set).start()
        offered = offer(started.server_address[1], most_connections=3)
        started.shutdown()
        thread.join()
    assert (offered.statuses[200], offered.not_sent, offered.lost) == (3, 27, 0)
