"""The table of transitions, read as a whole."""

import pytest

from storage.events import COMMANDS, EventType
from storage.models import (
    ALWAYS_FIT,
    ENDED,
    FACTS_WITHOUT_TRANSITION,
    FINAL,
    LINKED,
    LINKING,
    TRANSITIONS,
    SessionStatus,
    next_status,
)

REPORTED = set(EventType) - COMMANDS


def test_every_state_belongs_to_exactly_one_group() -> None:
    assert len(LINKING) + len(LINKED) + len(ENDED) == len(SessionStatus)
    assert set(SessionStatus) == LINKING | LINKED | ENDED


def test_every_event_either_moves_a_session_or_adds_a_fact() -> None:
    moving = {event for _, event in TRANSITIONS}
    assert moving | FACTS_WITHOUT_TRANSITION | ALWAYS_FIT == set(EventType) - {EventType.PAGE_PAINTED}
    assert not moving & (FACTS_WITHOUT_TRANSITION | ALWAYS_FIT)


def test_every_state_but_the_first_can_be_reached() -> None:
    reached = {SessionStatus.CREATED}
    while True:
        further = {target for (source, _), target in TRANSITIONS.items() if source in reached} | reached
        if further == reached:
            break
        reached = further
    assert reached == set(SessionStatus)


@pytest.mark.parametrize("status", sorted(ENDED))
@pytest.mark.parametrize("event", sorted(REPORTED))
def test_no_report_of_a_node_brings_an_ended_session_back(status: SessionStatus, event: EventType) -> None:
    assert next_status(status, event) is (status if event in ALWAYS_FIT else None)


@pytest.mark.parametrize("status", sorted(FINAL - {SessionStatus.DELETED}))
def test_a_replaced_session_can_only_be_deleted(status: SessionStatus) -> None:
    assert next_status(status, EventType.RESTART_REQUESTED) is None
    assert next_status(status, EventType.DELETE_REQUESTED) is SessionStatus.DELETED


@pytest.mark.parametrize("status", sorted(LINKED))
def test_a_linked_session_never_shows_a_qr(status: SessionStatus) -> None:
    for event in EventType:
        assert next_status(status, event) not in LINKING


def test_being_logged_out_is_answered_only_by_the_backends_restart() -> None:
    leaving = {event for (source, event) in TRANSITIONS if source is SessionStatus.LOGGED_OUT}
    assert leaving == {EventType.RESTART_REQUESTED, EventType.DELETE_REQUESTED}
    assert next_status(SessionStatus.LOGGED_OUT, EventType.RESTART_REQUESTED) is SessionStatus.CREATED


@pytest.mark.parametrize("status", sorted(SessionStatus))
def test_every_session_can_be_deleted(status: SessionStatus) -> None:
    assert next_status(status, EventType.DELETE_REQUESTED) is SessionStatus.DELETED


@pytest.mark.parametrize("status", sorted(LINKING | LINKED))
def test_every_living_session_can_fail_and_be_logged_out(status: SessionStatus) -> None:
    assert next_status(status, EventType.SESSION_FAILED) is SessionStatus.FAILED
    assert next_status(status, EventType.SESSION_LOGGED_OUT) is SessionStatus.LOGGED_OUT
