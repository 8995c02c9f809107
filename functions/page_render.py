"""The hosted page as bytes: HTML for a person, JSON for the script on it, headers for both.

Rule: the server alone writes what the page says. A status answer carries the changed regions as HTML,
so no text and no decision lives in the script.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Response, current_app, render_template
from markupsafe import Markup

from functions.link_view import LinkView, Way
from functions.page_content import Badge, PageContent, content_of, isolated, message_page
from functions.page_language import PARAMETER, menu
from functions.page_status import facts_of, milliseconds
from functions.page_texts import Message, PageTexts
from functions.phone_field import country_codes
from functions.qr_image import qr_svg
from functions.theme import PLAIN, Theme

TEMPLATE_FOLDER = Path(__file__).parent.parent / "templates"
TEMPLATE = "link.html"
CARD = "card.html"
_COUNTRY_CODES = country_codes()
REGIONS = ("who", "stage", "pairing")
"""Blocks of the template that the script replaces. The pairing form is one of its own, so that a new QR
does not take away what the person is typing."""

BUILD = hashlib.sha256((TEMPLATE_FOLDER / TEMPLATE).read_bytes()).hexdigest()[:12]
"""A page drawn by another release notices that style and script are not its own, and loads anew."""

NO_SCRIPT_REFRESH_SECONDS = 3
"""Without script the whole page is loaded each time; more often would flicker."""

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept, Accept-Language, Cookie",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
}
"""On every answer below /link; the page itself is allowed what `_policy` adds."""


@dataclass(frozen=True, kw_only=True)
class FormState:
    """What the form for the phone number shows beside itself."""

    open: bool = False
    typed: str = ""
    country: str = ""
    """Of the number, or the one it is likely to be from."""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class LinkPage:
    """One link at one moment, for one reader."""

    view: LinkView
    texts: PageTexts
    workspace: str
    url: str
    """Path of the page; its other addresses lie below."""
    theme: Theme = PLAIN
    embed: Mapping[str, Any] | None = None
    """For the script that tells the site around the page; None where nobody may frame it."""
    chosen: str | None = None
    """The language in the address, when the reader chose one: it is in every further address as well, for
    browsers that keep no cookie."""
    way: Way | None = None
    """The way to link that the reader chose, in the same manner."""

    @property
    def query(self) -> str:
        """What the addresses of this page carry on."""
        return choices_query(self.chosen, self.way)

    @property
    def etag(self) -> str:
        """Stands for all that the page shows, apart from the running countdown."""
        parts = (self.view.fingerprint(), self.texts.locale, self.workspace, self.query, self.build)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]

    @property
    def build(self) -> str:
        """Of the page with its look: a page drawn with another one loads anew."""
        look = f"{BUILD} {self.theme.key} {(self.embed or {}).get('origins')}"
        return hashlib.sha256(look.encode()).hexdigest()[:12]

    def html(self, form: FormState, *, notice: str = "", status: int = 200) -> Response:
        """The whole page."""
        content, facts = self._content(), facts_of(self.view, self.url)
        poll = {
            "page_url": self.url + self.query,
            "url": f"{self.url}/status{choices_query(self.texts.locale, self.way)}",
            "screen": self.view.screen,
            "countries": _COUNTRY_CODES,
            "country": form.country,
            "etag": f'"{self.etag}"',
            "build": self.build,
            "wait_ms": facts["poll_after_ms"],
            "left_ms": milliseconds(self.view.ends_in),
            "digits": self.texts.numbers.digits,
            "said": content.said,
            "refresh_seconds": max(NO_SCRIPT_REFRESH_SECONDS, ceil(facts["poll_after_ms"] / 1000)),
        }
        values = self._values(content, form) | {"notice": notice, "poll": poll, "keys": self._keys(content)}
        values["embed"] = self.embed
        return _render(values, status)

    def status(self) -> Response:
        """What the page polls: the facts, and the regions that show them."""
        content = self._content()
        template, keys = current_app.jinja_env.get_template(TEMPLATE), self._keys(content)
        context = template.new_context(self._values(content, FormState()))
        body = facts_of(self.view, self.url) | {
            "page": {
                "screen": self.view.screen,
                "build": self.build,
                "document_title": content.document_title,
                "classes": content.classes,
                "said": content.said,
                "left_ms": milliseconds(self.view.ends_in),
                "regions": {
                    name: {"key": keys[name], "html": "".join(template.blocks[name](context))}
                    for name in REGIONS
                },
            }
        }
        headers = HEADERS | {"ETag": f'"{self.etag}"', "Content-Language": self.texts.locale}
        return Response(json.dumps(body, ensure_ascii=False), 200, headers, mimetype="application/json")

    def _content(self) -> PageContent:
        return content_of(self.view, self.texts, workspace=self.workspace, page_url=self.url)

    def _values(self, content: PageContent, form: FormState) -> dict[str, Any]:
        drawn = None if content.qr_text is None else Markup(qr_svg(content.qr_text))  # noqa: S704 - ours
        return {
            "texts": self.texts,
            "page": content,
            "qr_svg": drawn,
            "form": form,
            "theme": self.theme,
            "page_url": self.url,
            "query": self.query,
            "by_qr": choices_query(self.chosen, Way.QR),
            "by_phone": choices_query(self.chosen, Way.PHONE),
            "keeps_way": f"&by={self.way}" if self.way else "",
        }

    def _keys(self, content: PageContent) -> dict[str, str]:
        """A region is replaced when its key changes."""
        return {
            "who": " ".join(content.asks),
            "stage": self.etag,
            "pairing": f"{bool(content.pairing_url)} {bool(content.code)} {content.by_phone} {content.help}",
        }


def choices_query(locale: str | None, way: Way | None) -> str:
    """Carries choices in an address."""
    chosen = {PARAMETER: locale, "by": way}
    query = urlencode({name: value for name, value in chosen.items() if value})
    return f"?{query}" if query else ""


def message_response(
    message: Message,
    texts: PageTexts,
    status: int,
    *,
    url: str = "",
    workspace: str = "",
    badge: Badge = ("chain", "warn"),
) -> Response:
    """A page that says one thing and polls nothing: no such link, expired. Its languages are at `url`."""
    page = message_page(message, isolated(workspace, texts), badge)
    values = {"texts": texts, "page": page, "form": FormState(), "keys": {}, "poll": None, "page_url": url}
    return _render(values, status)


def card_response(texts: PageTexts, workspace: str) -> Response:
    """What a chat shows of a link: who asks for what, and nothing that could be scanned."""
    html = render_template(
        CARD,
        texts=texts,
        workspace=workspace,
        title=texts.card.title.format(workspace=workspace),
        text=texts.card.text.format(workspace=workspace),
    )
    return Response(html, 200, HEADERS, mimetype="text/html")


def prefetch_response() -> Response:
    """No page is kept for later: what it showed would be dead. Browsers drop what is no success."""
    return Response(status=503, headers=HEADERS)


def svg_response(text: str) -> Response:
    """The QR alone."""
    return Response(qr_svg(text), 200, HEADERS, mimetype="image/svg+xml")


def _render(values: Mapping[str, Any], status: int) -> Response:
    nonce = secrets.token_urlsafe(16)
    texts: PageTexts = values["texts"]
    html = render_template(TEMPLATE, nonce=nonce, languages=menu(texts), **values)
    headers = HEADERS | {"Content-Security-Policy": _policy(nonce), "Content-Language": texts.locale}
    return Response(html, status, headers, mimetype="text/html")


def _policy(nonce: str) -> str:
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
