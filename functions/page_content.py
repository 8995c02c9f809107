"""Everything that stands on the hosted page, in one language: a screen turned into words.

Rule: what is not in `PageContent` cannot be on the page; the template chooses no text and no fact.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from functions.link_view import (
    BEFORE_SCAN,
    OFFERS_NEW_QR,
    OFFERS_PAIRING,
    OFFERS_WAY_BACK,
    SHOWS_LINKED,
    LinkView,
    Screen,
)
from functions.page_texts import Explanation, Message, PageTexts, split_at
from functions.phone_field import spaced
from storage.models import LINKING, Phase, ReasonCode

Badge = tuple[Literal["tick", "clock", "key", "alert", "chain", "phone"], Literal["good", "warn", "bad"]]
"""A picture from the template, and its tone."""

_PAIR = frozenset({Screen.QUEUED, Screen.PREPARING, Screen.SCAN, Screen.CODE})

ENDING_DIGITS = 3
"""Enough to tell one's own phones apart, too few to learn a number from."""

_UNBROKEN = {ord(" "): "\N{NO-BREAK SPACE}", ord("-"): "\N{NON-BREAKING HYPHEN}"}
"""A number inside a sentence stays on one line, or its end is taken for another number."""

_BADGES: dict[Screen, Badge] = {
    Screen.NOT_STARTED: ("phone", "good"),
    Screen.PASSKEY: ("key", "warn"),
    Screen.LINKED: ("tick", "good"),
    Screen.LINKED_WITHOUT_NUMBER: ("tick", "good"),
    Screen.RECONNECTING: ("chain", "warn"),
    Screen.EXPIRED: ("clock", "warn"),
    Screen.LOGGED_OUT: ("chain", "warn"),
    Screen.FAILED: ("alert", "bad"),
    Screen.REPLACED: ("chain", "good"),
    Screen.DELETED: ("chain", "warn"),
}


@dataclass(frozen=True, kw_only=True)
class Action:
    """A button that posts."""

    name: str
    label: str
    url: str
    quiet: bool = False


@dataclass(frozen=True, kw_only=True)
class PageContent:
    """What the template puts down."""

    document_title: str
    title: str
    text: str
    next_step: str = ""
    layout: Literal["pair", "solo"] = "solo"
    """Head and QR side by side where there is room, or one centred column."""
    screen: str = "message"
    workspace: str = ""
    mark: str = "?"
    """First letter of the workspace, in place of a logo."""
    asks: tuple[str, str] = ("", "")
    """What stands before and after the workspace's name."""
    progress: tuple[str, ...] = ()
    badge: Badge | None = None
    """None turns a wheel: something is going on."""
    qr_text: str | None = None
    code: str | None = None
    ends: tuple[str, str] | None = None
    left: str = ""
    steps: tuple[str, ...] = ()
    means: str = ""
    """What linking is, while it can still be left."""
    expects: str = ""
    remove_later: str = ""
    help: bool = False
    """Offer what to do when the phone says no."""
    by_phone: bool = False
    """The number is asked for in place of a picture."""
    typed: str = ""
    """A number that was given before."""
    offers_qr: bool = False
    """One tap leads to the QR."""
    returning: tuple[str, str] | None = None
    phone_number: str | None = None
    return_url: str | None = None
    """Ours, which leads to the backend with a fresh signature."""
    back_is_quiet: bool = False
    back_to: str = ""
    action: Action | None = None
    pairing_url: str | None = None

    @property
    def classes(self) -> str:
        """For the style sheet."""
        return f"{self.layout} {self.screen}{' by-phone' if self.by_phone else ''}"

    @property
    def said(self) -> str:
        """What a screen reader is told when the state has changed. Not how it is getting on: a place in the
        line and a phase change every second, and nobody wants to hear each."""
        parts = (self.title, self.phone_number, self.text, self.next_step)
        return " ".join(part for part in parts if part)


def content_of(view: LinkView, texts: PageTexts, *, workspace: str, page_url: str) -> PageContent:
    """Put a screen into words."""
    session, screen = view.session, view.screen
    scan_goes_on = _renewing(view)
    message = texts.by_phone if view.by_phone else texts.screens[Screen.SCAN if scan_goes_on else screen]
    explanation = _explanation(view, texts)
    badge = _BADGES[Screen.NOT_STARTED] if view.by_phone else _BADGES.get(screen)
    named = isolated(workspace, texts)
    phone = spaced(session.pairing_phone_number if screen is Screen.CODE else session.phone_number)
    names = {
        "workspace": named,
        "phone": isolated((phone or "").translate(_UNBROKEN), texts),
        "ending": isolated((session.expected_phone or "…")[-ENDING_DIGITS:], texts),
    }
    before_scan = screen in BEFORE_SCAN or screen is Screen.CODE
    return PageContent(
        document_title=f"{message.title} · {named}",
        workspace=workspace,
        mark=(workspace.strip() or "?")[0].upper(),
        asks=split_at(texts.asks if session.status in LINKING else texts.about, "workspace"),
        layout="pair" if screen in _PAIR and not view.by_phone else "solo",
        screen=screen,
        title=message.title,
        text=(explanation.what if explanation else message.text).format_map(names),
        next_step=(explanation.next_step if explanation else message.next_step).format_map(names),
        progress=_progress(view, texts) if not view.by_phone else (),
        badge=badge,
        means=texts.means.format_map(names) if before_scan else "",
        expects=texts.expects.format_map(names) if before_scan and session.expected_phone else "",
        remove_later=texts.remove_later if screen in SHOWS_LINKED else "",
        help=view.by_phone or screen in {Screen.SCAN, Screen.CODE, Screen.EXPIRED},
        by_phone=view.by_phone,
        typed=spaced(session.requested_phone) or "",
        offers_qr=view.by_phone or screen is Screen.CODE,
        qr_text=session.qr_text if screen is Screen.SCAN and not view.by_phone else None,
        code=session.pairing_code if screen is Screen.CODE else None,
        ends=_ends(view, texts),
        left="" if view.ends_in is None else texts.numbers.countdown(view.ends_in),
        steps=() if view.by_phone else _steps(view, texts),
        phone_number=spaced(session.phone_number) if screen in SHOWS_LINKED else None,
        return_url=f"{page_url}/return" if _leads_back(view) else None,
        back_is_quiet=screen not in SHOWS_LINKED,
        returning=split_at(texts.returning.replace("{workspace}", named), "time")
        if screen is Screen.LINKED
        else None,
        back_to=texts.back_to.format_map(names),
        action=None if view.by_phone else _action(screen, texts, page_url),
        pairing_url=f"{page_url}/pairing-code" if screen in OFFERS_PAIRING else None,
    )


