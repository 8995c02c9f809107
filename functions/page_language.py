"""Which language a reader of the hosted page gets.

Rule: what the reader chose on the page counts before all else, then the locale that the workspace gave the
session, then what the browser accepts. Nobody is asked for a language before seeing the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from flask import Request, Response

from functions.page_cookies import set_page_cookie
from functions.page_texts import PageTexts
from functions.page_texts_ar import ARABIC
from functions.page_texts_en import ENGLISH
from functions.page_texts_es import SPANISH
from functions.page_texts_hi import HINDI
from functions.page_texts_id import INDONESIAN
from functions.page_texts_pt import PORTUGUESE
from storage.workspaces import Workspace

CATALOGUE: Mapping[str, PageTexts] = {
    texts.locale: texts for texts in (ENGLISH, INDONESIAN, PORTUGUESE, SPANISH, HINDI, ARABIC)
}
"""Languages of the page, in the order of its menu. A new one is a module beside `page_texts_en` and a word
here."""

DEFAULT = ENGLISH
PARAMETER = "lang"
"""In the address: a choice made on the page."""
COOKIE = "page_language"
"""The same choice, for the next visit; it says nothing else about the reader."""
COOKIE_LIFE = timedelta(days=365)
COOKIE_PATH = "/link"
"""Of every link: who reads one page in Hindi reads the next one so as well."""

OLD_NAMES = {"in": "id"}
"""Java, and with it old Android phones, still write Indonesian so."""


@dataclass(frozen=True, kw_only=True)
class MenuEntry:
    """A language in the menu, in its own words and script."""

    locale: str
    name: str
    direction: str
    query: str
    current: bool


def choose_texts(wishes: Iterable[str | None]) -> PageTexts:
    """The first language that we speak; `pt-BR` is answered with `pt`. The first wish for that language that
    names a region says how its numbers are written."""
    parsed = [_parsed(wish) for wish in wishes if wish]
    language = next((language for language, _ in parsed if language in CATALOGUE), DEFAULT.locale)
    texts = CATALOGUE[language]
    region = next((region for wished, region in parsed if wished == language and region), "")
    numbers = texts.numbers.in_region(region)
    return texts if numbers is texts.numbers else replace(texts, numbers=numbers)


def wishes_of(request: Request, session_locale: str | None) -> list[str | None]:
    """Everything that speaks for a language, the strongest first."""
    accepted = [language for language, quality in request.accept_languages if quality > 0]
    return [chosen(request), request.cookies.get(COOKIE), session_locale, *accepted]


def chosen(request: Request) -> str | None:
    """The language that the address asks for, if it is one of ours."""
    asked = request.args.get(PARAMETER, "")
    return asked if asked in CATALOGUE else None


def query_of(locale: str | None) -> str:
    """Carries a choice in an address."""
    return f"?{PARAMETER}={locale}" if locale else ""


def menu(texts: PageTexts) -> tuple[MenuEntry, ...]:
    """Every language; plain links, so that it works without script."""
    return tuple(
        MenuEntry(
            locale=other.locale,
            name=other.name,
            direction=other.direction,
            query=query_of(other.locale),
            current=other.locale == texts.locale,
        )
        for other in CATALOGUE.values()
    )


def remember(response: Response, locale: str, *, workspace: Workspace, public_url: str) -> None:
    """Keep a choice for the next visit of this browser."""
    set_page_cookie(
        response,
        COOKIE,
        locale,
        workspace=workspace,
        public_url=public_url,
        path=COOKIE_PATH,
        max_age=COOKIE_LIFE,
    )


def _parsed(tag: str) -> tuple[str, str]:
    """Language and region of `ar-MA`, `pt_BR` or `es-419`."""
    language, *rest = tag.replace("_", "-").split("-")
    language = language.strip().lower()
    region = next((part.upper() for part in rest if len(part) == 2), "")
    return OLD_NAMES.get(language, language), region
