"""Whose link it is: one browser, one number, as long as the workspace lets it."""

import hashlib
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from storage.clock import ManualClock
from storage.event_stream import StreamFilter
from storage.events import EventType
from storage.models import ReasonCode, SessionStatus, Wanted
from storage.sessions import Session
from tests.integration.page_site import PageSite, clock, site

__all__ = ["clock", "site"]

BROWSER = {"Accept": "text/html,*/*", "Sec-Fetch-Site": "same-origin"}
PROGRAM = {"Accept": "application/json"}


def opens(site: PageSite, session: Session) -> FlaskClient:
    """A browser that opens the link and comes back once, as the script on the page does."""
    browser = site.app.test_client()
    assert browser.get(site.path(session), headers=BROWSER).status_code == 200
    assert browser.get(site.path(session) + "/status").status_code == 200
    return browser


# ── the browser ──────────────────────────────────────────────────────────────


def test_cookie_is_for_this_link_and_out_of_reach_of_scripts(site: PageSite) -> None:
    session = site.create()
    cookie = site.client.get(site.path(session)).headers["Set-Cookie"]
    assert {"HttpOnly", "Secure", "SameSite=Lax", f"Path={site.path(session)}"} <= set(cookie.split("; "))


def test_a_second_browser_is_told_so_and_gets_nothing(site: PageSite) -> None:
    session = site.create()
    site.shows_qr(session)
    first = opens(site, session)
    second = site.app.test_client()
    answer = second.get(site.path(session), headers=BROWSER)
    assert answer.status_code == 403
    assert "Opened in another browser" in answer.text
    assert "ask Harbour &amp; Sons for a new link" in answer.text
    assert "<svg xmlns" not in answer.text
    problem = second.get(site.path(session) + "/status")
    assert (problem.status_code, (problem.json or {})["code"]) == (403, "other_browser")
    for action in ("start", "refresh", "pairing-code"):
        assert second.post(f"{site.path(session)}/{action}", headers=BROWSER).status_code == 403
    assert second.get(f"{site.path(session)}/qr.svg").status_code == 403
    assert second.get(f"{site.path(session)}/return").status_code == 403
    assert first.get(site.path(session), headers=BROWSER).status_code == 200


def test_two_tabs_of_one_browser_share_the_link(site: PageSite) -> None:
    session = site.create()
    browser = site.app.test_client()
    cookies = [browser.get(site.path(session)).headers.get("Set-Cookie") for _ in range(2)]
    assert cookies[0] is not None
    assert cookies[1] is None
    for _ in range(2):
        assert browser.get(site.path(session) + "/status").status_code == 200


def test_whoever_looks_once_and_never_comes_back_takes_the_link_from_nobody(site: PageSite) -> None:
    session = site.create()
    scanner = site.app.test_client()
    assert scanner.get(site.path(session), headers=BROWSER).status_code == 200
    opens(site, session)


def test_a_cookie_that_we_did_not_make_binds_nothing(site: PageSite) -> None:
    session = site.create()
    planted = site.app.test_client()
    planted.set_cookie("linkpool_browser", "planted.by-somebody", path=site.path(session))
    planted.get(site.path(session) + "/status")
    assert site.services.registry.sessions.get(session.id).link_browser_sha256 is None
    opens(site, session)


def test_a_cookie_of_another_link_binds_nothing(site: PageSite) -> None:
    session, other = site.create(), site.create()
    header = site.client.get(site.path(other)).headers["Set-Cookie"]
    value = header.split("linkpool_browser=")[1].split(";")[0]
    browser = site.app.test_client()
    browser.set_cookie("linkpool_browser", value, path=site.path(session))
    browser.get(site.path(session) + "/status")
    assert site.services.registry.sessions.get(session.id).link_browser_sha256 is None


def test_a_cookie_planted_beside_ours_keeps_nobody_out(site: PageSite) -> None:
    session = site.create()
    header = site.client.get(site.path(session)).headers["Set-Cookie"]
    ours = header.split(";")[0]
    for cookies in (f"linkpool_browser=planted.first; {ours}", f"{ours}; linkpool_browser=planted.last"):
        answer = site.app.test_client(use_cookies=False).get(
            site.path(session), headers={**BROWSER, "Cookie": cookies}
        )
        assert (answer.status_code, answer.headers.get("Set-Cookie")) == (200, None)
    bound = site.services.registry.sessions.get(session.id).link_browser_sha256
    assert bound == hashlib.sha256(ours.partition("=")[2].encode()).hexdigest()


# ── previewers ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("agent", ["WhatsApp/2.23", "TelegramBot (like TwitterBot)"])
def test_a_previewer_gets_a_card_and_starts_nothing(site: PageSite, agent: str) -> None:
    session = site.create(start=False)
    answer = site.client.get(site.path(session), headers={"User-Agent": agent})
    assert answer.status_code == 200
    assert '<meta property="og:title" content="Link your WhatsApp with Harbour &amp; Sons">' in answer.text
    assert "Set-Cookie" not in answer.headers
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert len(answer.data) < 1500
    after = site.services.registry.sessions.get(session.id)
    assert (after.wanted, after.version) == (Wanted.CLOSED, session.version)


def test_a_card_shows_no_qr(site: PageSite) -> None:
    session = site.create()
    site.shows_qr(session)
    assert "svg" not in site.client.get(site.path(session), headers={"User-Agent": "Slackbot 1.0"}).text


