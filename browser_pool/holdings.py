"""What this node has of each session: a browser, a login that sleeps, or a rest that is being erased.

Rule: one caller at a time changes a session, and holds its `lock`; who only looks needs none.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from browser_pool.errors import NotRunning
from browser_pool.journal import JournalEntry
from browser_pool.keyed_locks import KeyedLocks
from browser_pool.profile import WARM_PREFIX, Profile, profiles_on_disk
from browser_pool.saved_session import Saved
from browser_pool.session_runner import SessionRunner
from browser_pool.sleeping_session import SleepingSession
from browser_pool.workshop import Workshop
from storage.models import LINKED
from storage.node_protocol import HeldSession, SessionSpec


class Holdings:
    """Empty until the pool has taken up what the journal holds; `taken_up` says that it has."""

    def __init__(self, shop: Workshop) -> None:
        self.taken_up = False
        self.half_erased: set[str] = set()
        """Gone from this disk, while the object store has not yet confirmed that it holds nothing of them."""
        self.erased: set[str] = set()
        """Nothing of them is left anywhere, and the functions have not heard of it yet."""
        self.leaving: set[str] = set()
        """Being closed and saved for another node; neither awake nor asleep, and not handed over yet."""
        self.handed_over: set[str] = set()
        """Saved and closed for another node, and the functions have not heard of it yet."""
        self._shop = shop
        self._runners: dict[str, SessionRunner] = {}
        self._asleep: dict[str, JournalEntry] = {}
        self._changing = KeyedLocks()

    # ---- one session

    def lock(self, session_id: str) -> AbstractAsyncContextManager[None]:
        """Held by whoever changes this session."""
        return self._changing.hold(session_id)

    def find(self, session_id: str) -> SessionRunner | None:
        """The session's runner, when it has a browser or is on its way to one."""
        return self._runners.get(session_id)

    def runner(self, session_id: str) -> SessionRunner:
        """The same. Raises NotRunning."""
        try:
            return self._runners[session_id]
        except KeyError as error:
            raise NotRunning(f"session {session_id} has no browser on this node") from error

    def asleep(self, session_id: str) -> JournalEntry | None:
        """What is known of a hibernated session; None when it is awake, or not here."""
        return self._asleep.get(session_id)

    def spec(self, session_id: str) -> SessionSpec:
        """What this node was told of a session, awake or not. Raises NotRunning."""
        entry = self._asleep.get(session_id)
        return self.runner(session_id).spec if entry is None else entry.spec

    def saved(self, session_id: str) -> Saved:
        """A session as the snapshotter sees it, awake or not. Raises NotRunning."""
        entry = self._asleep.get(session_id)
        return self.runner(session_id).awake if entry is None else SleepingSession(self._shop, entry)

    def profile(self, session_id: str) -> Profile:
        """Where its login lies; an adopted one keeps its warm slot's name while its browser runs."""
        runner = self._runners.get(session_id)
        return Profile(self._shop.data_dir, session_id) if runner is None else runner.profile

    def is_linked(self, session_id: str) -> bool:
        """It is here, and an account is behind it."""
        runner = self._runners.get(session_id)
        return session_id in self._asleep or (runner is not None and runner.status in LINKED)

    def has(self, session_id: str) -> bool:
        """It is here, awake or not."""
        return session_id in self._asleep or session_id in self._runners

    def held_before(self, session_id: str, moment: float) -> bool:
        """This node has held the session since before this (monotonic) moment."""
        runner = self._runners.get(session_id)
        return session_id in self._asleep or (runner is not None and runner.taken_at < moment)

    # ---- all of them

    @property
    def runners(self) -> list[SessionRunner]:
        """Every session that has a browser or is on its way to one."""
        return list(self._runners.values())

    @property
    def hibernated(self) -> int:
        return len(self._asleep)

    def hibernated_before(self, moment: datetime) -> list[str]:
        """Sessions that have slept since before this."""
        return [
            session_id
            for session_id, entry in self._asleep.items()
            if entry.hibernated_at is not None and entry.hibernated_at < moment
        ]

    def savable(self) -> list[Saved]:
        """Every linked session, awake or not, for the snapshotter."""
        sleepers = [SleepingSession(self._shop, entry) for entry in self._asleep.values()]
        return [*(runner.awake for runner in self._runners.values()), *sleepers]

    @property
    def is_empty(self) -> bool:
        """No session is here, or on its way to another node without the functions having heard of it."""
        return not (self.held() or self._asleep or self.leaving or self.handed_over)

    # ---- for the heartbeat

    def held(self) -> list[HeldSession]:
        """What runs here. Until all is taken up, what the journal says."""
        if not self.taken_up:
            return [_held(entry) for entry in self._shop.journal.entries() if not is_warm(entry)]
        return [
            HeldSession(
                id=runner.spec.id,
                generation=runner.spec.generation,
                start_seq=runner.spec.start_seq,
                status=runner.status.value,
            )
            for runner in self._runners.values()
        ]

    def profiles(self) -> list[str]:
        """Session ids whose profile lies on this disk."""
        on_disk = {name for name in profiles_on_disk(self._shop.data_dir) if not name.startswith(WARM_PREFIX)}
        return sorted(on_disk | set(self._runners) | set(self._asleep) | self.half_erased)

    def untold(self) -> set[str]:
        """Session ids of which the functions have not heard everything yet."""
        return self._shop.outbox.sessions()

    def handed_over_to_tell(self) -> list[str]:
        """After their last events: those would come from a node that has them no more."""
        return sorted(one for one in self.handed_over if not self._shop.outbox.pending_of(one))

    def forget_erased(self, told: Collection[str]) -> None:
        """The functions have heard of these."""
        self.erased.difference_update(told)

    def forget_handed_over(self, told: Collection[str]) -> None:
        """The functions have heard of these."""
        self.handed_over.difference_update(told)

    # ---- changes; the caller holds the session's lock

    def run(self, entry: JournalEntry) -> None:
        """Have a browser for it, from where the entry says."""
        profile = Profile(self._shop.data_dir, entry.spec.id, entry.profile)
        self.hold(SessionRunner(self._shop, profile, entry))

    def hold(self, runner: SessionRunner) -> None:
        """Begin with a runner; it leaves by itself when its session is over."""
        self._runners[runner.spec.id] = runner
        runner.start(self._on_end)

    def _on_end(self, runner: SessionRunner) -> None:
        if self._runners.get(runner.spec.id) is runner and not runner.stopping:
            del self._runners[runner.spec.id]

    def let_go(self, runner: SessionRunner) -> None:
        """Its browser has been closed."""
        self._runners.pop(runner.spec.id, None)

    def rest(self, entry: JournalEntry) -> None:
        """It sleeps from now on, or is wanted otherwise while it does."""
        self._asleep[entry.spec.id] = entry

    def rouse(self, session_id: str) -> JournalEntry | None:
        """It sleeps no more; what was known of it."""
        return self._asleep.pop(session_id, None)


def is_warm(entry: JournalEntry) -> bool:
    """A warm slot's, which no session has adopted."""
    return entry.profile == entry.spec.id and entry.profile.startswith(WARM_PREFIX)


def _held(entry: JournalEntry) -> HeldSession:
    spec = entry.spec
    return HeldSession(
        id=spec.id, generation=spec.generation, start_seq=spec.start_seq, status=entry.status.value
    )
