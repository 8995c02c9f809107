"""The hosted page is small, and asks nobody but us: in every state and language."""

import re

import pytest

from functions.page_language import CATALOGUE
from tests.integration.page_site import PageSite, clock, site
from tests.integration.page_states import STATES, State

__all__ = ["clock", "site"]

LIMIT_BYTES = 30_000
"""HTML, style and script together, without the picture of the QR."""

QR = re.compile(r'<svg xmlns="http://www.w3.org/2000/svg"[^>]*viewBox.*?</svg>', re.S)
ADDRESS = re.compile(r"""(?:https?:)?//[^\s"'<>)]+""")
NONCE = re.compile(r"'nonce-([\w-]+)'")


def without_qr(html: str) -> str:
    return QR.sub("", html)


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_page_is_small_and_asks_nobody_else(site: PageSite, state: State) -> None:
    nonces = set()
    session = None if state.make is None else state.make(site)
    for locale in CATALOGUE:
        answer = site.client.get(state.address(site, session, locale))
        html = without_qr(answer.get_data(as_text=True))
        assert "<html" in html
        assert len(html.encode()) < LIMIT_BYTES, f"{locale}: {len(html.encode())} bytes"

        asked = [found for found in ADDRESS.findall(html) if "www.w3.org" not in found]
        assert asked == [], "no address of another site is on the page"
        assert " style=" not in html
        assert re.search(r"\son\w+=", html) is None

        policy = answer.headers["Content-Security-Policy"]
        nonce = NONCE.findall(policy)
        assert len(set(nonce)) == 1
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        for tag in re.findall(r"<(?:script|style)\b[^>]*>", html):
            assert f'nonce="{nonce[0]}"' in tag
        nonces.add(nonce[0])
    assert len(nonces) == len(CATALOGUE), "a nonce is used once"
