"""What is taken for a colour, an origin, a logo."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from storage.page_settings import MOST_ORIGINS, BadSetting, read_color, read_logo, read_origin, read_origins


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("HTTPS://App.Example.COM:443", "https://app.example.com"),
        ("https://app.example.com:8443", "https://app.example.com:8443"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(text: str, origin: str) -> None:
    assert read_origin(text, "allowed_origins") == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "null",
        "app.example.com",
        "https://",
        "https://*.example.com",
        "https://app.example.com/",
        "https://app.example.com/page",
        "https://app.example.com?x",
        "https://user@app.example.com",
        "https://app.example.com:0",
        "https://app.example.com:70000",
        "https://app.example.com:443x",
        "https://app..example.com",
        "https://-app.example.com",
        "https://bücher.example",
        "https://app.example.com; script-src *",
        "https://app.example.com 'self'",
        "https://app.example.com\nSet-Cookie: a=b",
        "https://app.example.com\n",
        "http://app.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "https://[::1]",
        "javascript://app.example.com",
        "data:text/html",
        "https://" + "a" * 600 + ".example",
    ],
)
def test_what_is_no_exact_origin_is_refused(text: str) -> None:
    with pytest.raises(BadSetting):
        read_origin(text, "allowed_origins")


@given(st.text(max_size=60))
@example("https://a.example\u2028")
@example("https://a.example\x00")
def test_whatever_is_taken_is_one_word_of_a_policy(text: str) -> None:
    for candidate in (text, f"https://{text}", f"https://a.example{text}"):
        try:
            origin = read_origin(candidate, "allowed_origins")
        except BadSetting:
            continue
        assert not set(origin) - set("abcdefghijklmnopqrstuvwxyz0123456789.-:/")
        assert origin.count("/") == 2
        assert read_origin(origin, "allowed_origins") == origin


def test_origins_stand_once_and_are_not_endless() -> None:
    twice = ["https://a.example", "https://A.example:443"]
    assert read_origins(twice, "allowed_origins") == ("https://a.example",)
    with pytest.raises(BadSetting):
        read_origins([f"https://a{number}.example" for number in range(MOST_ORIGINS + 1)], "allowed_origins")


@pytest.mark.parametrize("text", ["red", "#fff", "0a7a55", "#0a7a5", "#0a7a555", "#0a7a5g", "#0a7a55;}"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    assert read_color("#0A7A55") == "#0a7a55"
    with pytest.raises(BadSetting):
        read_color(text)


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example.com/logo.png",
        "https://cdn.example.com:8443/logo.png",
        "https://evil.example/logo.png",
        "https://cdn.example.com@evil.example/logo.png",
        "https://cdn.example.com.evil.example/logo.png",
        "https://evil.example/https://cdn.example.com/",
        "//cdn.example.com/logo.png",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        'https://cdn.example.com/"onerror="alert(1)',
        "https://cdn.example.com/a b",
        "https://cdn.example.com\\@evil.example/",
        "https://[cdn.example.com/",
    ],
)
def test_a_logo_comes_from_a_listed_origin_only(url: str) -> None:
    allowed = ["https://cdn.example.com"]
    assert read_logo("https://cdn.example.com/a/logo.svg?v=2", allowed)
    with pytest.raises(BadSetting):
        read_logo(url, allowed)