def message_page(message: Message, workspace: str, badge: Badge) -> PageContent:
    """A page that says one thing."""
    names = {"workspace": workspace}
    return PageContent(
        document_title=message.title,
        title=message.title,
        text=message.text.format_map(names),
        next_step=message.next_step.format_map(names),
        badge=badge,
    )


def isolated(name: str, texts: PageTexts) -> str:
    """A name inside a sentence, so that a sentence of the other direction does not take it apart: in Arabic a
    phone number would else be read from its last group."""
    foreign = any(unicodedata.bidirectional(letter) in {"R", "AL", "AN"} for letter in name)
    if texts.direction == "ltr" and not foreign:
        return name
    return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"


def web_address(url: str | None) -> str | None:
    """Only http and https become a link: a `javascript:` address would run here."""
    return url if url is not None and urlsplit(url).scheme in {"http", "https"} else None


def _explanation(view: LinkView, texts: PageTexts) -> Explanation | None:
    if _is_restricted(view):
        return Explanation(texts.reasons[ReasonCode.ACCOUNT_RESTRICTED].what, "")
    if view.screen not in {Screen.EXPIRED, Screen.LOGGED_OUT, Screen.FAILED}:
        return None
    try:
        return texts.reasons[ReasonCode(view.session.reason_code or "")]
    except (ValueError, KeyError):
        return texts.unknown_reason


def _progress(view: LinkView, texts: PageTexts) -> tuple[str, ...]:
    session = view.session
    match view.screen:
        case Screen.QUEUED:
            lines = []
            if session.queue_position is not None:
                lines.append(
                    texts.queue_position.format(position=texts.numbers.whole(session.queue_position))
                )
            if session.queue_estimated_wait_ms:
                wait = timedelta(milliseconds=session.queue_estimated_wait_ms)
                lines.append(texts.queue_wait.format(time=texts.numbers.about(wait)))
            return tuple(lines)
        case Screen.PREPARING:
            line = texts.qr_renewing if _renewing(view) else texts.phases[session.phase or Phase.LAUNCHING]
            return (line, texts.takes_longer) if view.late else (line,)
        case Screen.LINKING:
            number_missing = session.connected_at is not None
            return (texts.phases[Phase.READING_PHONE if number_missing else session.phase or Phase.LINKING],)
        case _:
            return ()


def _renewing(view: LinkView) -> bool:
    """One QR is over and the next one on its way: all but the QR stays as it is, and nothing is announced."""
    session = view.session
    shown_before = session.qr_text is not None or session.phase is Phase.WAITING_FOR_SCAN
    return view.screen is Screen.PREPARING and shown_before


def _is_restricted(view: LinkView) -> bool:
    """Linked, and WhatsApp does not let it work: "being restored" would be a lie."""
    restricted = view.session.reason_code == ReasonCode.ACCOUNT_RESTRICTED
    return view.screen is Screen.RECONNECTING and restricted


def _leads_back(view: LinkView) -> bool:
    return view.screen in OFFERS_WAY_BACK and web_address(view.session.return_url) is not None


def _steps(view: LinkView, texts: PageTexts) -> tuple[str, ...]:
    """Shown before the code is there, so that the phone is at hand when it comes."""
    screen, session = view.screen, view.session
    code_comes = screen is not Screen.SCAN and session.requested_phone is not None
    if screen is Screen.CODE or (code_comes and screen in _PAIR):
        return texts.code_steps
    return texts.scan_steps if screen in _PAIR else ()


def _ends(view: LinkView, texts: PageTexts) -> tuple[str, str] | None:
    if view.ends_in is None:
        return None
    sentences = {
        Screen.SCAN: texts.qr_ends,
        Screen.CODE: texts.code_ends,
        Screen.PASSKEY: texts.passkey_ends,
    }
    return split_at(sentences[view.screen], "time")


def _action(screen: Screen, texts: PageTexts, page_url: str) -> Action | None:
    if screen is Screen.NOT_STARTED:
        return Action(name="start", label=texts.start, url=f"{page_url}/start")
    if screen in OFFERS_NEW_QR:
        quiet = screen is Screen.PASSKEY
        return Action(name="refresh", label=texts.new_qr, url=f"{page_url}/refresh", quiet=quiet)
    return None
