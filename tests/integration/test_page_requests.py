"""How the hosted page answers: tokens, headers, ETags, forms."""

import re
from datetime import timedelta

import pytest

from storage.clock import ManualClock
from storage.events import EventType
from storage.models import SessionStatus, Wanted
from tests.integration.page_site import PageSite, clock, site

__all__ = ["clock", "site"]

FORM = {"Sec-Fetch-Site": "same-origin"}


def test_unknown_link_is_a_page_that_says_so(site: PageSite) -> None:
    answer = site.client.get("/link/" + "x" * 43)
    assert answer.status_code == 404
    assert "No such link" in answer.text
    assert "<script" not in answer.text


def test_expired_link_is_gone(site: PageSite, clock: ManualClock) -> None:
    session = site.create()
    path = site.path(session)
    clock.advance(timedelta(days=2))
    assert site.client.get(path).status_code == 410
    status = site.client.get(path + "/status")
    assert status.status_code == 410
    assert status.json is not None
    assert status.json["code"] == "link_expired"
    assert site.client.post(path + "/start", headers=FORM).status_code == 410


def test_page_may_load_nothing_but_itself(site: PageSite) -> None:
    answer = site.client.get(site.path(site.create()))
    policy = answer.headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
    assert nonce is not None
    assert policy.startswith("default-src 'none';")
    assert f"style-src 'nonce-{nonce[1]}'" in policy
    for rule in ("connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert rule in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)
    assert re.search(r"<style(?! nonce)|<script(?! nonce)| style=", answer.text) is None


def test_nonce_is_used_once(site: PageSite) -> None:
    path = site.path(site.create())
    policies = {site.client.get(path).headers["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3


def test_status_is_not_sent_again_until_something_changed(site: PageSite, clock: ManualClock) -> None:
    session = site.create()
    site.shows_qr(session)
    url = site.path(session) + "/status"
    etag = site.client.get(url).headers["ETag"]
    clock.advance(timedelta(seconds=5))
    unchanged = site.client.get(url, headers={"If-None-Match": etag})
    assert unchanged.status_code == 304
    assert unchanged.headers["ETag"] == etag
    assert unchanged.data == b""
    site.happens(session, EventType.SESSION_AUTHENTICATED)
    assert site.client.get(url, headers={"If-None-Match": etag}).status_code == 200


def test_etag_changes_when_the_qr_dies_of_age(site: PageSite, clock: ManualClock) -> None:
    session = site.create()
    site.shows_qr(session, seconds=60)
    url = site.path(session) + "/status"
    etag = site.client.get(url).headers["ETag"]
    clock.advance(timedelta(seconds=61))
    assert site.client.get(url, headers={"If-None-Match": etag}).status_code == 200


def test_page_carries_the_etag_of_its_status(site: PageSite) -> None:
    session = site.create()
    site.shows_qr(session)
    etag = site.client.get(site.path(session) + "/status").headers["ETag"]
    assert etag.strip('"') in site.html(session)


def test_start_goes_back_to_the_page(site: PageSite) -> None:
    session = site.create(start=False)
    answer = site.client.post(site.path(session) + "/start", headers=FORM)
    assert answer.status_code == 303
    assert answer.headers["Location"] == site.path(session)
    assert site.services.registry.sessions.get(session.id).wanted is Wanted.OPEN


def test_start_answers_a_program_with_the_status(site: PageSite) -> None:
    session = site.create(start=False)
    answer = site.client.post(site.path(session) + "/start", headers={"Accept": "application/json"})
    assert answer.status_code == 200
    assert answer.json is not None
    assert answer.json["page"]["screen"] == "preparing"


def test_refresh_starts_an_ended_session_again(site: PageSite) -> None:
    session = site.create()
    site.happens(session, EventType.SESSION_EXPIRED, reason_code="qr_timeout")
    assert site.client.post(site.path(session) + "/refresh", headers=FORM).status_code == 303
    assert site.services.registry.sessions.get(session.id).status is SessionStatus.CREATED


def test_page_says_when_nobody_could_refresh(site: PageSite) -> None:
    session = site.create()
    site.shows_qr(session)
    answer = site.client.post(site.path(session) + "/refresh", headers=FORM)
    assert answer.status_code == 503
    assert "That could not be done just now." in answer.text
    problem = site.client.post(site.path(session) + "/refresh", headers={"Accept": "application/json"})
    assert problem.status_code == 503
    assert problem.mimetype == "application/problem+json"


@pytest.mark.parametrize("action", ["start", "refresh"])
def test_link_cannot_disturb_a_linked_account(site: PageSite, action: str) -> None:
    session = site.create()
    site.shows_qr(session)
    site.is_linked(session)
    url = f"{site.path(session)}/{action}"
    assert site.client.post(url, headers=FORM).status_code == 303
    assert site.client.post(url, headers={"Accept": "application/json"}).status_code == 409
    assert site.services.registry.sessions.get(session.id).status is SessionStatus.CONNECTED


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Enter the number of your WhatsApp."),
        ("0812 3456 7890", "Start with + and the country code"),
        ("+62 12", "This is no complete phone number."),
        ("+<b>", "This is no complete phone number."),
    ],
)
def test_wrong_number_is_told_at_the_field(site: PageSite, typed: str, sentence: str) -> None:
    session = site.create(start=False)
    answer = site.client.post(
        site.path(session) + "/pairing-code", data={"phone_number": typed}, headers=FORM
    )
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'aria-invalid="true" aria-describedby="number-wrong"' in answer.text
    assert "<b>" not in answer.text.split("<main")[1].split("<form")[1]
    assert site.services.registry.sessions.get(session.id).wanted is Wanted.CLOSED


@pytest.mark.parametrize("typed", ["+62 812-3456-7890", "00 62 812 3456 7890", " +6281234567890 "])
def test_number_is_understood_as_people_write_it(site: PageSite, typed: str) -> None:
    session = site.create(start=False)
    url = site.path(session) + "/pairing-code"
    assert site.client.post(url, data={"phone_number": typed}, headers=FORM).status_code == 303
    started = site.services.registry.sessions.get(session.id)
    assert (started.wanted, started.requested_phone) == (Wanted.OPEN, "+6281234567890")


def test_number_is_taken_as_json_too(site: PageSite) -> None:
    session = site.create(start=False)
    url = site.path(session) + "/pairing-code"
    headers = {"Accept": "application/json"}
    refused = site.client.post(url, json={"phone_number": "12"}, headers=headers)
    assert refused.status_code == 422
    assert refused.json is not None
    assert refused.json["code"] == "invalid_phone"
    assert site.client.post(url, json={"phone_number": "+6281234567890"}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
        ({"Origin": "https://link.example.com"}, True),
        ({"Origin": "null"}, True),
        ({}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://link.example.com"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "https://evil.example"}, False),
    ],
)
def test_form_of_another_website_does_nothing(site: PageSite, headers: dict[str, str], allowed: bool) -> None:
    session = site.create(start=False)
    answer = site.client.post(site.path(session) + "/start", headers=headers)
    assert answer.status_code == (303 if allowed else 403)
    assert (site.services.registry.sessions.get(session.id).wanted is Wanted.OPEN) is allowed


def test_page_refreshes_itself_without_script_but_not_under_a_typing_hand(site: PageSite) -> None:
    session = site.create()
    site.shows_qr(session)
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in site.html(session)
    typing = site.client.get(site.path(session) + "?by=phone").text
    assert 'http-equiv="refresh"' not in typing
    assert '<input id="number"' in typing


def test_page_says_its_language(site: PageSite) -> None:
    session = site.create()
    answer = site.client.get(site.path(session), headers={"Accept-Language": "xx, en-GB;q=0.5"})
    assert '<html lang="en" dir="ltr">' in answer.text


def test_every_answer_to_a_poll_says_when_to_look_again(site: PageSite) -> None:
    session = site.create()
    site.shows_qr(session)
    first = site.client.get(site.path(session) + "/status")
    again = site.client.get(site.path(session) + "/status", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    assert first.headers["Poll-After-Ms"] == again.headers["Poll-After-Ms"] == "500"


@pytest.mark.parametrize(
    ("typed", "country", "understood"),
    [
        ("0812 3456 7890", "ID", "+6281234567890"),
        ("812 3456 7890", "ID", "+6281234567890"),
        ("(11) 91234-5678", "BR", "+5511912345678"),
        ("+44 7400 123456", "ID", "+447400123456"),
    ],
)
def test_number_is_understood_as_it_is_written_at_home(
    site: PageSite, typed: str, country: str, understood: str
) -> None:
    session = site.create(start=False)
    form = {"phone_number": typed, "country": country}
    answer = site.client.post(site.path(session) + "/pairing-code", data=form, headers=FORM)
    assert answer.status_code == 303
    assert site.services.registry.sessions.get(session.id).requested_phone == understood


@pytest.mark.parametrize(
    ("locale", "accepted", "country"),
    [("pt-BR", "en-GB", "BR"), (None, "es-MX,es;q=0.9", "MX"), ("id", "en", "ID"), (None, "en", "")],
)
def test_country_is_guessed_from_the_language(
    site: PageSite, locale: str | None, accepted: str, country: str
) -> None:
    session = site.create(locale=locale)
    html = site.client.get(site.path(session), headers={"Accept-Language": accepted}).text
    assert f'"country": "{country}"' in html
