"""The page says with a poll what it has painted; it is believed in little, and once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.app import make_services
from functions.config import FunctionsConfig
from storage.clock import ManualClock
from storage.events import EventType
from storage.paintings import Painting
from storage.sessions import Session
from storage.timeline import story_of
from tests.fakes.functions import environment
from tests.integration.page_site import NODE_ID, PageSite

TOKEN = "metrics-token-for-tests-0123456789abcdef"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def site(tmp_path: Path, clock: ManualClock) -> Iterator[PageSite]:
    services = make_services(FunctionsConfig.from_env(environment(tmp_path, METRICS_TOKEN=TOKEN)), clock)
    yield PageSite(services, clock)
    services.close()


@pytest.fixture
def shown(site: PageSite, clock: ManualClock) -> Session:
    """Its page is open in a browser, with a QR on it."""
    session = site.create()
    site.shows_qr(session)
    clock.advance(timedelta(seconds=2))
    site.html(session)
    poll(site, session)  # the cookie has come back
    return session


def poll(site: PageSite, session: Session, painted: str | None = None) -> None:
    query = {} if painted is None else {"painted": painted}
    answer = site.client.get(site.path(session) + "/status", query_string=query)
    assert answer.status_code == 200


def painted_steps(site: PageSite, session: Session) -> list[dict[str, Any]]:
    story = story_of(site.services.database, site.services.registry.sessions.get(session.id)).to_wire()
    return [step for step in story if step["what"] == "painted"]


def metrics(site: PageSite) -> str:
    return site.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text


def test_a_painted_qr_is_a_step_at_the_moment_of_its_paint(
    site: PageSite, clock: ManualClock, shown: Session
) -> None:
    clock.advance(timedelta(milliseconds=500))
    poll(site, shown, "qr.400.120")
    (step,) = painted_steps(site, shown)
    assert step["after_ms"] == 2100
    assert step["details"] == {"what": "qr", "waited_ms": 120}
    assert step["node_id"] is None
    assert 'linkpool_page_painted_seconds_count{what="qr"} 1.0' in metrics(site)


def test_who_had_the_page_open_waited_since_the_qr(site: PageSite, clock: ManualClock) -> None:
    session = site.create()
    site.html(session)
    clock.advance(timedelta(seconds=30))
    site.shows_qr(session)
    poll(site, session)
    clock.advance(timedelta(milliseconds=500))
    poll(site, session, "qr.200.30300")
    (step,) = painted_steps(site, session)
    assert step["details"]["waited_ms"] == 300


def test_each_thing_counts_once_a_start(site: PageSite, clock: ManualClock, shown: Session) -> None:
    for _ in range(3):
        clock.advance(timedelta(milliseconds=500))
        poll(site, shown, "qr.100.120")
    site.is_linked(shown)
    clock.advance(timedelta(milliseconds=150))
    for _ in range(2):
        poll(site, shown, "number.90.5000")
    steps = painted_steps(site, shown)
    assert [(step["details"]["what"], step["details"]["waited_ms"]) for step in steps] == [
        ("qr", 120),
        ("number", 60),
    ]


def test_what_was_not_there_cannot_be_painted(site: PageSite, clock: ManualClock, shown: Session) -> None:
    for said in ("number.10.10", "code.10.10", "qr.3000.10"):  # the last: before the QR was known
        poll(site, shown, said)
    assert painted_steps(site, shown) == []


@pytest.mark.parametrize(
    "said",
    [
        "",
        "qr",
        "qr.1",
        "qr.-1.2",
        "qr.1.2.3",
        "ref.1.2",
        "qr.1e3.2",
        "qr.٣.2",
        "qr.999999.2",
        "qr." + "9" * 50,
    ],
)
def test_nonsense_is_passed_over_and_the_poll_answered(site: PageSite, shown: Session, said: str) -> None:
    assert Painting.read(said) is None
    poll(site, shown, said)
    assert painted_steps(site, shown) == []


def test_only_the_browser_that_has_the_link_is_heard(
    site: PageSite, clock: ManualClock, shown: Session
) -> None:
    path = site.path(shown) + "/status"
    stranger = site.app.test_client()
    assert stranger.get(path, query_string={"painted": "qr.1.2"}).status_code == 403
    unopened = site.create()
    site.shows_qr(unopened)
    answer = stranger.get(site.path(unopened) + "/status", query_string={"painted": "qr.1.2"})
    assert answer.status_code == 200
    assert painted_steps(site, shown) == painted_steps(site, unopened) == []


def test_a_painting_changes_nothing_that_is_polled(
    site: PageSite, clock: ManualClock, shown: Session
) -> None:
    before = site.services.registry.sessions.get(shown.id)
    poll(site, shown, "qr.1.2")
    assert len(painted_steps(site, shown)) == 1
    assert site.services.registry.sessions.get(shown.id) == before


def test_a_new_start_is_told_anew(site: PageSite, clock: ManualClock, shown: Session) -> None:
    poll(site, shown, "qr.1.2")
    site.happens(shown, EventType.SESSION_EXPIRED, reason_code="qr_timeout")
    site.services.registry.request_restart(shown.id, NODE_ID)
    site.shows_qr(shown)
    clock.advance(timedelta(milliseconds=500))
    poll(site, shown, "qr.100.9000")
    assert [step["details"]["waited_ms"] for step in painted_steps(site, shown)] == [2, 400]
