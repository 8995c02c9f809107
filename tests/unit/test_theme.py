"""Any accent colour can be read on the page, in light and in dark."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.theme import AA_TEXT, DARK, LIGHT, Rgb, Surface, contrast, mix, read_rgb, theme_of
from storage.clock import ManualClock
from storage.workspaces import Workspace

STYLE = (Path(__file__).parent.parent.parent / "templates" / "link.html").read_text(encoding="utf-8")
WCAG_NON_TEXT = 3.0


def workspace(**fields: object) -> Workspace:
    return Workspace(
        id="w",
        name="Toko",
        webhook_secret="",
        created_at=ManualClock().now(),
        **fields,  # type: ignore[arg-type]
    )


def css_of(color: str) -> tuple[dict[str, Rgb], dict[str, Rgb]]:
    """Variables in light and in dark mode."""
    light, dark = theme_of(workspace(accent_color=color)).css.split("@media")
    return variables(light), variables(dark)


def variables(css: str) -> dict[str, Rgb]:
    return {name: read_rgb(value) for name, value in re.findall(r"--([\w-]+):(#[0-9a-f]{6})", css)}


@given(st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)))
def test_every_colour_becomes_one_that_can_be_read(color: Rgb) -> None:
    for named, surface in zip(css_of("#{:02x}{:02x}{:02x}".format(*color)), (LIGHT, DARK), strict=True):
        accent, on_accent, tint = named["accent"], named["on-accent"], named["tint"]
        for under in (surface.card, surface.page, tint):
            assert contrast(accent, under) >= AA_TEXT
        assert contrast(on_accent, accent) >= AA_TEXT


@pytest.mark.parametrize("color", ["#0a7a55", "#1d4ed8", "#b3261e", "#000000"])
def test_a_colour_that_can_be_read_stays_as_it_is(color: str) -> None:
    assert css_of(color)[0]["accent"] == read_rgb(color)


def test_a_colour_that_cannot_be_read_keeps_its_hue() -> None:
    red, green, blue = css_of("#ffd400")[0]["accent"]
    assert red > green > blue


@pytest.mark.parametrize(("surface", "mode"), [(LIGHT, 0), (DARK, 1)])
def test_the_surfaces_are_those_of_the_template(surface: Surface, mode: int) -> None:
    roots = re.findall(r":root\{([^}]*)\}", STYLE)
    short = re.sub(r"(--[\w-]+:#)([0-9a-f])([0-9a-f])([0-9a-f])(?=[;}]|$)", r"\1\2\2\3\3\4\4", roots[mode])
    named = variables(short)
    assert (named["card"], named["bg"]) == (surface.card, surface.page)
    ink_on_tint = contrast(named["ink"], mix(surface.card, named["accent"], surface.tint))
    assert ink_on_tint >= AA_TEXT


def test_a_workspace_without_a_colour_has_the_templates() -> None:
    assert theme_of(workspace()).css == ""


def test_a_logo_whose_origin_was_taken_away_is_left_out() -> None:
    url = "https://cdn.example.com/logo.png"
    shown = theme_of(workspace(logo_url=url, logo_origins=("https://cdn.example.com",)))
    assert (shown.logo_url, shown.logo_origin) == (url, "https://cdn.example.com")
    assert theme_of(workspace(logo_url=url)).logo_url is None
