"""Which language a reader gets, on the page, in what it polls and after a form."""

import re
from datetime import timedelta

import pytest

from functions.page_language import CATALOGUE, COOKIE, choose_texts
from storage.clock import ManualClock
from storage.events import EventType
from tests.integration.page_site import PageSite, clock, site

__all__ = ["clock", "site"]

LANG = re.compile(r'<html lang="(\w+)" dir="(\w+)">')


def shown(html: str) -> tuple[str, str]:
    found = LANG.search(html)
    assert found is not None
    return found[1], found[2]


@pytest.mark.parametrize(
    ("wishes", "locale"),
    [
        (["pt-BR"], "pt"),
        (["pt_BR"], "pt"),
        (["es-419", "en"], "es"),
        (["de", "hi-IN", "en"], "hi"),
        (["in_ID"], "id"),
        (["AR"], "ar"),
        ([None, "", "*", "x" * 50, "--", "zh-Hant-TW"], "en"),
        ([], "en"),
    ],
)
def test_first_wish_that_we_speak_is_taken(wishes: list[str | None], locale: str) -> None:
    assert choose_texts(wishes).locale == locale


@pytest.mark.parametrize(
    ("accepted", "locale"),
    [
        ("pt-BR,pt;q=0.9,en;q=0.8", "pt"),
        ("en;q=0.1,es-419;q=0.9", "es"),
        ("id;q=0,en", "en"),
        ("id;q=0", "en"),
        ("de-CH,de;q=0.9,ar-EG;q=0.5", "ar"),
        ("nonsense;;q=x,,", "en"),
    ],
)
def test_browser_says_what_it_reads(site: PageSite, accepted: str, locale: str) -> None:
    answer = site.client.get(site.path(site.create()), headers={"Accept-Language": accepted})
    assert shown(answer.get_data(as_text=True))[0] == locale
    assert answer.headers["Content-Language"] == locale
    assert {"Accept-Language", "Cookie"} <= set(answer.headers["Vary"].split(", "))


def test_locale_of_the_session_counts_more_than_the_browser(site: PageSite) -> None:
    session = site.create(locale="id-ID")
    answer = site.client.get(site.path(session), headers={"Accept-Language": "en"})
    assert shown(answer.get_data(as_text=True)) == ("id", "ltr")


def test_choice_on_the_page_counts_most_and_is_kept(site: PageSite) -> None:
    session = site.create(locale="id")
    html = site.client.get(site.path(session) + "?lang=ar").get_data(as_text=True)
    assert shown(html) == ("ar", "rtl")
    assert shown(site.html(session)) == ("ar", "rtl")
    cookie = site.client.get_cookie(COOKIE, path="/link")
    assert cookie is not None
    assert (cookie.value, cookie.http_only, cookie.secure, cookie.same_site) == ("ar", True, True, "Lax")


@pytest.mark.parametrize("asked", ["de", "../ar", "<b>", "AR", ""])
def test_choice_that_is_none_of_ours_is_ignored(site: PageSite, asked: str) -> None:
    answer = site.client.get(site.path(site.create()), query_string={"lang": asked})
    assert shown(answer.get_data(as_text=True))[0] == "en"
    assert site.client.get_cookie(COOKIE, path="/link") is None


@pytest.mark.parametrize("locale", CATALOGUE)
def test_menu_links_to_every_language_in_its_own_words(site: PageSite, locale: str) -> None:
    session = site.create()
    html = site.client.get(site.path(session) + f"?lang={locale}").get_data(as_text=True)
    for other in CATALOGUE.values():
        current = ' aria-current="true"' if other.locale == locale else ""
        assert (
            f'<a href="{site.path(session)}?lang={other.locale}" lang="{other.locale}" '
            f'hreflang="{other.locale}" dir="{other.direction}"{current}>{other.name}</a>'
        ) in html


