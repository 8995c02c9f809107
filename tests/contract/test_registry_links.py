"""Who a link belongs to, on every database that the registry may live in."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from storage.errors import Conflict
from storage.events import EventType
from storage.models import SessionStatus, Wanted
from tests.contract.test_registry_concurrency import at_once
from tests.contract.test_registry_events import PHONE, World


@pytest.fixture
def world(registry_url: str) -> Iterator[World]:
    made = World(registry_url)
    yield made
    made.database.close()


def test_of_browsers_that_open_a_link_at_once_one_gets_it(world: World) -> None:
    session = world.session(link_token_hash="t1")
    seen = {
        bound.link_browser_sha256
        for bound in at_once(6, lambda number: world.registry.links.bind(session, f"browser-{number}"))
    }
    assert len(seen) == 1
    assert seen == {world.now(session).link_browser_sha256}
    assert world.now(session).version == session.version  # a page that is open need not draw itself anew


def test_a_renewed_link_belongs_to_nobody_and_the_old_one_binds_no_more(world: World) -> None:
    session = world.session(link_token_hash="t1")
    world.registry.links.bind(session, "first")
    until = world.clock.now() + timedelta(hours=1)
    renewed = world.registry.links.replace(session.id, lambda number: f"t{number}", until)
    assert (renewed.link_seq, renewed.link_token_hash, renewed.link_browser_sha256) == (2, "t2", None)
    assert world.registry.links.bind(session, "late").link_browser_sha256 is None
    assert world.registry.sessions.by_link("t1") is None


def test_a_deleted_session_gets_no_link(world: World) -> None:
    session = world.session(link_token_hash="t1")
    world.registry.request_delete(session.id)
    with pytest.raises(Conflict, match="create a new one"):
        world.registry.links.replace(session.id, lambda number: f"t{number}", world.clock.now())


@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
def test_a_number_that_nobody_waits_for_ends_the_link(world: World, late: bool) -> None:
    session = world.session(expected_phone="+6281299999999")
    if late:
        world.tell(session, EventType.SESSION_READY, phone_number=None)
        world.tell(session, EventType.PHONE_RESOLVED, phone_number=PHONE)
    else:
        world.tell(session, EventType.SESSION_READY, phone_number=PHONE)
    ended = world.now(session)
    assert (ended.status, ended.reason_code) == (SessionStatus.FAILED, "wrong_number")
    assert (ended.wanted, ended.phone_number, ended.is_primary) == (Wanted.LOGGED_OUT, None, False)
    assert world.owed()[-1][0] == "session_failed"


def test_a_number_that_nobody_waits_for_ends_no_other_link_of_it(world: World) -> None:
    older = world.linked()
    wrong = world.session(expected_phone="+6281299999999")
    world.tell(wrong, EventType.SESSION_READY, phone_number=PHONE)
    assert world.now(older).status is SessionStatus.CONNECTED
    assert world.now(older).is_primary
