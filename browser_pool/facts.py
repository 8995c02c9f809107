"""Facts that the page reports, parsed: the page is somebody else's code, so nothing in them is trusted."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

MAX_FACT_BYTES = 16 * 1024
"""The longest honest fact is a QR text of some 300 characters."""
LOOKUPS = (
    *("socket", "conn", "cmd", "me", "offline", "pairing", "chats"),
    *("noise", "signal", "advSecret", "platform", "ref", "number"),
)
"""What whatsapp.js looks up in the page. The last two are no modules: the QR on display, the own number."""
OUTCOMES = ("found", "fell_back", "missing")
MAX_REF_LENGTH = 2000
_E164_DIGITS = re.compile(r"[1-9][0-9]{5,14}")


@dataclass(frozen=True)
class Loaded:
    """Modules are there and we listen to them."""

    version: str
    missing: tuple[str, ...]


@dataclass(frozen=True)
class SocketState:
    """Socket.state, verbatim: OPENING, PAIRING, UNPAIRED, UNPAIRED_IDLE, CONNECTED, TIMEOUT, CONFLICT, …"""

    state: str


@dataclass(frozen=True)
class Synced:
    """Socket.hasSynced became true."""


@dataclass(frozen=True)
class RefShown:
    """The page displays this QR now."""

    text: str
    displayed: bool = True
    """False: put together from modules, because the page displayed none that we could find."""


@dataclass(frozen=True)
class RefStale:
    """The page stopped renewing its QR and shows a reload button."""


@dataclass(frozen=True)
class Me:
    """The account's own number, E.164."""

    phone_number: str
    name: str | None
    platform: str | None
    method: str


@dataclass(frozen=True)
class LoggedOut:
    """The phone, or we, removed this device."""

    how: str


@dataclass(frozen=True)
class PasskeyDemanded:
    """The page asks the owner for a passkey."""


@dataclass(frozen=True)
class Progress:
    """Share of the offline messages that arrived."""

    percent: float


@dataclass(frozen=True)
class Foreign:
    """A page without WhatsApp Web's module system."""

    refuses_browser: bool


@dataclass(frozen=True)
class Probed:
    """Which lookups a booted page answered: (name, found, fell_back or missing)."""

    outcomes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LookupFailed:
    """Something we need of the page's insides is not there."""

    what: str


Fact = (
    Loaded
    | SocketState
    | Synced
    | RefShown
    | RefStale
    | Me
    | LoggedOut
    | PasskeyDemanded
    | Progress
    | Foreign
    | LookupFailed
    | Probed
)


def parse_fact(payload: str) -> Fact | None:
    """None for anything that is not a well-formed fact."""
    if len(payload) > MAX_FACT_BYTES:
        return None
    try:
        raw = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    return _build(raw)


def _text(raw: dict[str, Any], name: str, limit: int) -> str | None:
    value = raw.get(name)
    return value[:limit] if isinstance(value, str) else None


def _build(raw: dict[str, Any]) -> Fact | None:
    match raw.get("kind"):
        case "loaded":
            missing = raw.get("lookups")
            names = missing if isinstance(missing, list) else []
            return Loaded(_text(raw, "version", 64) or "", tuple(str(name)[:64] for name in names[:20]))
        case "state":
            state = _text(raw, "state", 64)
            return SocketState(state) if state else None
        case "synced":
            return Synced()
        case "ref":
            text = raw.get("text")
            if not isinstance(text, str) or not 0 < len(text) <= MAX_REF_LENGTH:
                return None
            return RefShown(text, raw.get("how") != "modules")
        case "ref_stale":
            return RefStale()
        case "me":
            number = _text(raw, "number", 32) or ""
            if _E164_DIGITS.fullmatch(number) is None:
                return None
            name, platform = _text(raw, "name", 200), _text(raw, "platform", 64)
            return Me("+" + number, name, platform, _text(raw, "method", 32) or "unknown")
        case "logged_out":
            return LoggedOut(_text(raw, "how", 32) or "unknown")
        case "passkey":
            return PasskeyDemanded()
        case "progress":
            percent = raw.get("percent")
            return Progress(float(percent)) if isinstance(percent, int | float) else None
        case "foreign":
            return Foreign(raw.get("refuses_browser") is True)
        case "broken":
            return LookupFailed(_text(raw, "what", 200) or "unknown")
        case "probed":
            return Probed(probe_outcomes(raw.get("outcomes")))
        case _:
            return None


def probe_outcomes(raw: object) -> tuple[tuple[str, str], ...]:
    """Those of known lookups, as far as they are well-formed: they become labels of a metric."""
    if not isinstance(raw, dict):
        return ()
    return tuple(
        (name, outcome)
        for name in LOOKUPS
        if isinstance(outcome := raw.get(name), str) and outcome in OUTCOMES
    )
