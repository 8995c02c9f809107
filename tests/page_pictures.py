"""Makes docs/page/: every state of the hosted page, light and dark, on a phone and on a desk, and in two
other scripts. Run it after a change of the page, and look at what it made: `python -m tests.page_pictures`.

Hindi and Arabic want their fonts on the machine (Debian: fonts-noto-core).
"""

import io
import logging
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
COLOURS = 48
"""Of a picture that is stored: flat surfaces and text lose nothing, and a picture takes a fifth."""
SHEET_WIDTH = 2500
GAP = 24


@dataclass(frozen=True)
class Look:
    """How a series of pictures is taken."""

    name: str
    viewport: ViewportSize
    scheme: str = "light"
    locale: str = "en"
    sheet: bool = False
    """All states on one picture, half as large."""


LOOKS = (
    Look("phone-light", PHONE),
    Look("phone-dark", PHONE, "dark"),
    Look("desk-light", DESK),
    Look("desk-dark", DESK, "dark", sheet=True),
    Look("phone-arabic", PHONE, locale="ar", sheet=True),
    Look("phone-hindi", PHONE, locale="hi", sheet=True),
    Look("narrow-indonesian", {"width": 320, "height": 640}, locale="id", sheet=True),
)

IN_README = (("scan", "scan"), ("linked", "linked"))
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
        state.enter(page, site, look.locale)
        return Image.open(io.BytesIO(page.screenshot(full_page=True, animations="disabled")))
    finally:
        context.close()


def store(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb = image.convert("RGB")
    rgb.quantize(palette=palette_of(rgb), dither=Image.Dither.NONE).save(path, optimize=True)


def palette_of(image: Image.Image) -> Image.Image:
    """The surfaces exactly as they are, and the best few for what lies between: left to itself the
    quantiser gives up a small red badge for one more grey."""
    counted = sorted(image.getcolors(image.width * image.height) or [], reverse=True)
    exact = [part for _, colour in counted[:COLOURS] for part in colour]
    rest = image.quantize(COLOURS, dither=Image.Dither.NONE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette((exact + rest)[: 256 * 3])
    return palette


def sheet(pictures: list[tuple[str, Image.Image]], dark: bool) -> Image.Image:
    """All states side by side with their names, half as large."""
    small = [(name, image.resize((image.width // 2, image.height // 2))) for name, image in pictures]
    width = max(image.width for _, image in small) + GAP
    columns = max(1, SHEET_WIDTH // width)
    rows = [small[start : start + columns] for start in range(0, len(small), columns)]
    heights = [max(image.height for _, image in row) + 2 * GAP for row in rows]
    back, ink = ("#05080a", "#c8d4ce") if dark else ("#ccd5d0", "#26332d")
    paper = Image.new("RGB", (columns * width + GAP, sum(heights) + GAP), back)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(14)
    for place, row in enumerate(rows):
        top = GAP + sum(heights[:place])
        for column, (name, image) in enumerate(row):
            left = GAP + column * width
            draw.text((left, top - 2), name, fill=ink, font=font)
            paper.paste(image, (left, top + GAP - 4))
    return paper


def chosen(names: list[str]) -> Iterator[Look]:
    yield from (look for look in LOOKS if not names or look.name in names)


def main(names: list[str]) -> None:
    """All series, or those that are named."""
    logging.disable()  # the server's access log
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
                if not look.sheet:
                    store(image, FOLDER / look.name / f"{state.name}.png")
            if look.sheet:
                store(sheet(taken, look.scheme == "dark"), FOLDER / f"{look.name}.png")
            print(f"{look.name}: {len(taken)} states")
        if not names:
            for name, file in IN_README:
                state = next(state for state in STATES if state.name == name)
                store(picture(browser, site, state, Look("readme", DESK), scale=1.5), FOLDER / f"{file}.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