def test_head_and_prefetch_open_nothing(site: PageSite) -> None:
    session = site.create(start=False)
    assert site.client.head(site.path(session)).status_code == 200
    ahead = site.client.get(site.path(session), headers={"Sec-Purpose": "prefetch;prerender"})
    assert ahead.status_code == 503  # a browser keeps no failure for later
    assert "Set-Cookie" not in ahead.headers
    assert site.services.registry.sessions.get(session.id).wanted is Wanted.CLOSED


def test_opening_a_link_starts_nothing(site: PageSite) -> None:
    session = site.create(start=False)
    opens(site, session)
    assert site.services.registry.sessions.get(session.id).wanted is Wanted.CLOSED


# ── the workspace ends or renews it ──────────────────────────────────────────


def test_a_renewed_link_is_free_for_any_browser_and_the_old_one_is_dead(site: PageSite) -> None:
    session = site.create()
    first = opens(site, session)
    renewed = site.services.sessions.replace_link(session)
    assert site.path(renewed) != site.path(session)
    assert first.get(site.path(session)).status_code == 404
    opens(site, renewed)


def test_an_ended_link_says_so_and_the_session_goes_on(site: PageSite) -> None:
    session = site.create()
    site.shows_qr(session)
    site.services.sessions.revoke_link(session)
    answer = site.client.get(site.path(session), headers=BROWSER)
    assert answer.status_code == 410
    assert "Harbour &amp; Sons has ended this link" in answer.text
    problem = site.client.get(site.path(session) + "/status")
    assert (problem.status_code, (problem.json or {})["code"]) == (410, "link_revoked")
    site.is_linked(session)
    assert site.services.registry.sessions.get(session.id).status is SessionStatus.CONNECTED


def test_a_restart_does_not_bring_an_ended_link_back(site: PageSite) -> None:
    session = site.create()
    site.services.sessions.revoke_link(session)
    site.services.sessions.start(site.services.registry.sessions.get(session.id))
    assert site.client.get(site.path(session)).status_code == 410


def test_a_link_that_did_its_work_does_not_ask_for_a_new_one(site: PageSite, clock: ManualClock) -> None:
    session = site.create()
    site.shows_qr(session)
    site.is_linked(session)
    clock.advance(timedelta(hours=2))
    answer = site.client.get(site.path(session), headers=BROWSER)
    assert answer.status_code == 410
    assert "This link has done its work" in answer.text
    assert "812" not in answer.text.split("<main")[1]


# ── the number ───────────────────────────────────────────────────────────────


def test_the_expected_number_may_link(site: PageSite) -> None:
    session = site.create(expected_phone="+6281234567890")
    site.shows_qr(session)
    assert "Use the WhatsApp whose number ends in 890." in site.html(session)
    assert "81234" not in site.html(session)
    site.is_linked(session, "+6281234567890")
    assert site.services.registry.sessions.get(session.id).status is SessionStatus.CONNECTED


def test_another_number_is_logged_out_again_and_never_ready(site: PageSite) -> None:
    session = site.create(expected_phone="+6281234567890")
    site.shows_qr(session)
    site.is_linked(session, "+6281299999999")
    after = site.services.registry.sessions.get(session.id)
    assert (after.status, after.reason_code) == (SessionStatus.FAILED, ReasonCode.WRONG_NUMBER)
    assert (after.wanted, after.phone_number) == (Wanted.LOGGED_OUT, None)
    html = site.html(session)
    assert "Harbour &amp; Sons waits for another number" in html
    assert "ends in 890" in html
    assert "9999" not in html.split("<main")[1]
    told = site.services.registry.stream.after(site.workspace.id, 0, StreamFilter(), 50)
    types = [event.type for event in told.events]
    assert EventType.SESSION_READY not in types
    assert types[-1] == EventType.SESSION_FAILED


def test_another_number_gets_no_code(site: PageSite) -> None:
    session = site.create(start=False, expected_phone="+6281234567890")
    url = site.path(session) + "/pairing-code"
    answer = site.client.post(url, data={"phone_number": "+6281299999999"}, headers=BROWSER)
    assert answer.status_code == 422
    assert "waits for another number, one that ends in 890" in answer.text
    assert site.services.registry.sessions.get(session.id).wanted is Wanted.CLOSED


# ── the way back ─────────────────────────────────────────────────────────────


def test_the_way_back_keeps_the_backends_own_parameters(site: PageSite) -> None:
    session = site.create(return_url="https://app.example.com/done?tab=2&status=mine#top", reference="c 7")
    site.shows_qr(session)
    site.is_linked(session)
    answer = site.client.get(site.path(session) + "/return")
    assert answer.status_code == 303
    location = urlsplit(answer.headers["Location"])
    assert (location.netloc, location.path, location.fragment) == ("app.example.com", "/done", "top")
    query = parse_qs(location.query)
    assert (query["tab"], query["status"], query["reference"]) == (["2"], ["connected"], ["c 7"])
    assert query["session_id"] == [session.id]


def test_there_is_no_way_back_before_there_is_a_result(site: PageSite) -> None:
    session = site.create(return_url="https://app.example.com/done")
    site.shows_qr(session)
    assert site.client.get(site.path(session) + "/return").headers["Location"] == site.path(session)


def test_a_failed_link_has_a_way_back_too(site: PageSite) -> None:
    session = site.create(return_url="https://app.example.com/done")
    site.happens(session, EventType.SESSION_FAILED, reason_code="load_timeout", message="")
    assert 'class="button quiet" id="back"' in site.html(session)
    location = site.client.get(site.path(session) + "/return").headers["Location"]
    assert parse_qs(urlsplit(location).query)["status"] == ["failed"]
