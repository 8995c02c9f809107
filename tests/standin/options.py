"""What the stand-in is asked to be. Weight presets first, then single options on top.

Options the page obeys are read when its index document is served, so they hold for pages loaded afterwards;
options the server obeys are read when they are needed.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Literal


class BadOption(ValueError):
    """An option that does not exist, or a value of the wrong kind; the message names it."""


@dataclass(frozen=True, kw_only=True)
class Options:
    # -- weight: what the page costs
    weight: str = "light"  # the preset the rest started from
    modules: int = 40  # generated modules, half of which run at boot
    script_bytes: int = 40_000  # their source, all files together
    index_bytes: int = 4_000  # the index document
    heap_bytes: int = 0  # JavaScript heap of a page that booted; what is missing is made up by retained rows
    chats: int = 12

    # -- tempo
    boot_ms: int = 80  # least time from navigation to the first socket; modules register all along
    ref_ms: int = 20  # socket open to first ref
    link_ms: int = 80  # scan accepted to linked
    sync_ms: int = 150  # CONNECTED to hasSynced, first time
    restored_sync_ms: int = 80  # the same for a profile that still has its chats
    reconnect_ms: int = 150  # a page that lost its socket waits this long, doubling up to 2 s

    # -- linking
    first_ref_ms: int = 60_000
    next_ref_ms: int = 20_000
    refs: int = 6  # then UNPAIRED_IDLE
    qr_platform: bool = True  # the fifth part of the QR text
    pairing_code_ms: int = 180_000
    device_limit: int = 4
    passkey: bool = False
    passkey_ms: int = 600_000
    after_link: Literal["stay", "reconnect", "reload"] = "reconnect"
    late_number: int | Literal["never"] | None = None  # ms after hasSynced; never: only Conn.me knows

    # -- trouble
    debug: Literal["present", "late", "absent"] = "present"  # window.Debug.VERSION
    debug_late_ms: int = 1_500  # after boot
    strict_csp: bool = True
    refuse_headless: bool = False
    refuse_all: bool = False  # no browser is good enough, whatever it says it is
    never_qr: bool = False
    broken_index: bool = False  # a bad release: the index document names too few scripts, so nothing starts
    sw_keeps_index: bool = False  # the service worker answers with the index document that it saw first
    http_500: bool = False
    slow_index_ms: int = 0
    hang: bool = False  # the index document never comes
    ping_ms: int = 10_000  # a socket silent this long is closed

    renamed_module: str = ""  # a release in which this module has another name: the old one and "New"

    version: str = "2.3000.1043987654"


PRESETS: dict[str, dict[str, Any]] = {
    "light": {},
    # The figures every published measurement uses (facts: "What the stand-in must be").
    "medium": {
        "modules": 5_400,
        "script_bytes": 6_000_000,
        "index_bytes": 580_000,
        "heap_bytes": 40_000_000,
        "chats": 100,
        "boot_ms": 800,
        "ref_ms": 500,
        "link_ms": 600,
        "sync_ms": 3_000,
        "restored_sync_ms": 2_000,
    },
}

CHOICES: dict[str, tuple[Any, ...]] = {
    "weight": tuple(PRESETS),
    "after_link": ("stay", "reconnect", "reload"),
    "debug": ("present", "late", "absent"),
}


def parse(given: dict[str, Any]) -> Options:
    """Options of a preset with single ones on top."""
    weight = given.get("weight", "light")
    if weight not in PRESETS:
        raise BadOption(f"weight {weight!r}: must be one of {', '.join(PRESETS)}")
    return patch(Options(**{**PRESETS[weight], "weight": weight}), given)


def patch(options: Options, given: dict[str, Any]) -> Options:
    """The same options with some changed; a new weight starts from its preset."""
    if given.get("weight", options.weight) != options.weight:
        return parse(given)
    defaults = {field.name: field.default for field in fields(Options)}
    for name, value in given.items():
        if name not in defaults:
            raise BadOption(f"option {name!r} does not exist")
        if name in CHOICES:
            fits = value in CHOICES[name]
        elif name == "late_number":
            fits = value in (None, "never") or type(value) is int
        else:
            fits = type(value) is type(defaults[name])
        if not fits:
            raise BadOption(f"option {name!r} cannot be {value!r}")
    return replace(options, **given)
