"""What breaks during a soak: kill -9, SIGTERM, the store, the receiver, sockets, one at a time, at random.

Rule: our own processes and the driver are left alone from two fifths on, so that what they hold can be
followed for long enough to tell growth from a beginning. The rest breaks until the end.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from bench import processes
from bench.soak_samples import roles
from tests.faulty_http import Fault, FaultyHttp
from tests.standin.client import PhoneRefused
from tests.system import System
from tests.waiting import eventually

LONGER_SECONDS = 60.0
PROCESSES_UNTIL = 0.4
"""Of the whole time."""


@dataclass(frozen=True, kw_only=True)
class Happened:
    """One fault, for the report and the picture."""

    at: float
    what: str


class Faults:
    """`run` in the main thread until the soak's time is over."""

    def __init__(
        self,
        seed: int,
        system: System,
        store: FaultyHttp | None,
        began: float,
        pause: tuple[float, float],
        say: Callable[[str], None],
    ) -> None:
        self.happened: list[Happened] = []
        self.broken: list[str] = []
        """Faults that could not be ended: a process that did not stop in order or start again."""
        self._random = random.Random(seed)
        self._system = system
        self._store = store
        self._began = began
        self._pause = pause
        self._say = say
        self._rest = threading.Event()

    @property
    def counts(self) -> Counter[str]:
        return Counter(one.what for one in self.happened)

    def run(self, seconds: float, enough: Callable[[], bool] = lambda: True) -> None:
        """Every fault of the beginning at least once, when there is time for it. A short soak on a busy
        machine goes on until `enough` was done."""
        spared, end = self._began + seconds * PROCESSES_UNTIL, self._began + seconds
        turn: list[Callable[[], None]] = []
        while time.monotonic() < end or (not enough() and time.monotonic() < end + LONGER_SECONDS):
            self._rest.wait(self._random.uniform(*self._pause))
            early = time.monotonic() < spared
            if not turn or (not early and any(one in self._on_processes() for one in turn)):
                turn = [*self._on_the_rest(), *(self._on_processes() if early else [])]
                self._random.shuffle(turn)
            fault = turn.pop()
            at = time.monotonic() - self._began
            self._say(f"{fault.__name__}")
            self.happened.append(Happened(at=at, what=fault.__name__))
            try:
                fault()
            except (AssertionError, OSError, TimeoutError) as error:
                self.broken.append(f"{at:.0f} s {fault.__name__}: {type(error).__name__}: {error}"[:400])
                self._start_what_is_missing()

    def _on_the_rest(self) -> list[Callable[[], None]]:
        with_store = [self.store_is_away, self.store_fails_now_and_then] if self._store else []
        return [
            self.kill_a_browser,
            self.kill_a_browser,
            self.cut_all_sockets,
            self.receiver_is_down,
            self.receiver_hangs_up,
            *with_store,
        ]

    def _on_processes(self) -> list[Callable[[], None]]:
        return [
            self.kill_the_driver,
            self.kill_the_pool,
            self.kill_the_functions,
            self.kill_a_worker,
            self.kill_the_deliverer,
            self.kill_pool_and_browsers,
            self.restart_the_pool,
            self.restart_the_functions,
            self.restart_the_deliverer,
        ]

    # ---- faults

    def kill_a_browser(self) -> None:
        if browsers := sorted(self._system.browsers()):
            with suppress(ProcessLookupError):
                os.killpg(self._random.choice(browsers), signal.SIGKILL)

    def kill_the_driver(self) -> None:
        self._kill_role("driver")

    def kill_a_worker(self) -> None:
        self._kill_role("functions worker")

    def cut_all_sockets(self) -> None:
        with suppress(PhoneRefused):
            self._system.standin.drop()

    def receiver_is_down(self) -> None:
        self._answers(503)

    def receiver_hangs_up(self) -> None:
        self._answers(0)

    def store_is_away(self) -> None:
        self._store_does(lambda *_: Fault.REFUSE)

    def store_fails_now_and_then(self) -> None:
        choices = [Fault.PASS, Fault.PASS, Fault.ERROR, Fault.DONE_LOST, Fault.REFUSE]
        self._store_does(lambda *_: self._random.choice(choices))

    def kill_the_pool(self) -> None:
        self._kill_and_start("pool")

    def kill_the_functions(self) -> None:
        self._kill_and_start("functions")

    def kill_the_deliverer(self) -> None:
        self._kill_and_start("deliverer")

    def kill_pool_and_browsers(self) -> None:
        self._system.kill("pool")
        for pid in self._system.browsers():
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self._system.start("pool")

    def restart_the_pool(self) -> None:
        self._restart("pool")

    def restart_the_functions(self) -> None:
        self._restart("functions")

    def restart_the_deliverer(self) -> None:
        self._restart("deliverer")

    # ---- how

    def _answers(self, status: int) -> None:
        receiver = self._system.receiver
        usual, receiver.answer = receiver.answer, lambda _: (status, {})
        self._rest.wait(self._random.uniform(2, 10))
        receiver.answer = usual

    def _store_does(self, plan: Callable[[str, str], Fault]) -> None:
        assert self._store is not None
        self._store.plan = plan
        self._rest.wait(self._random.uniform(2, 15))
        self._store.plan = None

    def _kill_role(self, role: str) -> None:
        pid = roles(self._system.running(), processes.running()).get(role)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _kill_and_start(self, name: str) -> None:
        self._system.kill(name)
        self._rest.wait(self._random.uniform(0, 3))
        self._system.start(name)

    def _restart(self, name: str) -> None:
        self._system.stop(name)
        self._system.start(name)

    def _start_what_is_missing(self) -> None:
        for name in ("functions", "pool", "deliverer"):
            if name not in self._system.running():
                self._system.start(name)
        eventually(self._system._node_is_live, "a node is live", within=60)
