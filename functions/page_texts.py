"""What the hosted page says: the shape of a language.

Rule: every language is one complete `PageTexts`; the type checker finds a missing text. Sentences carry
names in braces. Nothing is counted outside `numbers`, which knows the plural forms of the language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from functions.link_view import Screen
from functions.page_numbers import Numbers
from storage.models import Phase, ReasonCode


@dataclass(frozen=True)
class Message:
    """A headline, what it means, and what to do next."""

    title: str
    text: str
    next_step: str = ""


@dataclass(frozen=True)
class Explanation:
    """A reason in plain words, and the next step."""

    what: str
    next_step: str


@dataclass(frozen=True, kw_only=True)
class PageTexts:
    """One language. {workspace}, {phone}, {ending}, {position}, {time} stand for themselves; {ending} are the
    last digits of the number that the workspace expects."""

    locale: str
    name: str
    """What its speakers call it; stands in the menu of every language."""
    direction: Literal["ltr", "rtl"]
    numbers: Numbers
    languages: str
    """Names the menu of languages for those who do not see it."""

    asks: str
    """Who asks for what, above the screens on the way to a link."""
    about: str
    """Whose link this is, above the others."""
    means: str
    """What linking means, in one or two sentences, before anybody scans."""
    expects: str
    """Which account to link, when the workspace said it."""
    remove_later: str
    """How to undo it one day; below the number."""
    screens: Mapping[Screen, Message]
    phases: Mapping[Phase, str]
    """What is happening now, inside PREPARING and LINKING."""
    reasons: Mapping[ReasonCode, Explanation]
    unknown_reason: Explanation
    """For a reason that this release does not know."""

    scan_steps: tuple[str, ...]
    code_steps: tuple[str, ...]
    help_summary: str
    """Opens the lines below: the phone says no, and WhatsApp does not tell us why."""
    help_lines: tuple[str, ...]
    qr_label: str
    """Names the picture for those who do not see it."""
    qr_ends: str
    code_ends: str
    passkey_ends: str
    """{time} runs down, as m:ss."""
    qr_renewing: str
    queue_position: str
    queue_wait: str
    takes_longer: str
    """No computer is free, or a phase lasts longer than it should."""

    start: str
    new_qr: str
    back_to: str
    returning: str
    """{time} runs down; then the browser goes back to the workspace by itself."""
    stay: str
    """Button: do not go back by itself."""

    by_phone: Message
    """The page on a phone, where the pairing code comes before the QR."""
    show_qr: str
    """From there to the QR, one tap."""
    copy_code: str
    code_copied: str
    pairing_summary: str
    pairing_hint: str
    pairing_country: str
    """Label of the list of countries, which is there with script only."""
    pairing_number: str
    """Label of the field beside that list."""
    pairing_field: str
    """Label of the field alone, without script."""
    pairing_example: str
    pairing_submit: str
    pairing_again: str
    phone_missing: str
    phone_without_country: str
    phone_wrong: str
    phone_not_expected: str
    """The workspace said whose number it waits for, and this is another."""
    busy: str
    """The person asked for something, and nobody could do it right now."""

    retrying: str
    """A poll failed; the page goes on trying."""
    refreshes_itself: str
    """For those without script."""

    unknown_link: Message
    expired_link: Message
    revoked_link: Message
    """The workspace ended the link, not the session."""
    finished_link: Message
    """The link has run out, after it did what it was for."""
    other_browser: Message
    """The link belongs to the browser that opened it first."""
    card: Message
    """What a chat shows of a link before anybody opens it: title and text."""
    foreign_form: Message


def split_at(text: str, name: str) -> tuple[str, str]:
    """The parts of a sentence around `{name}`, where the template puts an element."""
    before, found, after = text.partition("{" + name + "}")
    if not found:
        raise ValueError(f"no {{{name}}} in {text!r}")
    return before, after