@pytest.mark.parametrize("locale", CATALOGUE)
def test_page_polls_in_its_own_language(site: PageSite, locale: str) -> None:
    session = site.create(locale=locale)
    polled = re.search(r'"url": "([^"]+)"', site.html(session))
    assert polled is not None
    answer = site.client.get(polled[1], headers={"Accept-Language": "en"})
    assert answer.json is not None
    assert CATALOGUE[locale].screens["preparing"].title in answer.json["page"]["regions"]["stage"]["html"]
    assert answer.headers["Content-Language"] == locale
    again = site.client.get(polled[1], headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    other = "en" if locale != "en" else "id"
    switched = site.client.get(
        f"{site.path(session)}/status?lang={other}", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert switched.status_code == 200


def test_choice_survives_a_form_in_a_browser_without_cookies(site: PageSite) -> None:
    session = site.create(start=False)
    path = site.path(session)
    client = site.app.test_client(use_cookies=False)
    html = client.get(path + "?lang=hi").get_data(as_text=True)
    assert f'action="{path}/start?lang=hi"' in html
    answer = client.post(f"{path}/pairing-code?lang=hi", data={"phone_number": ""})
    assert CATALOGUE["hi"].phone_missing in answer.get_data(as_text=True)
    started = client.post(f"{path}/start?lang=hi")
    assert started.headers["Location"] == path + "?lang=hi"


def test_link_that_nobody_knows_is_told_in_the_readers_language(site: PageSite) -> None:
    answer = site.client.get("/link/" + "x" * 43, headers={"Accept-Language": "es"})
    assert answer.status_code == 404
    assert CATALOGUE["es"].unknown_link.title in answer.get_data(as_text=True)
    assert f'href="/link/{"x" * 43}?lang=ar"' in answer.get_data(as_text=True)


def test_names_and_numbers_keep_their_direction_inside_arabic(site: PageSite) -> None:
    session = site.create(locale="ar")
    site.shows_qr(session)
    site.is_linked(session)
    html = site.html(session)
    assert "\u2068Harbour &amp; Sons\u2069" in html
    assert '<bdi dir="ltr">+62 812-3456-7890</bdi>' in html


def test_region_says_which_digits_arabic_is_written_with(site: PageSite, clock: ManualClock) -> None:
    session = site.create()
    site.shows_qr(session, seconds=60)
    clock.advance(timedelta(seconds=18))
    path = site.path(session) + "?lang=ar"
    assert "٠:٤٢" in site.client.get(path).get_data(as_text=True)  # noqa: RUF001
    assert "0:42" in site.client.get(path, headers={"Accept-Language": "fr,ar-MA"}).get_data(as_text=True)


@pytest.mark.parametrize("locale", CATALOGUE)
def test_screen_reader_is_told_of_states_and_not_of_each_step(site: PageSite, locale: str) -> None:
    session = site.create(locale=locale)
    site.happens(session, EventType.SESSION_QUEUED, position=3, estimated_wait_ms=9000)
    third = site.status(session)["page"]["said"]
    site.happens(session, EventType.SESSION_QUEUED, position=2, estimated_wait_ms=4000)
    assert site.status(session)["page"]["said"] == third
    site.happens(session, EventType.SESSION_STARTING, phase="launching")
    launching = site.status(session)["page"]["said"]
    assert launching != third
    site.happens(session, EventType.SESSION_PROGRESSED, phase="loading")
    assert site.status(session)["page"]["said"] == launching


def test_renewed_qr_is_not_announced_each_time(site: PageSite, clock: ManualClock) -> None:
    session = site.create()
    site.shows_qr(session, seconds=20)
    scan = site.status(session)["page"]["said"]
    clock.advance(timedelta(seconds=21))
    assert "Getting a new code" in site.html(session)
    assert site.status(session)["page"]["said"] == scan
    site.shows_qr(session, seconds=20, ref="another")
    assert site.status(session)["page"]["said"] == scan
