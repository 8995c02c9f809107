"""Makes docs/page/: every state of the hosted page, light and dark, on a phone and on a desk, and in two other
scripts. Run it after a change of the page, and look at what it made: `python -m tests.page_pictures`.

Hindi and Arabic want their fonts on the machine (Debian: fonts-noto-core).
"""

import io
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from storage.clock import ManualClock
from tests.integration.page_server import served
from tests.integration.page_site import PageSite
from tests.integration.page_states import STATES, State
from tests.standin import chromium

FOLDER = Path(__file__).parent.parent / "docs" / "page"
PHONE: ViewportSize = {"width": 390, "height": 780}
DESK: ViewportSize = {"width": 1200, "height": 760}
COLOURS = 96
"""Of a picture that is stored: flat surfaces and text lose nothing, and a picture takes a fifth."""
SHEET_WIDTH = 2400
GAP = 24


@dataclass(frozen=True)
class Look:
    """How a series of pictures is taken."""

    name: str
    viewport: ViewportSize
    scheme: str = "light"
    locale: str = "en"
    single: bool = True
    """Store each picture, and not the sheet alone."""


LOOKS = (
    Look("phone-light", PHONE),
    Look("phone-dark", PHONE, "dark"),
    Look("desk-light", DESK),
    Look("desk-dark", DESK, "dark"),
    Look("phone-arabic", PHONE, locale="ar", single=False),
    Look("phone-hindi", PHONE, locale="hi", single=False),
    Look("desk-arabic", DESK, locale="ar", single=False),
    Look("narrow", {"width": 320, "height": 640}, locale="id", single=False),
)

README = (("scan", "scan"), ("linked", "linked"))
"""States that the README shows, taken at twice the size."""


def picture(browser: Browser, site: PageSite, state: State, look: Look, scale: float = 1) -> Image.Image:
    """The whole page as a new visitor sees it."""
    context = browser.new_context(
        viewport=look.viewport,
        color_scheme="dark" if look.scheme == "dark" else "light",
        device_scale_factor=scale,
        reduced_motion="reduce",
    )
    try:
        page = context.new_page()
        page.goto(state.address(site, look.locale))
        if state.then is not None:
            state.then(page)
        return Image.open(io.BytesIO(page.screenshot(full_page=True, animations="disabled")))
    finally:
        context.close()


def store(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    few = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def sheet(pictures: list[tuple[str, Image.Image]], dark: bool) -> Image.Image:
    """All states side by side with their names, half as large."""
    small = [(name, image.resize((image.width // 2, image.height // 2))) for name, image in pictures]
    width = max(image.width for _, image in small) + GAP
    height = max(image.height for _, image in small) + 2 * GAP
    columns = max(1, SHEET_WIDTH // width)
    back, ink = ("#05080a", "#c8d4ce") if dark else ("#ccd5d0", "#26332d")
    paper = Image.new("RGB", (columns * width + GAP, math.ceil(len(small) / columns) * height + GAP), back)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(14)
    for place, (name, image) in enumerate(small):
        left, top = GAP + place % columns * width, GAP + place // columns * height
        draw.text((left, top - 2), name, fill=ink, font=font)
        paper.paste(image, (left, top + GAP - 4))
    return paper


def chosen(names: list[str]) -> Iterator[Look]:
    yield from (look for look in LOOKS if not names or look.name in names)


def main(names: list[str]) -> None:
    """All series, or those that are named."""
    with (
        tempfile.TemporaryDirectory() as directory,
        served(Path(directory), ManualClock()) as site,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium.path(), args=chromium.flags())
        for look in chosen(names):
            taken = []
            for state in STATES:
                image = picture(browser, site, state, look)
                taken.append((state.name, image))
                if look.single:
                    store(image, FOLDER / look.name / f"{state.name}.png")
            store(sheet(taken, look.scheme == "dark"), FOLDER / f"{look.name}.png")
            print(f"{look.name}: {len(taken)} states")
        if not names:
            for name, file in README:
                state = next(state for state in STATES if state.name == name)
                store(picture(browser, site, state, Look("readme", DESK), scale=1.5), FOLDER / f"{file}.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
