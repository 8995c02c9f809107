"""The look that a workspace gives its hosted pages: an accent colour, made readable, and a logo.

Rule: a colour is moved towards black in light mode and towards white in dark mode until everything written in
it or on it has the contrast of WCAG 2.2 AA. The template's own colours hold where a workspace has none.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.page_settings import BadSetting, logo_origin
from storage.workspaces import Workspace

AA_TEXT = 4.5
"""WCAG 2.2, 1.4.3: of text that is not large."""
HOVER = 1.07
"""A button under the pointer is that much brighter, and still readable."""

_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_STEP = 0.02

Rgb = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Surface:
    """What lies under the accent in one mode: variables of the template's style."""

    card: Rgb
    page: Rgb
    towards: Rgb
    tint: float
    """How much of the accent is in the soft background of marks and badges."""


LIGHT = Surface(card=(0xFF, 0xFF, 0xFF), page=(0xF2, 0xF5, 0xF3), towards=_BLACK, tint=0.1)
DARK = Surface(card=(0x16, 0x1E, 0x1B), page=(0x0D, 0x13, 0x11), towards=_WHITE, tint=0.2)


@dataclass(frozen=True, kw_only=True)
class Theme:
    """What differs from the page as it is."""

    css: str = ""
    """Variables of the style sheet; made of computed colours only."""
    logo_url: str | None = None
    logo_origin: str | None = None

    @property
    def key(self) -> str:
        """Equal for themes that look the same."""
        return f"{self.css} {self.logo_url or ''}"


PLAIN = Theme()


def theme_of(workspace: Workspace) -> Theme:
    """As the workspace's settings say. A logo whose origin is not listed any more is left out."""
    css = "" if workspace.accent_color is None else _css(read_rgb(workspace.accent_color))
    logo = _allowed_logo(workspace)
    if logo is None:
        return Theme(css=css)
    return Theme(css=css, logo_url=workspace.logo_url, logo_origin=logo)


def _allowed_logo(workspace: Workspace) -> str | None:
    if workspace.logo_url is None:
        return None
    try:
        origin = logo_origin(workspace.logo_url)
    except BadSetting:
        return None
    return origin if origin in workspace.logo_origins else None


def _css(accent: Rgb) -> str:
    light, dark = _variables(accent, LIGHT), _variables(accent, DARK)
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def _variables(accent: Rgb, surface: Surface) -> str:
    readable = readable_accent(accent, surface)
    named = {
        "accent": readable,
        "on-accent": text_on(readable),
        "tint": mix(surface.card, readable, surface.tint),
    }
    return ";".join(f"--{name}:{to_hex(color)}" for name, color in named.items())


def readable_accent(accent: Rgb, surface: Surface) -> Rgb:
    """The nearest colour to this one that can be read on the surface, and on which can be written."""
    steps = round(1 / _STEP)
    moved = (mix(accent, surface.towards, step / steps) for step in range(steps + 1))
    return next(color for color in moved if _is_readable(color, surface))


def _is_readable(color: Rgb, surface: Surface) -> bool:
    under = (surface.card, surface.page, mix(surface.card, color, surface.tint))
    over = text_on(color)
    return all(contrast(color, one) >= AA_TEXT for one in under) and all(
        contrast(brighter(over, by), brighter(color, by)) >= AA_TEXT for by in (1, HOVER)
    )


def text_on(color: Rgb) -> Rgb:
    """Black or white, whatever is easier to read there."""
    return max(_WHITE, _BLACK, key=lambda text: contrast(text, color))


def contrast(one: Rgb, other: Rgb) -> float:
    """From 1 to 21, as WCAG computes it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Rgb) -> float:
    red, green, blue = (_linear(part / 255) for part in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    """So much of the other colour in the one."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def brighter(color: Rgb, factor: float) -> Rgb:
    """As the CSS filter brightness() does it."""
    red, green, blue = (min(255, round(part * factor)) for part in color)
    return red, green, blue


def read_rgb(text: str) -> Rgb:
    """#0a7a55 as three numbers."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def to_hex(color: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
