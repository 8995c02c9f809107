"""Who is taken for a person, on which device."""

import pytest
from werkzeug.datastructures import Headers

from functions.visitors import Visitor, is_phone, visitor_of

ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/141.0 Mobile Safari/537.36"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148"
)
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36"
TABLET = "Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 Chrome/141.0 Safari/537.36"
CUBOT = "Mozilla/5.0 (Linux; Android 9; CUBOT X18 Plus) AppleWebKit/537.36 Chrome/90 Mobile Safari/537.36"


@pytest.mark.parametrize(
    "agent",
    [
        "WhatsApp/2.23.20.0",
        "TelegramBot (like TwitterBot)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "Slack-ImgProxy (+https://api.slack.com/robots)",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "facebookexternalhit/1.1 Facebot Twitterbot/1.0",
        "meta-externalagent/1.1",
        "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
        "LinkedInBot/1.0 (compatible; Mozilla/5.0)",
        "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0)",
    ],
)
def test_previewers_get_a_card(agent: str) -> None:
    assert visitor_of("GET", Headers({"User-Agent": agent})) is Visitor.PREVIEWER


@pytest.mark.parametrize("agent", [ANDROID, IPHONE, DESKTOP, TABLET, CUBOT, "curl/8.5.0", ""])
def test_everybody_else_gets_the_page(agent: str) -> None:
    assert visitor_of("GET", Headers({"User-Agent": agent})) is Visitor.PERSON


def test_a_head_request_looks_and_does_not_open() -> None:
    assert visitor_of("HEAD", Headers({"User-Agent": ANDROID})) is Visitor.PREVIEWER


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Sec-Purpose", "prefetch"),
        ("Sec-Purpose", "prefetch;prerender"),
        ("Purpose", "prefetch"),
        ("X-Moz", "prefetch"),
        ("X-Purpose", "preview"),
    ],
)
def test_a_browser_that_guesses_is_not_a_person_yet(name: str, value: str) -> None:
    assert visitor_of("GET", Headers({"User-Agent": ANDROID, name: value})) is Visitor.PREFETCH


@pytest.mark.parametrize(
    ("headers", "phone"),
    [
        ({"User-Agent": ANDROID}, True),
        ({"User-Agent": IPHONE}, True),
        ({"User-Agent": DESKTOP}, False),
        ({"User-Agent": TABLET}, False),
        ({"User-Agent": DESKTOP, "Sec-CH-UA-Mobile": "?1"}, True),
        ({"User-Agent": ANDROID, "Sec-CH-UA-Mobile": "?0"}, False),
        ({}, False),
    ],
)
def test_a_phone_is_told_by_its_hint_or_its_name(headers: dict[str, str], phone: bool) -> None:
    assert is_phone(Headers(headers)) is phone
